"""What an addition to a plan costs where only the regions that it changes are moved.

The same additions to the same plan, moved in all regions and in the changed ones, timed in turns in
one process; the runs are the same to the bit. `make bench` shows the table.
"""

import time
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest

from sim.domain.holdings import Respond
from sim.domain.plan import Plan
from sim.pipeline.case import Case, Start, worth_trying
from sim.pipeline.luck import Luck
from sim.pipeline.records import Run
from sim.pipeline.run import simulate_many, warm_up_many
from sim.planning.purchases import most_per_year
from sim.planning.rules import RULES
from sim.scenario.schema import Scenario
from sim.studies.batch import Design, starts_of, unrecorded
from sim.studies.marginal import additions
from sim.studies.names import load_scenario
from sim.studies.sample import parameter_sample
from tests.benchmarks.test_speed import show, world_of_five_modalities
from tests.scenarios import scenario
from tests.small_runs import buying
from tests.small_world import fixed_response

CARE = ("scanner", "outreach", "reader")
TURNS = 2
Row = tuple[str, ...]


def base_of(rule: str, kept: Sequence[str], set_up: Scenario) -> Plan:
    """Return the plan of a rule, without what is not kept."""
    base = RULES[rule](parameter_sample(set_up, None, "search").world, set_up)
    bought = [item.lever in kept for item in base.catalogue.items]
    return replace(base, units=base.units * bought) if kept else base


def cpu_ms(cases: Sequence[Case], set_up: Scenario) -> tuple[float, list[Run]]:
    """Return CPU milliseconds of a case, and the runs."""
    begun = time.process_time()
    runs = simulate_many(cases, scenario=set_up)
    return 1e3 * (time.process_time() - begun) / len(cases), runs


def row(what: str, base: Plan, plans: Sequence[Plan], made: tuple[Start, Respond, Scenario]) -> Row:
    """Return what the additions to a base cost, moved in all regions and in the changed ones."""
    start, respond, set_up = made
    whole = [Case(start, plan, respond) for plan in (base, *plans)]
    part = [whole[0], *(Case(start, plan, respond, base) for plan in plans)]
    simulate_many(part[:3], scenario=set_up)
    turns = [(cpu_ms(whole, set_up), cpu_ms(part, set_up)) for _ in range(TURNS)]
    in_full, in_part = (min(turn[k][0] for turn in turns) for k in (0, 1))
    for one, other in zip(turns[0][0][1], turns[0][1][1], strict=True):
        benefit = one.records.cells["benefit"]
        np.testing.assert_array_equal(benefit, other.records.cells["benefit"])
    tried = sum(worth_trying(case, base) for case in part[1:])
    numbers = f"{in_full:,.1f}", f"{in_part:,.1f}", f"{in_full / in_part:.1f}"
    return what, str(len(plans)), str(tried), *numbers


def shipped(what: str, name: str, kept: Sequence[str]) -> Row:
    """Return the row of a shipped scenario and its plan by need, or of what is kept of that."""
    set_up = unrecorded(load_scenario(f"scenarios/{name}.yaml"))
    sample, base = parameter_sample(set_up, 0), base_of("by_need", kept, set_up)
    most = most_per_year(sample.world, set_up)
    plans = [one.plan for one in additions(set_up, base, most=most, duals=None)]
    (start,) = starts_of(Design(set_up), [sample], [0])
    return row(what, base, plans, (start, sample.respond(), set_up))


def of_many_cells(what: str) -> Row:
    """Return the row of the world with five modalities and four groups, ten years."""
    world, set_up = world_of_five_modalities(), unrecorded(scenario(years=10))
    (start,) = warm_up_many([Luck(world, 1, 0)], scenario=set_up)
    base = buying(world, years=10, scanner=1, outreach=1, reader=1)
    tried = additions(set_up, base, most=np.full(base.units.shape[1:], 100.0), duals=None)
    plans = [one.plan for one in tried[:20]]
    return row(what, base, plans, (start, fixed_response(), set_up))


@pytest.mark.slow
def test_milliseconds_of_an_addition() -> None:
    rows = [
        of_many_cells("217 countries, 5 modalities, 4 groups, care alone"),
        shipped("217 countries, care alone", "world", CARE),
        shipped("217 countries, everything", "world", ()),
        shipped("East Africa, care alone", "east_africa", CARE),
        shipped("East Africa, everything", "east_africa", ()),
    ]
    show(
        "CPU milliseconds of an addition and its share of the base, the least of a few turns",
        ("a plan that buys", "additions", "tried", "all regions", "changed ones", "ratio"),
        rows,
    )
