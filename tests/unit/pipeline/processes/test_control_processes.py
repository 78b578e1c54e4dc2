"""Control processes against what they are in closed form, and against what they promise."""

from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pytest

from sim.baseline.world import World
from sim.pipeline.processes.cluster import MOST_STOPS
from sim.pipeline.records import Run
from sim.scenario.ai import TrainingSpec
from sim.scenario.schema import Horizon, PolicyStep, Scenario
from tests.scenarios import scenario
from tests.small_runs import EVERYTHING, buying, nothing, run, runs
from tests.small_world import changed, small_world

WEEKS = 52.0


def quiet(world: World) -> World:
    """Return a world without outages, failures or leaving, so that one thing is seen at a time."""
    still = np.zeros(world.shape[0])
    world = changed(world, "compute", outages_per_year=still, cluster_outages_per_year=0.0)
    world = changed(world, "compute", gpu_failures_per_week=1e-12, grid_swing=0.0)
    life = np.full_like(world.catalogue.life_years, 10**7)
    world = replace(world, catalogue=replace(world.catalogue, life_years=life))
    return changed(world, "care", trainee_loss_share=0.0)


def long_case(years: int = 40, **changes: Any) -> Scenario:
    horizon = Horizon(decide_years=1, score_years=years, warm_up_years=0)
    return scenario(horizon=horizon, **changes)


# staff ---------------------------------------------------------------------------------------


def test_in_the_long_run_posts_are_held_for_life_over_life_plus_lead() -> None:
    world = quiet(small_world(1))
    item = world.catalogue.index("steward")
    life, lead = world.catalogue.life_years.copy(), world.catalogue.lead_weeks.copy()
    life[:, item], lead[:, item] = 4, 52
    world = replace(world, catalogue=replace(world.catalogue, life_years=life, lead_weeks=lead))
    plan = nothing(world, years=1).plus(0, item, units=400)
    capacity = run(world, plan, case=long_case()).station("documentation")["capacity"]
    per_post = world.catalogue.capacity[0, item] / WEEKS
    today = world.data.steward_studies_per_year[0] / WEEKS
    held = ((capacity - today) / per_post / 400)[520:]  # ten years to settle
    # alternating renewal: 4 years held, 1 year vacant; the look is every four weeks, so that who
    # leaves is noticed two weeks late on average
    assert held.mean() == pytest.approx(4 / (4 + 1), abs=0.02)
    assert 0 < held.std() < 0.1


def test_some_in_training_do_not_finish_and_are_trained_again() -> None:
    world = changed(quiet(small_world(1)), "care", trainee_loss_share=0.25)
    item = world.catalogue.index("reader", "dermatologist")
    plan = nothing(world, years=1).plus(0, item, units=200)
    result = run(world, plan, case=long_case(years=6))
    lead = int(world.catalogue.lead_weeks[0, item])
    vacant = result.events().query("kind == 'posts vacant'")
    lost = int(vacant["detail"].str.split().str[0].astype(int).sum())
    assert lost == pytest.approx(50, abs=4 * np.sqrt(200 * 0.25 * 0.75))
    assert vacant["week"].tolist() == [lead]
    assert vacant["to_week"].tolist() == [2 * lead]
    hours = result.station("reading")["capacity"].to_numpy()
    assert hours[2 * lead + 1] - hours[lead + 1] == pytest.approx(
        lost * (hours[-1] - hours[0]) / 200, rel=1e-4
    )


def test_vacant_posts_cost_what_the_plan_said() -> None:
    world = small_world(1)
    plan = buying(world, steward=50, reader=20)
    paid = run(world, plan).records.spend_usd.sum()
    still = run(quiet(world), plan).records.spend_usd.sum()
    assert paid == pytest.approx(still, rel=1e-9)


# outages -------------------------------------------------------------------------------------


