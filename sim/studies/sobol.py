"""What a plan's lead hangs on, by Sobol indices: simulated where given draws are too few to tell.

Saltelli's design on the uniform numbers that move what is not known. Those of one topic are taken
together, so that the number of runs grows with topics and not with unknowns; chance, which is the
seed of events, is a topic of its own.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import partial as bind
from typing import NamedTuple

import numpy as np
import pandas as pd

from sim.answers.sensitivity import saltelli_design, sobol_indices
from sim.domain.levers import Floats
from sim.domain.plan import Plan
from sim.errors import AnswerError
from sim.scenario.schema import Scenario
from sim.streams import stream
from sim.studies.answering import Answering
from sim.studies.assumptions import PRICES
from sim.studies.batch import Design, Kept
from sim.studies.experiment import Purpose
from sim.studies.lots import Lot, seen
from sim.studies.outcomes import OUTCOMES
from sim.studies.sample import CHANCE, Sample, parameter_sample

ROWS_PER_TASK = 24
"""Rows of the design that are simulated together."""


@dataclass(frozen=True, slots=True)
class Sobol:
    """What share of the variance of a plan's lead every topic makes."""

    table: pd.DataFrame
    """what (a topic, or chance), unknowns, first and total with their 95% intervals, and runs; see
    ``sobol_indices``."""
    leads: pd.DataFrame
    """row (of the design) and lead (of the plan, in the objective)."""

    @property
    def tables(self) -> dict[str, pd.DataFrame]:
        """All of it by the names of files."""
        return {"sobol": self.table, "sobol_leads": self.leads}

    def __str__(self) -> str:
        return str(self.table.to_string(index=False))


@dataclass(frozen=True, slots=True)
class Designed:
    """Samples by the rows of a design, as a sampler; it travels to workers."""

    names: tuple[str, ...]
    """Of uniform numbers."""
    rows: Floats
    """Shape (row, number)."""

    def __call__(self, scenario: Scenario, draw: int | None, purpose: Purpose) -> Sample:
        """Return the sample of a row; what the design does not state is as in draw 0."""
        if draw is None:
            return parameter_sample(scenario, None, purpose)
        stated = dict(zip(self.names, self.rows[draw].tolist(), strict=True))
        return parameter_sample(scenario, 0, purpose, stated=stated)


class Rows(NamedTuple):
    """Two plans in some rows of a design."""

    plan: Plan
    rival: Plan
    numbers: tuple[str, ...]
    rows: Floats


def sobol(design: Design, answering: Answering, plan: Plan, rival: Plan, *, points: int) -> Sobol:
    """Return what share of the variance of a plan's lead over another every topic makes.

    One replication of each row of the design. The prices of what is bought, which are taken as
    planned and move no coverage, stay as they are.

    Parameters
    ----------
    points : of the design, a power of two; it has (topics + 2) times as many rows.

    Raises
    ------
    AnswerError
        Without SALib; of another number of points; where the lead is the same in all rows, or no
        number in one; where the study's samples are its own.
    """
    if design.sampler is not parameter_sample:
        raise AnswerError("a design is laid out on samples as shipped: these are one's own.")
    groups, seed = topics_of_numbers(design.scenario), design.scenario.uncertainty.seed
    rng = stream(seed, "sobol")
    rows = saltelli_design(list(groups.values()), points=points, seed=int(rng.integers(1, 2**31)))
    tasks = {
        f"rows {first} to {first + ROWS_PER_TASK - 1}": Rows(
            plan, rival, tuple(groups), rows[first : first + ROWS_PER_TASK]
        )
        for first in range(0, len(rows), ROWS_PER_TASK)
    }
    done = answering.do("simulating a Sobol design", bind(leads_in, design), tasks)
    leads = np.concatenate([kept.arrays["lead"] for kept in done.values()])
    table = sobol_indices(list(groups.values()), leads, seed=int(rng.integers(1, 2**31)))
    return Sobol(table, pd.DataFrame({"row": range(len(leads)), "lead": leads}))


def leads_in(design: Design, asked: Rows) -> Kept:
    """Return the plan's lead in some rows of a design, ``lead`` of shape (row,)."""
    here = replace(design, sampler=Designed(asked.numbers, asked.rows))
    found = seen(here, Lot((asked.plan, asked.rival), tuple(range(len(asked.rows)))))
    values = np.array([[design.objective.of(one.measured) for one in row] for row in found])
    sign = -1.0 if OUTCOMES.called(design.scenario.objective).better == "lower" else 1.0
    return Kept({"lead": sign * (values[:, 0] - values[:, 1])}, {})


def topics_of_numbers(scenario: Scenario) -> dict[str, str]:
    """Return the topic of every uniform number that moves what is not known, chance among them.

    A number that moves inputs of several topics is a topic by itself.
    """
    sample = parameter_sample(scenario, 0)
    topics = sample.drawn_table().set_index("parameter")["topic"]
    found: dict[str, set[str]] = {}
    for name, one in sample.drawn.items():
        found.setdefault(one.moved_by or one.unknown, set()).add(str(topics[name]))
    single: Mapping[str, str] = {
        name: min(some) if len(some) == 1 else name for name, some in found.items()
    }
    return {name: topic for name, topic in single.items() if topic != PRICES} | {CHANCE: CHANCE}
