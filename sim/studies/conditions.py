"""What a plan has to bring about when it is simulated, and how plans score by it."""

from collections.abc import Callable, Iterator
from functools import partial as bind
from typing import NamedTuple

import numpy as np

from sim.domain.levers import Floats
from sim.equity.coverage import Measured
from sim.planning.limits import yearly_budget
from sim.scenario.schema import Scenario
from sim.scenario.treasury import OutcomeLimit
from sim.studies.outcomes import OUTCOMES
from sim.studies.totals import Totals

SMALLEST_LIMIT = 1e-2
"""Limits below this, in their own unit, are passed by so much where they are passed twice over."""


PENALTY = 10.0
"""What passing a condition by all of its limit takes off a plan's score, in the outcome that plans
are made for: so much that a plan which keeps it is preferred."""


class Seen(NamedTuple):
    """What was simulated of one plan in one draw."""

    totals: Totals
    measured: Measured


class Condition(NamedTuple):
    """A limit of what is simulated."""

    words: str
    excess: Callable[[Seen, Seen], float]
    """By what part of the limit a plan passes it, given the plan and nothing bought in the same
    draw. It is kept where the mean over draws is 0 or less."""


def conditions_of(scenario: Scenario) -> tuple[Condition, ...]:
    """Return every condition of a scenario."""
    return tuple(_conditions(scenario))


def _conditions(scenario: Scenario) -> Iterator[Condition]:
    treasury = scenario.treasury
    for name, limit in treasury.outcomes.items():
        yield Condition(words_of_limit(name, limit), bind(_beyond, name=name, limit=limit))
    if (most := treasury.worse_off) is not None:
        words = f"no cell worse off than with nothing bought by more than {most:.1%} of its need"
        yield Condition(words, bind(_lost, most=most))
    if scenario.exam_costs == "in_budget":
        words = "the budget of every year pays for what exams cost beyond those of today, too"
        yield Condition(words, bind(_overspent, scenario=scenario))


def words_of_limit(name: str, limit: OutcomeLimit) -> str:
    """Return a limit of an outcome in words.

    >>> words_of_limit("emissions_t_co2e", OutcomeLimit(at_most=50.0))
    'Emissions of the whole pipeline at most 50 t CO2e'
    """
    outcome = OUTCOMES[name]
    limits = {"at least": limit.at_least, "at most": limit.at_most}
    ((word, value),) = ((word, value) for word, value in limits.items() if value is not None)
    return f"{outcome.label} {word} {value:,.6g} {outcome.unit}".rstrip()


def _beyond(plan: Seen, nothing: Seen, *, name: str, limit: OutcomeLimit) -> float:
    del nothing
    value = OUTCOMES[name].of(plan.measured)
    over = value - limit.at_most if limit.at_most is not None else (limit.at_least or 0.0) - value
    stated = limit.at_most if limit.at_most is not None else limit.at_least
    return over / max(abs(stated or 0.0), SMALLEST_LIMIT)


def _lost(plan: Seen, nothing: Seen, *, most: float) -> float:
    lost = float(np.nanmax(nothing.measured.mean - plan.measured.mean))
    return (lost - most) / max(most, SMALLEST_LIMIT)


def _overspent(plan: Seen, nothing: Seen, *, scenario: Scenario) -> float:
    def paid(seen: Seen, account: str) -> Floats:
        accounts = seen.totals.accounts[account] / seen.totals.replications
        return np.asarray(accounts.sum(axis=(1, 2)))

    further = paid(plan, "exam_costs_usd") - paid(nothing, "exam_costs_usd")
    spent, budget = paid(plan, "spend_usd") + further, yearly_budget(scenario)
    if scenario.treasury.carry_over:
        spent, budget = np.cumsum(spent), np.cumsum(budget)
    return float(((spent - budget) / np.maximum(budget, 1.0)).max())


def score(values: Floats, worst: float = 1.0, against: Floats | float = 0.0) -> Floats:
    """Return the mean outcome over draws, less what the conditions that are passed take off.

    Parameters
    ----------
    values : as of ``simulated``, shape (..., draw, value), NaN in all of a draw not simulated.
    worst : share of the draws, the worst of them, whose outcome counts.
    against : what is taken off the outcome of every draw before that, shape (draw,).
    """
    return np.asarray(worst_mean(values[..., 0] - against, worst) - penalty(values))


def worst_mean(reached: Floats, share: float) -> Floats:
    """Return the mean over the worst draws: the conditional value at risk, of shape (...,).

    Rockafellar and Uryasev 2000, doi:10.21314/JOR.2000.038.

    Parameters
    ----------
    reached : outcome, shape (..., draw), NaN where not simulated.
    share : of the draws; at least one counts.

    >>> worst_mean(np.array([0.4, 0.1, 0.3, 0.2]), 0.5)
    array(0.15)
    """
    if share >= 1.0:
        return np.asarray(np.nanmean(reached, axis=-1))
    known = np.maximum(np.ceil(share * (~np.isnan(reached)).sum(axis=-1) - 1e-9), 1.0)
    counts = np.arange(reached.shape[-1]) < known[..., None]
    ordered = np.where(counts, np.sort(reached, axis=-1), 0.0)  # NaN comes last
    return np.asarray(ordered.sum(axis=-1) / known)


def penalty(values: Floats) -> Floats:
    """Return what the conditions that are passed, in the mean over draws, take off a score."""
    beyond = np.nanmean(values[..., 1:], axis=-2)
    return np.asarray(PENALTY * np.clip(beyond, 0.0, None).sum(axis=-1))


def gains(
    values: Floats, before: Floats, worst: float = 1.0, against: Floats | float = 0.0
) -> Floats:
    """Return by how much the scores of plans are above another's, over the same draws, (plan,).

    Parameters
    ----------
    values, before : as of ``simulated``, shapes (plan, draw, value) and (draw, value).
    worst, against : as of ``score``.
    """
    if worst < 1.0:
        return np.asarray(score(values, worst, against) - score(before, worst, against))
    ahead = (values[..., 0] - before[:, 0]).mean(axis=-1)  # of pairs: a tie is none by rounding
    return np.asarray(ahead - (penalty(values) - penalty(before)))