def test_power_is_lost_for_the_share_of_time_of_a_two_state_renewal() -> None:
    world = quiet(small_world(1))
    rates = {"outages_per_year": np.array([6.0]), "outage_weeks": np.array([2.0])}
    world = changed(world, "compute", **rates, site_backup_share=np.array([0.25]))
    plan = nothing(world, years=1).plus(0, world.catalogue.index("site"), units=10)
    result = run(world, plan, case=long_case())
    lost = result.events().query("kind == 'power lost'")
    down = (lost["to_week"].clip(upper=40 * WEEKS) - lost["week"]).sum() / (40 * WEEKS)
    assert down == pytest.approx(2 / (2 + WEEKS / 6), abs=0.05)
    room = result.station("deployment")["capacity"].iloc[104:]
    assert room.min() == pytest.approx(0.25 * room.max())


def test_an_outage_stops_what_runs_and_costs_the_work_since_the_last_checkpoint() -> None:
    calm = changed(quiet(small_world(1)), "compute", gpu_hours_base=8 * 168.0, checkpoint_weeks=0.5)
    plan = buying(calm, gpu_hours=60)
    (first, *_) = run(calm, plan).records.jobs
    assert first.end_week - first.start_week == pytest.approx(first.gpu_hours / (8 * 168), rel=1e-6)
    assert first.interruptions == 0
    rough = changed(calm, "compute", cluster_outages_per_year=40.0, cluster_outage_weeks=0.2)
    jobs = run(rough, plan).jobs()
    assert jobs["interruptions"].sum() > 0
    hit = jobs[jobs["interruptions"] > 0].iloc[0]
    assert hit["end_week"] - hit["start_week"] > hit["gpu_hours"] / (8 * 168)
    useful = hit["gpu_hours"] * 0.7 * rough.compute.pue
    assert hit["energy_kwh"] >= useful
    # no interruption can cost more than what lies between two checkpoints
    lost = hit["interruptions"] * 0.5 * 8 * 168 * 0.7 * rough.compute.pue
    assert hit["energy_kwh"] <= useful + lost


def test_failures_lengthen_a_training_as_a_renewal_argument_says() -> None:
    """With checkpoints after every 1/n of a job, each part is tried until no failure interrupts.

    The mean time to get through a part of length c at failure rate f is (exp(f c) - 1) / f.
    """
    rate, part, parts = 1.5, 0.25, 8
    world = quiet(small_world(1))
    world = changed(
        world, "compute",
        gpu_hours_base=parts * part * 8 * 168.0, gpu_hours_per_1000_studies=0.0,
        gpu_failures_per_week=rate, checkpoint_weeks=part,
    )  # fmt: skip
    plan = buying(world, gpu_hours=60)
    lengths = []
    for one in runs(world, plan, seeds=range(120), case=scenario(years=3, warm_up=0)):
        jobs = one.jobs()
        lengths += (jobs["end_week"] - jobs["start_week"]).tolist()
    expected = parts * (np.exp(rate * part) - 1) / rate
    error = np.std(lengths) / np.sqrt(len(lengths))
    assert np.mean(lengths) == pytest.approx(expected, abs=4 * error)


# the cluster ---------------------------------------------------------------------------------


def test_fine_tuning_goes_before_a_generator_and_one_job_runs_at_a_time() -> None:
    world = quiet(small_world(1))
    world = changed(
        world, "compute", gpu_hours_base=40 * 8 * 168.0, generator_gpu_hours=40 * 8 * 168.0
    )
    everything = EVERYTHING | {"gpu_hours": 600, "pretraining": 0, "steward": 4, "curator": 4}
    jobs = run(world, buying(world, **everything)).jobs().sort_values("start_week")
    assert (jobs["start_week"].to_numpy()[1:] >= jobs["end_week"].to_numpy()[:-1] - 1e-9).all()
    # when the third year's fine-tuning asks, a generator has been waiting since the second
    asked = list(zip(jobs["kind"], jobs["asked_week"], strict=True))
    tuned = [("fine-tuning", week) for week in (0.0, 52.0, 104.0)]
    assert asked == [tuned[0], ("generator", 0.0), *tuned[1:]]


