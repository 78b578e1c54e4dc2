"""Small made-up worlds for tests: round numbers, not anybody's country."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from sim.baseline.world import Care, Compute, Data, World
from sim.domain.holdings import Holdings, Performance, Respond
from sim.domain.levers import Catalogue, Item
from sim.learning.response import Response

LAW = Response(floor=0.08, scale=1.2, power=0.35, kappa=0.3, offset=20.0, specificity=0.9)
"""How data becomes error in them."""
MODALITIES = ("dermoscopy", "ct", "mri")
PROFESSIONS = ("dermatologist", "radiologist")
READER_OF = (0, 1, 1)
PRICES = {
    # capex, running, lead weeks, life years, capacity
    "scanner": (3_000, 1_500, 16, 5, 3_640),
    "supplies": (5_000, 0, 0, 1, 1_000),
    "outreach": (20_000, 10_000, 26, 5, 4_000),
    "reader": (15_000, 18_000, 104, 20, 1_500),
    "tele_reading": (1_000, 0, 0, 1, 52),
    "steward": (1_000, 6_000, 8, 20, 8_000),
    "curator": (2_000, 9_000, 8, 20, 12_000),
    "annotation": (5_000, 0, 0, 1, 100),
    "synthesis": (500, 0, 0, 1, 1_000),
    "pretraining": (400, 0, 0, 1, 100),
    "federation": (20_000, 5_000, 26, 5, 1),
    "gpu_hours": (400, 0, 0, 1, 100),
    "gpu_server": (250_000, 40_000, 40, 5, 35_000),
    "audit": (8_000, 0, 0, 1, 1_000),
    "site": (6_000, 1_500, 20, 5, 6_000),
    "agreement": (50_000, 10_000, 52, 10, 1),
}


def items_of(
    modalities: int, groups: int = 2, lenders: Sequence[str] = (), *, supplies: bool = False
) -> tuple[Item, ...]:
    """Return the items of a world with so many of the modalities and groups."""
    professions = PROFESSIONS[: max(READER_OF[:modalities]) + 1]
    scopes = {
        "scanner": MODALITIES[:modalities],
        "supplies": MODALITIES[:modalities] if supplies else (),
        "outreach": tuple(f"group{i}" for i in range(groups)),
        "reader": professions,
        "tele_reading": tuple(f"{one}.{p}" for one in lenders for p in professions),
    }
    return tuple(Item(lever, scope) for lever in PRICES for scope in scopes.get(lever, ("",)))


ITEMS = items_of(1)


def small_world(
    regions: int = 2,
    groups: int = 2,
    *,
    population: float = 2e6,
    modalities: int = 1,
    lenders: Sequence[str] = (),
    supplied: float = np.inf,
) -> World:
    """Return a world of poor-to-rich made-up regions AAA, BBB, ...; of up to three modalities.

    ``lenders`` are regions whose readers may read for others, as far as the scenario lets them.
    ``supplied`` are the exams a year that supplies of each region and modality suffice for; where
    they are a limit, more can be bought.
    """
    names = tuple(chr(ord("A") + i) * 3 for i in range(regions))
    r, m, g = regions, modalities, groups
    items = items_of(m, g, lenders, supplies=bool(np.isfinite(supplied)))
    readers = max(READER_OF[:m]) + 1
    rank = np.arange(1, r + 1, dtype=float)
    reach = np.linspace(0.6, 0.3, g)[None, None, :] * np.ones((r, m, 1))
    columns = ("capex_usd", "running_usd", "lead_weeks", "life_years", "capacity")
    prices = {
        name: np.tile(
            np.array(
                [PRICES[item.lever][place] for item in items],
                dtype=int if "_weeks" in name or "_years" in name else float,
            ),
            (r, 1),
        )
        for place, name in enumerate(columns)
    }
    maximum = np.full((r, len(items)), 200.0)
    maximum[:, [item.is_one_each for item in items]] = 1.0
    people = np.full((r, g), population / g)
    care = Care(
        population=people,
        growth_per_year=np.zeros(r),
        need_per_year=people[:, None, :] * 0.005 * np.ones((1, m, 1)),
        reach=reach,
        units=np.floor(rank)[:, None] * np.ones((r, m)),
        units_per_facility=np.ones(m),
        exams_per_unit_day=np.full((r, m), 10.0),
        failures_per_week=np.full((r, m), 1 / 40),
        repairs_per_week=np.full((r, m), 1 / 8),
        supplied_exams_per_year=np.full((r, m), supplied),
        weeks_in_store=np.full((r, m), 13.0),
        priority=np.ones(g, dtype=np.int64),
        patience_weeks=np.full(m, 12.0),
        report_patience_weeks=np.full(m, 8.0),
        reader_hours_per_year=300.0 * rank[:, None] * np.ones((1, readers)),
        trainee_loss_share=0.1,
        protected_share=np.full(r, 0.02),
        reading_minutes=np.array([10.0, 20.0, 25.0])[:m],
        ai_minutes_ratio=np.full(m, 0.1),
        reader_of=READER_OF[:m],
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
        storage_usd_per_study_year=np.full(m, 0.01),
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
        own_job_weeks=26.0,
        cluster_outages_per_year=1.0,
        cluster_outage_weeks=0.3,
        grid_swing=0.15,
        grid_memory=0.6,
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
        electricity_usd_per_kwh=np.full(r, 0.1),
        unit_kwh_per_exam=np.full(m, 0.005),
        sites_per_week=np.full(r, 2.0),
    )
    return World(
        regions=names,
        region_names=tuple(f"Region {name}" for name in names),
        modalities=MODALITIES[:m],
        groups=tuple(f"group{i}" for i in range(g)),
        professions=PROFESSIONS[:readers],
        weight=np.full(m, 1.0 / m),
        care=care,
        data=data,
        compute=compute,
        catalogue=Catalogue(
            items, max_per_year=maximum, also_share=np.full((r, len(items)), 0.25), **prices
        ),
        income_rank=1_000.0 * rank,
    )


def changed(world: World, part: str, **values: Any) -> World:
    """Return a world with some values of one part changed."""
    return replace(world, **{part: replace(getattr(world, part), **values)})


def at_once(world: World) -> World:
    """Return a world in which what is bought is there in the same week."""
    return changed(world, "catalogue", lead_weeks=np.zeros_like(world.catalogue.lead_weeks))


def fixed_response(sensitivity: float = 0.85, specificity: float = 0.9) -> Respond:
    """Return a response that does not depend on data, for tests with exact answers."""

    def respond(holdings: Holdings) -> Performance:
        shape = np.broadcast_shapes(holdings.own.shape, holdings.other.shape)
        return Performance(np.full(shape, sensitivity), np.full(shape, specificity))

    return respond
