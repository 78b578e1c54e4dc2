"""Small made-up worlds for tests: round numbers, not anybody's country."""

import numpy as np

from sim.baseline.world import Care, Compute, Data, World
from sim.domain.holdings import Holdings, Performance, Respond
from sim.domain.lever import Catalogue, Item

ITEMS = (
    Item("scanner", "dermoscopy"),
    Item("outreach"),
    Item("reader", "dermatologist"),
    Item("steward"),
    Item("curator"),
    Item("annotation"),
    Item("synthesis"),
    Item("pretraining"),
    Item("federation"),
    Item("gpu_hours"),
    Item("gpu_server"),
    Item("audit"),
    Item("site"),
    Item("agreement"),
)
CAPEX = (
    3_000, 20_000, 15_000, 1_000, 2_000, 5_000, 500, 400, 20_000, 400, 250_000, 8_000, 6_000,
    50_000,
)  # fmt: skip
RUNNING = (
    1_500, 10_000, 18_000, 6_000, 9_000, 0, 0, 0, 5_000, 0, 40_000, 0, 1_500, 10_000,
)  # fmt: skip
LEAD_WEEKS = (16, 26, 104, 8, 8, 0, 0, 0, 26, 0, 40, 0, 20, 52)
LIFE_YEARS = (5, 5, 20, 20, 20, 1, 1, 1, 5, 1, 5, 1, 5, 10)
CAPACITY = (
    3_640, 4_000, 1_500, 8_000, 12_000, 100, 1_000, 100, 1, 100, 35_000, 1_000, 6_000, 1,
)  # fmt: skip


def small_world(regions: int = 2, groups: int = 2, *, population: float = 2e6) -> World:
    """Return a world of poor-to-rich made-up regions AAA, BBB, ... and one modality."""
    names = tuple(chr(ord("A") + i) * 3 for i in range(regions))
    r, m, g = regions, 1, groups
    rank = np.arange(1, r + 1, dtype=float)
    reach = np.linspace(0.6, 0.3, g)[None, None, :] * np.ones((r, m, 1))
    table = {
        "capex_usd": CAPEX,
        "running_usd": RUNNING,
        "lead_weeks": LEAD_WEEKS,
        "life_years": LIFE_YEARS,
        "capacity": CAPACITY,
    }
    prices = {
        name: np.tile(
            np.array(row, dtype=int if "_weeks" in name or "_years" in name else float), (r, 1)
        )
        for name, row in table.items()
    }
    maximum = np.full((r, len(ITEMS)), 200.0)
    maximum[:, [item.is_one_each for item in ITEMS]] = 1.0
    people = np.full((r, g), population / g)
    care = Care(
        population=people,
        need_per_year=people[:, None, :] * 0.005,
        reach=reach,
        units=np.floor(rank)[:, None] * np.ones((r, m)),
        units_per_facility=np.ones(m),
        exams_per_unit_day=np.full((r, m), 10.0),
        failures_per_week=np.full((r, m), 1 / 40),
        repairs_per_week=np.full((r, m), 1 / 8),
        priority=np.ones(g, dtype=np.int64),
        patience_weeks=np.full(m, 12.0),
        report_patience_weeks=np.full(m, 8.0),
        reader_hours_per_year=300.0 * rank[:, None],
        trainee_loss_share=0.1,
        hours_per_reader_year=np.full((r, 1), 1_500.0),
        protected_share=np.full(r, 0.02),
        reading_minutes=np.full(m, 10.0),
        ai_minutes_ratio=np.full(m, 0.1),
        reader_of=(0,),
        prevalence=np.full((r, m), 0.2),
        reader_sensitivity=np.full(m, 0.8),
        reader_specificity=np.full(m, 0.82),
        true_positive_usd=np.full((r, m), 50.0),
        false_positive_usd=np.full((r, m), 30.0),
    )
    data = Data(
        digital_share=np.full(r, 0.5),
        documented_share=np.full(r, 0.1),
        steward_studies_per_year=np.full(r, 500.0),
        curator_studies_per_year=np.full(r, 500.0),
        rejected_share=np.full(m, 0.1),
        annotation_minutes=np.full(m, 3.0),
        label_noise=np.full(m, 0.05),
        leave_share=np.full(r, 0.1),
        agreement_share=np.full(r, 0.6),
        local_studies=np.zeros((r, m)),
        public_studies=np.full(m, 2_000.0),
        federation_worth=0.9,
        synthetic_worth=0.2,
        synthetic_limit=2.0,
        synthetic_minimum=50.0,
    )
    compute = Compute(
        gpu_hours_base=50.0,
        gpu_hours_per_1000_studies=2.0,
        gpu_watts=700.0,
        gpus=8.0,
        gpu_failures_per_week=0.1,
        checkpoint_weeks=1 / 7,
        federation_gpu_factor=2.0,
        mitigation_gpu_share=0.2,
        mitigation_sensitivity_gain=0.0,
        generator_gpu_hours=20.0,
        pretraining_gpu_hours=100.0,
        pretraining_efficiency=1.2,
        pretraining_per_decade=1.1,
        pretraining_own_share=1.1,
        owned_gpu_hours_per_year=np.zeros(r),
        cluster_outages_per_year=1.0,
        cluster_outage_weeks=0.3,
        grid_swing=0.15,
        audit_interval_weeks=26,
        pue=1.5,
        joules_per_inference=1.0,
        grid_g_co2e_per_kwh=np.full(r, 300.0),
        site_power_share=np.full(r, 0.8),
        site_grid_share=np.full(r, 0.7),
        site_backup_share=np.full(r, 0.5),
        outages_per_year=np.full(r, 0.5),
        outage_weeks=np.full(r, 1.0),
        site_watts=30.0,
        unit_kwh_per_exam=np.full(m, 0.005),
        sites_per_week=np.full(r, 2.0),
    )
    return World(
        regions=names,
        region_names=tuple(f"Region {name}" for name in names),
        modalities=("dermoscopy",),
        groups=tuple(f"group{i}" for i in range(g)),
        professions=("dermatologist",),
        weight=np.ones(m),
        care=care,
        data=data,
        compute=compute,
        catalogue=Catalogue(ITEMS, max_per_year=maximum, **prices),
        income_rank=1_000.0 * rank,
    )


def fixed_response(sensitivity: float = 0.85, specificity: float = 0.9) -> Respond:
    """Return a response that does not depend on data, for tests with exact answers."""

    def respond(holdings: Holdings) -> Performance:
        shape = np.broadcast_shapes(holdings.own.shape, holdings.other.shape)
        return Performance(np.full(shape, sensitivity), np.full(shape, specificity))

    return respond