def test_waiting_for_a_clean_grid_never_emits_more() -> None:
    world = changed(quiet(small_world(1)), "compute", grid_swing=0.4)
    plan = buying(world, gpu_hours=10)
    emitted = []
    for weeks in (0, 4, 26):
        jobs = run(world, plan, case=scenario(training=TrainingSpec(flexible_weeks=weeks))).jobs()
        emitted.append(jobs["emissions_t_co2e"].to_numpy()[:2])
        assert (jobs["start_week"] - jobs["asked_week"] <= weeks + 1e-9).all()
    assert (emitted[1] <= emitted[0]).all()
    assert (emitted[2] <= emitted[1]).all()
    assert (emitted[2] < emitted[0]).any()


@pytest.mark.parametrize("checkpoint_weeks", [1 / 7, 52.0])
def test_a_job_that_never_comes_to_its_next_checkpoint_is_given_up(checkpoint_weeks: float) -> None:
    world = changed(
        quiet(small_world(1)), "compute", gpu_failures_per_week=1e9,
        checkpoint_weeks=checkpoint_weeks,
    )  # fmt: skip
    found = run(world, buying(world, gpu_hours=10))
    jobs = found.jobs()
    assert set(jobs["outcome"]) == {"given up"}
    assert (jobs["interruptions"] == MOST_STOPS).all()
    assert not found.records.releases


def test_without_failures_of_gpus_a_job_is_never_stopped() -> None:
    world = changed(quiet(small_world(1)), "compute", gpu_failures_per_week=0.0)
    jobs = run(world, buying(world, gpu_hours=10)).jobs()
    assert set(jobs["outcome"]) == {"done"}
    assert not jobs["interruptions"].any()


def test_a_carbon_cap_is_never_passed_and_starts_in_its_year() -> None:
    world = quiet(small_world(2))
    plan = buying(world, gpu_hours=10)
    free = run(world, plan).jobs()
    cap = float(free["emissions_t_co2e"].max()) * 0.5
    step = PolicyStep(kind="carbon_cap", year=2028, t_co2e_per_year=cap)
    capped = run(world, plan, case=scenario(policy_steps=(step,)))
    jobs = capped.jobs()
    assert jobs["outcome"].tolist() == ["done", "over cap", "over cap"]
    pd.testing.assert_series_equal(jobs.iloc[0], free.iloc[0])
    assert len(capped.records.releases) == 1
    assert "carbon cap" in set(capped.events()["kind"])


def test_emissions_are_energy_times_the_grid() -> None:
    world = small_world(2)
    records = run(world, buying(world, **EVERYTHING), sensitivity=0.9).records
    grid = world.compute.grid_g_co2e_per_kwh[None, :] / 1e6
    # all but training, whose grid has good and bad weeks, and sites, which have solar power
    for use in (0, 2):
        np.testing.assert_allclose(
            records.emissions_t_co2e[:, :, use], records.energy_kwh[:, :, use] * grid
        )
    jobs = [job.emissions_t_co2e for job in records.jobs]
    assert records.emissions_t_co2e[:, :, 1].sum() == pytest.approx(sum(jobs))


# policy steps --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("step", "station", "field"),
    [
        (PolicyStep(kind="agreement", year=2028, regions=("AAA",)), "governance", "done"),
        (
            PolicyStep(kind="documentation_mandate", year=2028, regions=("AAA",), share=0.9),
            "documentation",
            "done",
        ),
    ],
)
def test_a_step_changes_its_region_from_its_year_on(
    step: PolicyStep, station: str, field: str
) -> None:
    world = small_world(2)
    plan = buying(world, annotation=4, curator=2)
    before = run(world, plan).station(station)
    after = run(world, plan, case=scenario(policy_steps=(step,))).station(station)
    early = before["week"] < 52
    pd.testing.assert_frame_equal(after[early], before[early])
    here = (before["region"] == "AAA") & ~early
    assert after.loc[here, field].sum() > 1.3 * before.loc[here, field].sum()


