"""Pre-training, and where jobs run: on the regions' own accelerators or on rented ones."""

from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sim.baseline.world import World
from sim.domain.holdings import Holdings, Performance
from sim.learning.law import pretraining_worth
from sim.pipeline.parts import state_today
from sim.pipeline.records import Run
from sim.pipeline.run import simulate
from sim.pipeline.stations.governance import holdings, own_share_of_images, usable
from sim.units import WEEKS_PER_YEAR
from tests.scenarios import scenario
from tests.small_runs import buying, run
from tests.small_world import changed, small_world


def with_compute(world: World, **values: Any) -> World:
    """Return a world with other compute, without failures, so that hours are exact."""
    still = {"gpu_failures_per_week": 1e-12, "cluster_outages_per_year": 0.0, "grid_swing": 0.0}
    return changed(world, "compute", **(still | values))


def frozen(world: World, **units: float) -> list[Holdings]:
    """Return the holdings that every training of a run sees."""
    seen: list[Holdings] = []

    def respond(given: Holdings) -> Performance:
        seen.append(given)
        return Performance(np.full(given.own.shape, 0.8), np.full(given.own.shape, 0.9))

    simulate(world, buying(world, **units), respond, scenario=scenario(), seed=1, replication=0)
    return seen


def by_kind(result: Run) -> dict[str, pd.DataFrame]:
    return {str(kind): jobs for kind, jobs in result.jobs().groupby("kind")}


# what pre-training is worth ------------------------------------------------------------------


@given(
    share=st.floats(0.01, 1.0),
    more=st.floats(0.0, 1.0),
    own=st.floats(0.0, 1.0),
    efficiency=st.floats(0.1, 5.0),
    per_decade=st.floats(1.0, 3.0),
    own_share=st.floats(0.2, 5.0),
)
def test_more_compute_is_never_worth_less_and_never_less_than_none(
    share: float, more: float, own: float, efficiency: float, per_decade: float, own_share: float
) -> None:
    measured = {"efficiency": efficiency, "per_decade": per_decade, "own_share": own_share}
    little, much = (
        float(pretraining_worth(part, np.array(own), **measured))
        for part in (share, share + more * (1.0 - share))
    )
    assert 1.0 <= little <= much * (1 + 1e-12)


def test_a_run_gets_what_was_measured() -> None:
    """The three measured numbers, read back from the formula at the points where they were."""
    measured = {"efficiency": 1.5, "per_decade": 1.2, "own_share": 1.1}
    half = np.array(0.5)
    assert pretraining_worth(1.0, half, **measured) == pytest.approx(1.5)
    ten = pretraining_worth(1.0, half, **measured) / pretraining_worth(0.1, half, **measured)
    assert ten == pytest.approx(1.2)
    every, none = (pretraining_worth(1.0, np.array(own), **measured) for own in (1.0, 0.0))
    assert every / none == pytest.approx(1.1)


def test_pretraining_multiplies_what_labels_are_worth_and_is_done_once() -> None:
    world = with_compute(small_world(2), pretraining_own_share=1.0)
    without = frozen(world, gpu_hours=5)
    pretrained = frozen(world, gpu_hours=5, pretraining=1)
    for plain, more in zip(without, pretrained, strict=True):
        np.testing.assert_allclose(more.own, 1.2 * plain.own)
        np.testing.assert_allclose(more.other, 1.2 * plain.other)
    jobs = by_kind(run(world, buying(world, gpu_hours=5, pretraining=1)))
    # both regions buy 100 GPU-hours a year; a full pre-training takes 100
    assert jobs["pre-training"]["gpu_hours"].tolist() == [100.0]
    assert jobs["pre-training"]["end_week"].min() <= jobs["fine-tuning"]["start_week"].min()


def test_half_a_pretraining_is_gone_on_with_next_year() -> None:
    world = with_compute(small_world(1), pretraining_gpu_hours=150.0, pretraining_own_share=1.0)
    jobs = by_kind(run(world, buying(world, gpu_hours=5, pretraining=1)))["pre-training"]
    assert jobs["gpu_hours"].tolist() == [100.0, 50.0]
    assert jobs["asked_week"].tolist() == [0.0, float(WEEKS_PER_YEAR)]
    seen = frozen(world, gpu_hours=5, pretraining=1)
    plain = frozen(world, gpu_hours=5)
    ratios = [
        float((a.own / b.own).mean()) for a, b in zip(seen, plain, strict=True) if b.own.all()
    ]
    assert ratios[-1] == pytest.approx(1.2)


def test_too_little_compute_is_not_run() -> None:
    world = with_compute(small_world(1), pretraining_gpu_hours=30_001.0)
    assert "pre-training" not in by_kind(run(world, buying(world, gpu_hours=5, pretraining=1)))


def test_the_share_of_images_follows_what_may_leave() -> None:
    world = small_world(2)
    state = state_today(world)
    state.archived[:] = 1_000
    share = own_share_of_images(world, state)
    # 2,000 images of two groups, a tenth may leave, and 2,000 public ones
    np.testing.assert_allclose(share, 200 / (2 * 200 + 2_000))
    state.active[0, world.catalogue.index("federation")] = 1.0
    federated = own_share_of_images(world, state)
    assert federated[0, 0] == pytest.approx(2_000 / (2_000 + 200 + 2_000))
    assert federated[1, 0] < share[1, 0]


