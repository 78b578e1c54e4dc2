"""What a run costs: the plan's spend by stage, and what exams cost beside it."""

import numpy as np
import pytest

from sim.domain.levers import LEVERS, Stage
from sim.pipeline.records import EXAM_COSTS
from sim.scenario.spec import Override
from sim.units import HOURS_PER_YEAR, WATTS_PER_KW, WEEKS_PER_YEAR
from tests.scenarios import build_world, scenario
from tests.small_runs import EVERYTHING, buying, run
from tests.small_world import changed, small_world

WORLD = small_world(2)
STAGES = list(Stage)


def test_an_item_of_two_stages_is_shown_in_both_and_paid_for_once() -> None:
    price = WORLD.catalogue.by_stage(WORLD.catalogue.capex_usd)
    np.testing.assert_allclose(price.sum(axis=1), WORLD.catalogue.capex_usd.sum(axis=1))
    spend = run(WORLD, buying(WORLD, scanner=2)).records.spend_usd.sum(axis=(0, 1))
    # the made-up world has a quarter of everything borne by the second stage
    care, data = (spend[STAGES.index(stage)] for stage in (Stage.CARE, Stage.DATA_CREATION))
    assert (care, data) == (pytest.approx(0.25 * spend.sum()), pytest.approx(0.75 * spend.sum()))
    assert spend.sum() > 0


def test_the_stages_are_those_of_the_paper_and_care() -> None:
    assert [str(stage) for stage in Stage] == [
        "care delivery", "data creation", "documentation", "curation", "generation",
        "pre-training", "aggregation", "fine-tuning with annotation", "evaluation", "deployment",
        "governance",
    ]  # fmt: skip
    assert {lever.stage for lever in LEVERS.values()} == set(Stage)
    assert all(LEVERS[name].stage is Stage.CARE for name in ("outreach", "reader"))


def test_the_shares_of_stages_are_those_of_the_tables() -> None:
    shares = {"scanner_care_share": 0.3, "annotation_protected_share": 0.04,
              "gpu_server_pretraining_share": 0.8}  # fmt: skip
    overrides = {
        name: Override(value=value, source="made up for a test") for name, value in shares.items()
    }
    catalogue = build_world(scenario(overrides=overrides)).catalogue
    for (lever, scope), share in zip(
        (("scanner", "dermoscopy"), ("reader", "dermatologist"), ("gpu_server", "")),
        shares.values(),
        strict=True,
    ):
        assert catalogue.also_share[:, catalogue.index(lever, scope)] == pytest.approx(share)  # type: ignore[arg-type]
    assert catalogue.also_share[:, catalogue.index("outreach", "rural")] == pytest.approx(0.0)


def test_storage_is_studies_held_times_what_one_costs_to_keep() -> None:
    world = changed(WORLD, "data", storage_usd_per_study_year=np.array([3.0]))
    result = run(world, buying(world, **EVERYTHING), sensitivity=0.9)
    archive = result.station("archive").query("week >= 0")
    weekly = archive.pivot_table(index="week", columns="region", values="done").to_numpy()
    held = weekly.cumsum(axis=0) - weekly / 2
    years = held.reshape(-1, WEEKS_PER_YEAR, 2).sum(axis=1) / WEEKS_PER_YEAR
    paid = result.records.exam_costs_usd[..., EXAM_COSTS.index("storage")]
    assert paid.min() > 0
    # in the first year most come late, with the new units, and are kept for less than half of it
    np.testing.assert_allclose(paid[1:], 3.0 * years[1:], rtol=0.02)


def test_a_study_costs_its_size_times_the_price_of_storage() -> None:
    given = {"dermoscopy.mb_per_study": 8.0, "storage_usd_per_tb_year": 250.0}
    overrides = {name: Override(value=v, source="made up for a test") for name, v in given.items()}
    world = build_world(scenario(overrides=overrides))
    assert world.data.storage_usd_per_study_year == pytest.approx([8e-6 * 250.0])


def test_electricity_is_paid_for_once() -> None:
    world = changed(WORLD, "compute", electricity_usd_per_kwh=np.array([0.2, 0.5]))
    result = run(world, buying(world, **EVERYTHING), sensitivity=0.9)
    used = result.ledger().query("account == 'energy_kwh' and item in ['imaging', 'inference']")
    by_region = used.groupby("region")["value"].sum()
    paid = result.records.exam_costs_usd[..., EXAM_COSTS.index("electricity")].sum(axis=0)
    np.testing.assert_allclose(paid, by_region.to_numpy() * [0.2, 0.5])
    assert used.groupby("item")["value"].sum().min() > 0


def test_a_site_pays_for_its_power_while_the_grid_is_there() -> None:
    def running(usd_per_kwh: float) -> float:
        given = {"KEN.electricity_usd_per_kwh": usd_per_kwh, "site_watts": 200.0,
                 "KEN.facility_reliable_electricity_share": 0.5}  # fmt: skip
        overrides = {n: Override(value=v, source="made up for a test") for n, v in given.items()}
        catalogue = build_world(scenario(regions=("KEN",), overrides=overrides)).catalogue
        return float(catalogue.running_usd[0, catalogue.index("site")])

    kwh = 0.5 * HOURS_PER_YEAR * 200.0 / WATTS_PER_KW
    assert running(0.3) - running(0.1) == pytest.approx(0.2 * kwh)