def test_a_mandate_rises_by_parts_of_what_it_adds_and_ends() -> None:
    """Documented where they are made is a share of the studies archived, year by year."""
    world = quiet(small_world(2))
    given = {"kind": "documentation_mandate", "regions": ("BBB",), "share": 0.9}
    step = PolicyStep.model_validate(given | {"year": 2028, "until": 2031, "ramp_years": 2})
    long = scenario(years=6, policy_steps=(step,))
    found = run(world, nothing(world, years=6), case=long)
    table = found.station("documentation").query("region == 'BBB'")
    assert (table["utilisation"] == 1.0).all()  # so that all beyond the stewards' is at the source
    year = table[["entered", "done", "busy"]].groupby(table["week"] // 52).sum()
    shares = ((year["done"] - year["busy"]) / year["entered"]).tolist()
    today = float(world.data.documented_share[1])
    half = today + 0.5 * (0.9 - today)
    assert shares == pytest.approx([today, half, 0.9, 0.9, today, today], abs=0.02)
    events = found.events().query("kind == 'documentation mandate'")
    assert events["detail"].tolist() == ["begins: 50%", "rises to 100%", "ends"]
    assert events["week"].tolist() == [52, 104, 208]


def test_an_agreement_in_part_shares_in_part_and_what_is_over_shares_nothing() -> None:
    world = quiet(small_world(2))
    plan = nothing(world, years=6)

    def shared(**given: Any) -> pd.Series:
        step = PolicyStep(kind="agreement", **given)
        table = run(world, plan, case=scenario(years=6, policy_steps=(step,))).station("governance")
        return table.groupby(table["week"] // 52)["done"].sum()

    whole = shared(year=2027)
    rising = shared(year=2027, ramp_years=4, until=2032)
    never = shared(year=2021, until=2026)
    assert (never.to_numpy()[:5] < rising.to_numpy()[:5]).all()
    assert rising.iloc[0] < 0.6 * whole.iloc[0]
    assert rising.iloc[3:5].sum() == pytest.approx(whole.iloc[3:5].sum(), rel=0.05)
    assert rising.iloc[5] == pytest.approx(never.iloc[5], rel=0.1)


def test_a_cap_that_ends_caps_nothing_more() -> None:
    world = quiet(small_world(2))
    plan = buying(world, gpu_hours=10)
    cap = 0.5 * float(run(world, plan).jobs()["emissions_t_co2e"].max())
    step = PolicyStep(kind="carbon_cap", year=2028, until=2029, t_co2e_per_year=cap)
    jobs = run(world, plan, case=scenario(policy_steps=(step,))).jobs()
    assert jobs["outcome"].tolist() == ["done", "over cap", "done"]


def test_a_step_leaves_other_regions_alone() -> None:
    world = small_world(2)
    plan = buying(world, annotation=4, curator=2)
    step = PolicyStep(kind="documentation_mandate", year=2027, regions=("AAA",), share=0.9)
    before = run(world, plan).station("annotation").query("region == 'BBB'")
    after = run(world, plan, case=scenario(policy_steps=(step,))).station("annotation")
    pd.testing.assert_frame_equal(after.query("region == 'BBB'"), before)


@pytest.mark.parametrize(
    "given",
    [
        {"kind": "carbon_cap", "year": 2030},
        {"kind": "agreement", "year": 2030, "share": 0.5},
        {"kind": "carbon_cap", "year": 2030, "t_co2e_per_year": 1.0, "regions": ("KEN",)},
        {"kind": "carbon_cap", "year": 2030, "t_co2e_per_year": 1.0, "ramp_years": 3},
        {"kind": "agreement", "year": 2030, "until": 2030},
    ],
)
def test_a_step_says_how_much_and_only_where_it_means_something(given: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"carbon_cap|documentation_mandate|not after year 2030"):
        PolicyStep(**given)


# stated queues -------------------------------------------------------------------------------


def test_a_stated_backlog_is_what_waits_on_the_first_day() -> None:
    world = quiet(small_world(2))
    queues = {"imaging": {"AAA.dermoscopy": 5_000}, "annotation": {"BBB.dermoscopy": 700}}
    stated = run(world, case=scenario(backlog=queues))
    usual = run(world)

    def first(result: Run, station: str, region: str) -> pd.Series:
        table = result.station(station)
        return table[table["region"] == region].iloc[0]

    for station, region, count in (("imaging", "AAA", 5_000), ("annotation", "BBB", 700)):
        week = first(stated, station, region)
        assert week["done"] + week["left"] + week["waiting"] - week["entered"] == count
    pd.testing.assert_series_equal(first(stated, "imaging", "BBB"), first(usual, "imaging", "BBB"))