def test_an_unlabelled_and_undocumented_image_may_pretrain() -> None:
    """Nobody documents or labels: there is nothing to fine-tune on, but images to pre-train on."""
    world = with_compute(small_world(1))
    data = replace(world.data, steward_studies_per_year=np.zeros(1), documented_share=np.zeros(1))
    world = replace(world, data=data)
    result = run(world, buying(world, gpu_hours=5, pretraining=1))
    assert result.records.cells["labelled"].sum() == 0
    assert result.station("archive")["done"].sum() > 0
    assert len(by_kind(result)["pre-training"]) == 1


# whose machines ------------------------------------------------------------------------------


def test_what_fits_ones_own_machines_needs_no_rented_hours() -> None:
    base = small_world(2)
    hours = base.compute.gpu_hours_base + 2.0 * 2.0  # 2,000 public studies, 2 hours per thousand
    enough = np.array([2.0, 0.0]) * hours * 1.1  # half a year does it, with those labelled here
    for owned, done in ((enough, 3), (enough * 0.9, 0)):
        world = with_compute(base, owned_gpu_hours_per_year=owned)
        jobs = run(world, buying(world)).jobs()
        assert len(jobs) == done
        assert set(jobs["cluster"]) <= {"owned"}
    lengths = run(with_compute(base, owned_gpu_hours_per_year=enough), buying(base)).jobs()
    weeks = lengths["end_week"] - lengths["start_week"]
    expected = lengths["gpu_hours"] / (enough.sum() / WEEKS_PER_YEAR)
    np.testing.assert_allclose(weeks, expected)


def test_energy_of_own_machines_is_booked_where_they_stand() -> None:
    world = with_compute(small_world(2), owned_gpu_hours_per_year=np.array([3_000.0, 1_000.0]))
    records = run(world, buying(world)).records
    by_region = records.energy_kwh[:, :, 1].sum(axis=0)
    assert by_region[0] == pytest.approx(3.0 * by_region[1])
    hours = sum(job.gpu_hours for job in records.jobs)
    assert by_region.sum() == pytest.approx(hours * 0.7 * world.compute.pue)


def test_a_server_of_ones_own_replaces_rented_hours_after_its_lead_time() -> None:
    world = with_compute(small_world(1))
    none = run(world, buying(world))
    server = run(world, buying(world, gpu_server=1))
    assert none.jobs().empty
    jobs = server.jobs()
    lead = int(world.catalogue.lead_weeks[0, world.catalogue.index("gpu_server")])
    assert jobs["start_week"].min() >= lead
    assert set(jobs["cluster"]) == {"owned"}
    rented = run(world, buying(world, gpu_hours=5)).jobs()
    assert set(rented["cluster"]) == {"rented"}


def test_jobs_of_two_clusters_may_run_at_once_but_one_machine_runs_one() -> None:
    world = with_compute(
        small_world(1), generator_gpu_hours=30 * 8 * 168.0,
        owned_gpu_hours_per_year=np.array([400.0]),
    )  # fmt: skip
    plan = buying(world, steward=4, curator=4, annotation=8, synthesis=5)
    jobs = run(world, plan).jobs().sort_values("start_week")
    assert set(jobs["cluster"]) == {"owned", "rented"}
    for _, mine in jobs.groupby("cluster"):
        assert (mine["start_week"].to_numpy()[1:] >= mine["end_week"].to_numpy()[:-1] - 1e-9).all()
    generator = jobs[jobs["kind"] == "generator"].iloc[0]
    others = jobs[jobs["kind"] == "fine-tuning"]
    assert (
        (others["start_week"] < generator["end_week"])
        & (others["end_week"] > generator["start_week"])
    ).any()


# what is one's own ---------------------------------------------------------------------------


def test_own_studies_are_of_the_place_or_of_the_group() -> None:
    world = small_world(2, 2)
    clean = replace(world.data, label_noise=np.zeros(1), public_studies=np.array([100.0]))
    world = replace(world, data=clean)
    state = state_today(world)
    state.labelled[0, 0] = 30, 10
    state.labelled[1, 0] = 0, 50
    state.shared[1, 0] = 0, 20
    known = usable(world, state)
    place, group = (holdings(world, state, known, own=own) for own in ("place", "group"))
    # public studies have the mix of groups that the region's people have: half and half
    np.testing.assert_allclose(place.own[:, 0], [[40, 40], [50, 50]])
    np.testing.assert_allclose(place.other[:, 0], [[120, 120], [100, 100]])
    np.testing.assert_allclose(group.own[:, 0], [[80, 80], [50, 100]])
    np.testing.assert_allclose(group.other[:, 0], [[80, 80], [100, 50]])
    # whatever is called one's own, a training sees the same studies
    np.testing.assert_allclose(place.own + place.other, group.own + group.other)
