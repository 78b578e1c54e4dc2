"""A run that is moved only where its plan differs is the run of all regions, bit by bit."""

from collections.abc import Sequence
from dataclasses import replace
from functools import cache
from typing import Any, ClassVar

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from sim.baseline.world import World
from sim.domain.plan import Plan
from sim.pipeline import case as cases
from sim.pipeline import run as runs
from sim.pipeline.case import Case, Start, families
from sim.pipeline.changes import HANDED, HANDED_BACK, KEPT
from sim.pipeline.parts import state_today
from sim.pipeline.random_keys import RandomKeys
from sim.pipeline.records import Run
from sim.pipeline.run import simulate_many, warm_up_many
from sim.pipeline.state import State
from sim.pipeline.stations.order import STATIONS
from sim.pipeline.week import Week
from sim.planning.decisions import most_per_year
from sim.planning.rules import by_need, equal_split
from sim.scenario.ai import Gate
from sim.scenario.schema import PolicyStep, Scenario, TeleReading
from sim.studies.batch import Design, Task, run_task, starts_of, unrecorded
from sim.studies.experiment import Trial
from sim.studies.marginal import added, additions
from sim.studies.names import load_scenario
from sim.studies.sample import parameter_sample
from sim.units import WEEKS_PER_YEAR
from tests.property.test_side_by_side import same
from tests.scenarios import scenario
from tests.small_runs import EVERYTHING, buying, nothing
from tests.small_world import LAW, changed, fixed_response, small_world

YEARS = 3
REGIONS = 4
GROWTH = np.array([0.03, 0.0, -0.01, 0.02])
SMALL = changed(
    small_world(REGIONS, 2, modalities=2, lenders=("AAA",)), "care", growth_per_year=GROWTH
)
ABROAD = (TeleReading(by="AAA", serves=("BBB", "CCC", "DDD")),)
POOR = changed(SMALL, "catalogue", lead_weeks=np.full_like(SMALL.catalogue.lead_weeks, 5))
"""Its trainings need GPU-hours that a plan buys. What is bought comes soon, but not at once."""
RICH = changed(POOR, "compute", owned_gpu_hours_per_year=np.full(REGIONS, 20_000.0))
"""Its trainings need none."""
PLAIN = scenario(years=YEARS, tele_reading=ABROAD)
STRICT = scenario(
    years=YEARS,
    tele_reading=ABROAD,
    gate=Gate(mitigate=True, by="group", margin=0.02),
    policy_steps=(PolicyStep(kind="carbon_cap", year=2028, t_co2e_per_year=0.04),),
)
RESPOND = replace(LAW, specificity=0.88)


@cache
def start_of(world: int, set_up: int, seed: int) -> tuple[Start, Scenario]:
    scenarios = (PLAIN, STRICT)
    luck = RandomKeys((POOR, RICH)[world], seed, 0)
    return warm_up_many([luck], scenario=scenarios[set_up])[0], scenarios[set_up]


def always(case: Case, base: Plan) -> bool:
    """Stand in for ``worth_trying``: also what is likely to be felt elsewhere is tried."""
    return case.plan.units.shape == base.units.shape


def made(tried: Sequence[Case], set_up: Scenario) -> list[Run]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(cases, "worth_trying", always)
        return simulate_many(tried, scenario=set_up)


