"""What an addition to a plan costs where only the regions that it changes are moved.

The same additions to the same plan, moved in all regions and in the changed ones, timed in turns in
one process; the runs are the same to the bit. `make bench` shows the table.
"""

import time
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest

from sim.domain.plan import Plan
from sim.pipeline.case import Case, worth_trying
from sim.pipeline.records import Run
from sim.pipeline.run import simulate_many
from sim.planning.decisions import most_per_year
from sim.planning.rules import RULES
from sim.scenario.schema import Scenario
from sim.studies.batch import Design, starts_of, unrecorded
from sim.studies.marginal import additions
from sim.studies.names import load_scenario
from sim.studies.sample import parameter_sample
from tests.benchmarks.test_speed import show

CARE = ("scanner", "outreach", "reader")
TURNS = 2


def base_of(rule: str, kept: Sequence[str], scenario: Scenario) -> Plan:
    """Return the plan of a rule, without what is not kept."""
    base = RULES[rule](parameter_sample(scenario, None, "search").world, scenario)
    bought = [item.lever in kept for item in base.catalogue.items]
    return replace(base, units=base.units * bought) if kept else base


def cpu_ms(cases: Sequence[Case], scenario: Scenario) -> tuple[float, list[Run]]:
    """Return CPU milliseconds of a case, and the runs."""
    begun = time.process_time()
    runs = simulate_many(cases, scenario=scenario)
    return 1e3 * (time.process_time() - begun) / len(cases), runs


@pytest.mark.slow
def test_milliseconds_of_an_addition() -> None:
    rows = []
    for name, rule, kept, what in (
        ("world", "by_need", CARE, "217 countries, care alone"),
        ("world", "by_need", (), "217 countries, everything"),
        ("east_africa", "by_need", CARE, "East Africa, care alone"),
        ("east_africa", "by_need", (), "East Africa, everything"),
    ):
        scenario = unrecorded(load_scenario(f"scenarios/{name}.yaml"))
        sample, base = parameter_sample(scenario, 0), base_of(rule, kept, scenario)
        most = most_per_year(sample.world, scenario)
        plans = [one.plan for one in additions(scenario, base, most=most, duals=None)]
        (start,), respond = starts_of(Design(scenario), [sample], [0]), sample.respond()
        whole = [Case(start, plan, respond) for plan in (base, *plans)]
        part = [whole[0], *(Case(start, plan, respond, base) for plan in plans)]
        simulate_many(part[:3], scenario=scenario)
        turns = [(cpu_ms(whole, scenario), cpu_ms(part, scenario)) for _ in range(TURNS)]
        in_full, in_part = (min(turn[k][0] for turn in turns) for k in (0, 1))
        for one, other in zip(turns[0][0][1], turns[0][1][1], strict=True):
            benefit = one.records.cells["benefit"]
            np.testing.assert_array_equal(benefit, other.records.cells["benefit"])
        tried = sum(worth_trying(case, base) for case in part[1:])
        numbers = f"{in_full:,.1f}", f"{in_part:,.1f}", f"{in_full / in_part:.1f}"
        rows.append((what, str(len(plans)), str(tried), *numbers))
    show(
        "CPU milliseconds of an addition and its share of the base, the least of a few turns",
        ("additions to a plan by need", "number", "tried", "all regions", "changed ones", "ratio"),
        rows,
    )
