"""What exams cost beyond today, where the budget pays for it: follow-up, storage, electricity."""

from dataclasses import dataclass

import numpy as np

from sim.baseline.world import World
from sim.domain.levers import Floats
from sim.planning.algebra import Terms, Variables, add_variables, at_most, dot
from sim.planning.care import CareRows, CareVariables
from sim.planning.today import today_flows
from sim.units import JOULES_PER_KWH


@dataclass(frozen=True, slots=True)
class Rates:
    """US dollars of the whole need of a region and modality in a year, each of shape (r, m).

    Flows of care are shares of it.
    """

    exams: Floats
    by_human: Floats
    by_ai: Floats
    worth: Floats
    """Of readings with AI, weighted by their benefit: what it finds is followed up."""
    kept: Floats
    """To keep all studies for a year."""

    @classmethod
    def of(cls, world: World, need: Floats, specificity: Floats) -> "Rates":
        """Return the rates of a world; need and a release's specificity have shape (r, m)."""
        care, data, compute = world.care, world.data, world.compute
        power = compute.electricity_usd_per_kwh[:, None]
        sick, healthy = care.prevalence, 1.0 - care.prevalence
        found, alarm = sick * care.true_positive_usd, healthy * care.false_positive_usd
        human = found * care.reader_sensitivity + alarm * (1.0 - care.reader_specificity)
        inference = compute.joules_per_inference / JOULES_PER_KWH * power
        return cls(
            exams=need * power * compute.unit_kwh_per_exam,
            by_human=need * human,
            by_ai=need * (alarm * (1.0 - specificity) + inference),
            worth=need * found,
            kept=need * data.digital_share[:, None] * data.storage_usd_per_study_year,
        )


def further_exam_costs(rows: CareRows, specificity: Floats) -> Variables:
    """Add what exams cost in each year above today's; return it, US dollars, shape (y,).

    Parameters
    ----------
    specificity : of a release, shape (r, m).
    """
    world, need, years = rows.world, rows.today.need, rows.bought.years
    rates = Rates.of(world, need, specificity)
    further = add_variables(rows.problem, "further_exam_costs", (years,))
    exams, read = (flow / need for flow in today_flows(world, rows.today))
    for y, year in enumerate(years):
        today = rates.exams * exams[y] + rates.by_human * read[y]
        today = today + rates.kept * exams[0] * (y + 0.5)
        more = np.tensordot(_kept_share(y), exams[: y + 1] - exams[0], axes=1)
        today = today + rates.kept * more
        terms = [*_costs(rates, rows.flows, y), [(further[y], -1.0)]]
        at_most(rows.problem, f"exam_costs_{year}", terms, float(today.sum()))
    return further


def _costs(rates: Rates, flows: CareVariables, y: int) -> list[Terms]:
    """Return what all exams of a year cost, and the keeping of those of the years before."""
    of_year = [
        dot(rate[..., None], flow[y])
        for rate, flow in (
            (rates.exams, flows.exams),
            (rates.by_human, flows.by_human),
            (rates.by_ai, flows.by_ai),
            (rates.worth, flows.worth),
        )
    ]
    kept = _kept_share(y)[:, None, None, None] * rates.kept[..., None]
    return [*of_year, dot(kept, flows.exams[: y + 1])]


def _kept_share(y: int) -> Floats:
    """Return for how much of year y the studies of every year until then are kept, (y + 1,)."""
    return np.where(np.arange(y + 1) == y, 0.5, 1.0)