def felt(tried: Sequence[Case], set_up: Scenario) -> list[bool]:
    """Return which changes are felt in regions that are not moved."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(cases, "worth_trying", always)
        (family,) = families(tried)
    batch = runs._Batch.of([family], set_up, STATIONS)
    batch.env.run(until=set_up.horizon.score_years * WEEKS_PER_YEAR)
    return [bool(one) for one in batch.changes[0].felt]


ITEMS = len(POOR.catalogue.items)
purchase = st.tuples(
    st.integers(0, REGIONS - 1),
    st.integers(0, ITEMS - 1),
    st.integers(0, YEARS - 1),
    st.sampled_from([1.0, 2.0, 9.0]),
)


def with_purchases(plan: Plan, bought: Sequence[tuple[int, int, int, float]]) -> Plan:
    for region, item, year, units in bought:
        # nobody reads for itself from afar
        abroad = plan.catalogue.items[item].lever == "tele_reading"
        plan = plan.plus(max(region, 1) if abroad else region, item, units=units, year=year)
    return plan


@given(
    which=st.tuples(st.sampled_from([0, 1]), st.sampled_from([0, 1]), st.sampled_from([1, 2])),
    everywhere=st.lists(st.sampled_from(sorted(EVERYTHING)), max_size=13, unique=True),
    bought=st.lists(purchase, max_size=8),
    more=st.lists(st.lists(purchase, min_size=1, max_size=3), min_size=2, max_size=5),
    base_too=st.booleans(),
)
@settings(max_examples=10)
def test_a_change_makes_the_same_run_as_all_regions_do(
    which: tuple[int, int, int],
    everywhere: list[str],
    bought: list[tuple[int, int, int, float]],
    more: list[list[tuple[int, int, int, float]]],
    base_too: bool,
) -> None:
    start, set_up = start_of(*which)
    units = {name: EVERYTHING[name] for name in everywhere}
    base = with_purchases(buying(start.world, years=YEARS, **units), bought)
    plans = [with_purchases(base, some) for some in more]
    whole = [Case(start, plan, RESPOND) for plan in (base, *plans)]
    tried = [whole[0], *(Case(start, plan, RESPOND, base) for plan in plans)]
    first = 0 if base_too else 1
    found = made(tried[first:], set_up)
    for one, other in zip(simulate_many(whole[first:], scenario=set_up), found, strict=True):
        same(one, other)


def additions_to(world: World, **units: float) -> tuple[Plan, dict[str, Case], Start]:
    (start,) = warm_up_many([RandomKeys(world, 1, 0)], scenario=PLAIN)
    base = buying(world, years=YEARS, **units)
    items = {item.name: i for i, item in enumerate(world.catalogue.items)}
    more = {
        name: Case(start, base.plus(1, items[name], units=5.0), RESPOND, base)
        for name in (
            "scanner.ct",
            "outreach.group0",
            "reader.radiologist",
            "tele_reading.AAA.radiologist",
            "curator",
            "site",
            "audit",
        )
    }
    return base, more, start


READ = {"reader.radiologist", "tele_reading.AAA.radiologist", "audit"}
"""A reader's hours are in part for labels, wherever they are spent, and all train on these."""


def test_what_is_felt_elsewhere() -> None:
    everything = dict.fromkeys(EVERYTHING, 20.0) | {"agreement": 1.0, "federation": 1.0}
    without_gpus = {
        name: units
        for name, units in everything.items()
        if name not in ("gpu_hours", "pretraining", "synthesis")
    }
    for world, units, alone in (
        # trained and audited everywhere: only sites are tried, and less is felt than could be
        (RICH, everything, {"site"}),
        # trained, and nobody else audits
        (RICH, {"scanner": 3.0, "site": 2.0}, None),
        # never trained
        (POOR, without_gpus, None),
    ):
        base, more, start = additions_to(world, **units)
        tried = {name for name, one in more.items() if cases.worth_trying(one, base)}
        told = felt([Case(start, base, RESPOND), *more.values()], PLAIN)
        elsewhere = {name for name, one in zip(more, told, strict=True) if one}
        assert tried == (set(more) if alone is None else alone)
        assert elsewhere == (set() if alone is None else READ)


def test_more_regions_than_half_or_other_years_are_run_in_full() -> None:
    base, more, start = additions_to(RICH)
    site = more["site"]
    assert cases.worth_trying(site, base)
    everywhere = site._replace(plan=buying(RICH, years=YEARS, site=1.0))
    assert not cases.worth_trying(everywhere, base)
    longer = nothing(RICH, years=YEARS + 1)
    assert not cases.worth_trying(site._replace(base=longer), longer)
    one_alone = families([site])
    assert [family.cases for family in one_alone] == [(site,)]
    together = families([site, more["outreach.group0"], Case(start, base, RESPOND)])
    assert [family.places for family in together] == [(2, 0, 1)]


