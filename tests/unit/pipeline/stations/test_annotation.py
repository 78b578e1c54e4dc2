"""Who labels what, how often, and what a mitigation takes from it."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sim.learning.law import worth_of_label
from sim.pipeline.parts import state_today
from sim.pipeline.random_keys import RandomKeys
from sim.pipeline.state import Flows
from sim.pipeline.stations.annotation import balance
from sim.pipeline.stations.order import STATIONS
from sim.pipeline.week import Week
from sim.scenario.ai import AnnotationSpec, Gate
from tests.scenarios import build_world, scenario
from tests.small_runs import EVERYTHING, buying, run
from tests.small_world import small_world

MANY = EVERYTHING | {"steward": 8, "curator": 8}


@given(
    waiting=st.lists(st.integers(0, 40), min_size=1, max_size=6),
    have=st.lists(st.integers(0, 60), min_size=6, max_size=6),
    count=st.integers(0, 300),
)
def test_labels_become_as_even_as_they_can(waiting: list[int], have: list[int], count: int) -> None:
    queue, labels = np.array(waiting), np.array(have[: len(waiting)])
    count = min(count, int(queue.sum()))
    chosen = np.zeros_like(queue)
    balance(count, queue[None, None], labels[None, None], 0, 0, chosen[None, None])
    # one study at a time, to the group with the fewest labels of which one waits
    expected = np.zeros_like(queue)
    for _ in range(count):
        open_to = np.flatnonzero(expected < queue)
        expected[open_to[np.argmin((labels + expected)[open_to])]] += 1
    np.testing.assert_array_equal(chosen, expected)


def labels_by_group(order: str) -> np.ndarray:
    world = small_world(2)
    care = replace(world.care, need_per_year=world.care.need_per_year * np.array([1.6, 0.4]))
    case = scenario(annotation=AnnotationSpec(order=order))  # type: ignore[arg-type]
    world = replace(world, care=care)
    result = run(world, buying(world, steward=8, curator=8), case=case)
    return np.asarray(result.records.cells["labelled"].sum(axis=(0, 2)))


def test_a_balanced_order_labels_as_many_and_evens_groups_out() -> None:
    proportional, balanced = labels_by_group("proportional"), labels_by_group("balanced")
    np.testing.assert_array_equal(proportional.sum(axis=1), balanced.sum(axis=1))
    gap = [np.abs(labels[:, 0] - labels[:, 1]) for labels in (proportional, balanced)]
    assert (gap[1] <= 0.3 * gap[0]).all()
    assert gap[0].min() > 0


def test_an_adjudicated_label_takes_longer_and_is_worth_more() -> None:
    single = build_world(scenario()).data
    case = scenario(annotation=AnnotationSpec(reading="adjudicated"))
    twice = build_world(case).data
    noise = single.label_noise
    assert (noise > 0).all()
    np.testing.assert_allclose(
        twice.annotation_minutes, single.annotation_minutes * (2 + 2 * noise * (1 - noise))
    )
    # the majority of three who err on their own, by counting the ways to be wrong
    np.testing.assert_allclose(twice.label_noise, 3 * noise**2 * (1 - noise) + noise**3)
    assert (worth_of_label(twice.label_noise) > worth_of_label(noise)).all()


def test_a_review_comes_before_labels_and_takes_no_more_than_its_hours() -> None:
    world = small_world(1)

    def weekly(review_hours: float) -> tuple[np.ndarray, ...]:
        """Return hours there were, and those of review and of labels, by week."""
        week = Week(world, scenario(), STATIONS, RandomKeys(world, 1, 0))
        state = state_today(world)
        state.review_hours[0] = review_hours
        weeks = []
        for tick in range(60):
            week.step(state, tick)
            flows: Flows = week.flows
            hours = flows.reader_hours.sum() * world.care.protected_share[0] + flows.bought_hours[0]
            weeks.append((hours, flows.mitigation_hours[0], flows.annotation_hours[0]))
        return tuple(np.array(weeks).T)

    hours, reviewed, labelling = weekly(1.0)
    assert (reviewed + labelling <= hours + 1e-12).all()
    assert reviewed.sum() == pytest.approx(1.0)
    last = int(np.flatnonzero(reviewed)[-1])
    assert last > 3
    assert not labelling[:last].any()
    _, _, undisturbed = weekly(0.0)
    assert undisturbed[:last].any()


def test_mitigation_waits_for_its_review_and_the_hours_are_booked() -> None:
    world = small_world(2)
    plan = buying(world, **(MANY | {"audit": 20, "gpu_hours": 9}))
    mends = scenario(gate=Gate(mitigate=True))
    without = run(world, plan, sensitivity=0.6)
    mended = run(world, plan, case=mends, sensitivity=0.6)
    hours = mended.ledger().query("account == 'reader_hours'").groupby("item")["value"].sum()
    used = hours[["clinical", "annotation", "audit", "mitigation", "idle"]].sum()
    assert used == pytest.approx(hours["available"])
    jobs = mended.jobs().set_index("kind")
    assert "mitigation" in jobs.index
    assert hours["mitigation"] > 0
    before = without.ledger().query("account == 'reader_hours' and item == 'mitigation'")
    assert before["value"].sum() == 0.0
    # every audited positive of a failed place is seen once more, three minutes each
    audits = mended.audits()
    first = audits[~audits["passed"] & (audits["power"] >= 0.8)].iloc[0]
    assert hours["mitigation"] >= first["positives"] * 3.0 / 60.0 * (1 - 1e-9)


def test_a_review_that_nobody_has_hours_for_ends_with_the_next_release() -> None:
    world = small_world(1)
    plan = buying(world, **(MANY | {"annotation": 0, "audit": 60, "gpu_hours": 9}))
    care = replace(world.care, protected_share=np.zeros(1))
    result = run(
        replace(world, care=care), plan, case=scenario(gate=Gate(mitigate=True)), sensitivity=0.6
    )
    assert "mitigation" not in set(result.jobs()["kind"])
    noted = result.events().query("kind == 'mitigation'")["detail"]
    assert (noted == "not done: a newer release came first").any()
