"""Every station and use of energy against what its inputs say of it, in the mean."""

from dataclasses import replace

import numpy as np
import pytest

from sim.baseline.world import World
from sim.pipeline.account import COUNTED
from sim.pipeline.records import ENERGY_USES, Run
from sim.units import HOURS_PER_WEEK, JOULES_PER_KWH, WEEKS_PER_YEAR
from tests.small_runs import EVERYTHING, YEARS, buying, nothing, run
from tests.small_world import at_once, changed, small_world

WEEKS = YEARS * WEEKS_PER_YEAR


def busy_world() -> World:
    """Return a world where enough passes every station for a share to show."""
    world = small_world(2, 2, population=1e7, modalities=2)
    care = replace(
        world.care, units=world.care.units * 20, reader_hours_per_year=np.full((2, 2), 2e4)
    )
    data = replace(
        world.data,
        digital_share=np.array([0.3, 0.8]),
        documented_share=np.array([0.2, 0.6]),
        rejected_share=np.array([0.05, 0.3]),
        leave_share=np.array([0.1, 0.35]),
    )
    compute = replace(
        world.compute, outages_per_year=np.zeros(2), cluster_outages_per_year=0.0,
        gpu_failures_per_week=1e-12, grid_swing=0.0,
    )  # fmt: skip
    return replace(world, care=care, data=data, compute=compute)


def counted(result: Run, station: str, field: str) -> np.ndarray:
    """Return a count of all weeks by region, shape (r,)."""
    series = result.records.stations[station]
    return np.asarray(series.counts[:, COUNTED.index(field)].sum(axis=0))


def assert_share(part: np.ndarray, whole: np.ndarray, share: np.ndarray) -> None:
    """Hold a binomial share to four standard errors, and the whole to being large enough."""
    error = np.sqrt(share * (1.0 - share) / whole)
    assert (error < 0.02).all()
    assert (np.abs(part / whole - share) < 4.0 * error).all()


def test_the_archive_keeps_the_digital_share() -> None:
    world = busy_world()
    result = run(world)
    exams, kept = counted(result, "archive", "entered"), counted(result, "archive", "done")
    assert_share(kept, exams, world.data.digital_share)
    np.testing.assert_array_equal(exams - kept, counted(result, "archive", "rejected"))


def test_a_share_is_documented_where_it_is_made_and_the_rest_by_stewards() -> None:
    world = busy_world()
    none = changed(world, "data", steward_studies_per_year=np.zeros(2))
    result = run(none)
    entered, done = (counted(result, "documentation", name) for name in ("entered", "done"))
    assert_share(done, entered, world.data.documented_share)
    more = counted(run(changed(none, "data", steward_studies_per_year=np.full(2, 5_200.0))),
                   "documentation", "done")  # fmt: skip
    np.testing.assert_allclose(more - done, 5_200.0 * YEARS, atol=1.0)


def test_curation_rejects_its_share() -> None:
    world = changed(busy_world(), "data", rejected_share=np.full(2, 0.2))
    result = run(world, buying(world, steward=4, curator=4))
    done, rejected = (counted(result, "curation", name) for name in ("done", "rejected"))
    assert_share(rejected, done + rejected, np.full(2, 0.2))


def test_an_agreement_lets_more_studies_leave() -> None:
    world = busy_world()
    world = at_once(world)
    without = run(world, buying(world, annotation=20))
    labelled, left = (counted(without, "governance", name) for name in ("entered", "done"))
    assert_share(left, labelled, world.data.leave_share)
    agreed = run(world, buying(world, annotation=20, agreement=1))
    labelled, left = (counted(agreed, "governance", name) for name in ("entered", "done"))
    assert_share(left, labelled, world.data.agreement_share)


def test_people_come_as_reach_says_and_mobile_clinics_bring_more() -> None:
    world = busy_world()
    plain = run(world)
    need = plain.records.cells["need"].sum(axis=(0, 2))
    came = plain.records.cells["arrived"].sum(axis=(0, 2))
    assert_share(came, need, world.care.reach[:, 0])
    world = at_once(world)
    for g, group in enumerate(world.groups):
        plan = nothing(world).plus(0, world.catalogue.index("outreach", group), units=3)
        with_clinics = run(world, plan).records.cells["arrived"].sum(axis=(0, 2))
        gained = with_clinics - came
        chance = 4.0 * np.sqrt(2.0 * came.max())
        assert gained[0, g] == pytest.approx(3 * 4_000.0 * YEARS, abs=chance)
        gained[0, g] = 0
        assert not gained.any()  # only they are brought, and only there