FIELDS = list(state_today(POOR))


class Watched(Week):
    """Stations that note what else is written into the state before each of their weeks."""

    left: ClassVar[dict[str, NDArray[Any]]]
    """The state as it was left."""
    elsewhere: ClassVar[set[str]] = set()
    here: ClassVar[set[str]] = set()

    def step(self, state: State, tick: int) -> None:
        found = {name: getattr(state, name).copy() for name in FIELDS}
        Watched.elsewhere |= {name for name in FIELDS if (found[name] != Watched.left[name]).any()}
        super().step(state, tick)
        Watched.left = {name: getattr(state, name).copy() for name in FIELDS}
        Watched.here |= {name for name in FIELDS if (found[name] != Watched.left[name]).any()}


def test_control_processes_write_the_fields_that_are_looked_at() -> None:
    steps = (
        PolicyStep(kind="agreement", year=2028),
        PolicyStep(kind="documentation_mandate", year=2028, share=0.9),
    )
    gate = Gate(mitigate=True)
    set_up = scenario(years=YEARS, gate=gate, policy_steps=steps, tele_reading=ABROAD)
    (start,) = warm_up_many([RandomKeys(RICH, 1, 0)], scenario=set_up)
    plan = buying(RICH, years=YEARS, **dict.fromkeys(EVERYTHING, 20.0))
    plan = plan.plus(1, RICH.catalogue.index("tele_reading", "AAA.dermatologist"), units=2.0)
    for sensitivity in (0.9, 0.1):
        Watched.left = {name: getattr(start.state, name) for name in FIELDS}
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(runs, "Week", Watched)
            case = Case(start, plan, fixed_response(sensitivity=sensitivity))
            simulate_many([case], scenario=set_up)
    assert {*HANDED, *KEPT} == Watched.elsewhere
    assert set(HANDED_BACK) == Watched.here & {*HANDED, *KEPT}


@pytest.mark.parametrize(
    ("name", "years", "count"), [("east_africa", 5, 30), ("world", 2, 6)], ids=["five", "all"]
)
def test_additions_to_plans_of_shipped_scenarios(name: str, years: int, count: int) -> None:
    horizon = [f"horizon.score_years={years}", f"horizon.decide_years={years}"]
    shipped = unrecorded(load_scenario(f"scenarios/{name}.yaml", overrides=horizon))
    sample = parameter_sample(shipped, 0)
    (start,) = starts_of(Design(shipped), [sample], [0])
    respond, world = sample.respond(), sample.world
    care = [item.lever in ("scanner", "outreach", "reader") for item in world.catalogue.items]
    spread = equal_split(world, shipped)
    for base in (by_need(world, shipped), replace(spread, units=spread.units * care)):
        tried = additions(shipped, base, most=most_per_year(world, shipped), duals=None)
        plans = [extra.plan for extra in tried[:: max(len(tried) // count, 1)]]
        whole = [Case(start, plan, respond) for plan in plans]
        part = [Case(start, plan, respond, base) for plan in plans]
        assert sum(cases.worth_trying(one, base) for one in part) > 1
        found = simulate_many(part, scenario=shipped)
        for one, other in zip(simulate_many(whole, scenario=shipped), found, strict=True):
            same(one, other)


def test_a_task_keeps_the_same_of_additions_however_they_are_moved() -> None:
    shipped = load_scenario("scenarios/tiny.yaml")
    world = parameter_sample(shipped, 0).world
    base = nothing(world, years=3)
    tried = additions(shipped, base, most=most_per_year(world, shipped), duals=None)
    sharing = [Trial(base.name, base, in_full=True), *added(tried, base)]
    whole = [trial._replace(base=None) for trial in sharing]
    one, other = (
        run_task(Design(shipped), Task(0, tuple((trial, 0) for trial in trials)))
        for trials in (whole, sharing)
    )
    assert len(one.arrays["benefit"]) == len(sharing) > 10
    for name, values in one.arrays.items():
        np.testing.assert_array_equal(values, other.arrays[name], err_msg=name)
    for name, table in one.tables.items():
        assert table.equals(other.tables[name]), name