def test_sites_go_live_at_their_rate_and_take_what_their_power_allows() -> None:
    world = changed(
        busy_world(), "compute",
        sites_per_week=np.array([2.0, 5.0]), site_power_share=np.array([0.5, 0.9]),
    )  # fmt: skip
    world = at_once(world)
    plan = nothing(world).plus(0, world.catalogue.index("site"), units=11)
    plan = plan.plus(1, world.catalogue.index("site"), units=11)
    room = run(world, plan).records.stations["deployment"].use[:, 1]
    per_site = world.compute.site_power_share * 6_000.0 / WEEKS_PER_YEAR
    weeks = np.arange(1, 9)[:, None]
    live = np.minimum(11, weeks * np.array([2, 5]))
    np.testing.assert_allclose(room[:8], live * per_site, rtol=1e-5)
    np.testing.assert_allclose(room[-1], 11 * per_site, rtol=1e-5)


def test_energy_is_what_every_use_draws() -> None:
    world = changed(busy_world(), "compute", unit_kwh_per_exam=np.array([0.5, 3.0]))
    plan = buying(world, **(EVERYTHING | {"audit": 9, "steward": 4, "curator": 4}))
    result = run(world, plan, sensitivity=0.95)
    energy = dict(zip(ENERGY_USES, result.records.energy_kwh.sum(axis=0).T, strict=True))
    exams = result.records.cells["exams"].sum(axis=(0, 3))
    np.testing.assert_allclose(energy["imaging"], exams @ np.array([0.5, 3.0]))
    sent = counted(result, "deployment", "done")
    assert sent.sum() > 0
    joules = sent * world.compute.joules_per_inference
    np.testing.assert_allclose(energy["inference"], joules / JOULES_PER_KWH)
    hours = sum(job.energy_kwh for job in result.records.jobs) / world.compute.pue / 0.7
    assert hours == pytest.approx(sum(job.gpu_hours for job in result.records.jobs))
    assert energy["training"].sum() == pytest.approx(hours * 0.7 * world.compute.pue)


@pytest.mark.parametrize("down", [False, True])
def test_a_site_draws_from_the_grid_while_there_is_one(down: bool) -> None:
    world = small_world(1)
    rates = {"outages_per_year": np.array([1e9 if down else 0.0]), "outage_weeks": np.array([1e9])}
    still = {"site_grid_share": np.array([0.6]), "site_backup_share": np.array([0.25])}
    world = changed(world, "compute", **rates, **still, sites_per_week=np.array([99.0]))
    world = at_once(world)
    records = run(world, buying(world, site=10)).records
    place = ENERGY_USES.index("sites")
    grid = 0.0 if down else 0.6
    on = grid + 0.25 * (1.0 - grid)
    kwh = 10 * 0.030 * HOURS_PER_WEEK * WEEKS * np.array([on, grid])
    # the first outage may begin within the first week, before or after its stations
    assert records.energy_kwh[:, :, place].sum() == pytest.approx(kwh[0], rel=0.01)
    emitted = records.emissions_t_co2e[:, :, place].sum()
    assert emitted == pytest.approx(kwh[1] * 300.0 / 1e6, rel=0.01, abs=1e-9)


def test_a_federation_costs_more_hours_of_training() -> None:
    world = changed(
        busy_world(), "compute", federation_gpu_factor=3.0, gpu_hours_per_1000_studies=100.0
    )
    world = at_once(world)
    alone, together = (
        run(world, buying(world, annotation=20, gpu_hours=60, federation=units)).jobs()
        for units in (0, 1)
    )
    # a study that may not leave costs three times the hours of one that is shared
    gain = together["gpu_hours"].to_numpy() - alone["gpu_hours"].to_numpy()
    kept = counted(run(world, buying(world, annotation=20)), "governance", "rejected").sum()
    assert (gain[1:] > 0).all()
    # by the third year there are labels of two years and of the warm-up: about three years' worth
    assert gain[-1] == pytest.approx(2.0 * 100.0 * kept / 1000.0, rel=0.1)
