"""Plans for many countries: for each the option that suits it best, within the whole budget.

Options are the simple rules and a plan made for income groups, each with less and more money. All
countries are simulated with an option at once: what a country reaches hangs on its own purchases
more than on those of others, so that the best combination is a choice of one option for each, a
small optimisation model whose coefficients are simulated. What countries do to each other, such as
by the studies that they share, is left to the search that starts from here.
"""

from dataclasses import replace

import numpy as np

from sim.domain.levers import Floats
from sim.domain.plan import Plan
from sim.errors import InfeasibleError, UnsolvedError
from sim.pipeline.case import Case
from sim.pipeline.run import simulate_many
from sim.planning.choice import choose
from sim.planning.decisions import most_per_year
from sim.planning.limits import SLACK, scaled_budget
from sim.planning.moves import Purse
from sim.planning.rules import RULES, baseline
from sim.studies.batch import Design, starts_of, unrecorded
from sim.studies.totals import measured_in

LEVELS = (0.5, 1.0, 2.0)
"""Budgets of the options, as multiples of a region's share of the whole by the rule."""
OPTION_DRAWS = 4
"""Search draws in which options are simulated."""


def options_of(design: Design, made: Plan) -> dict[str, Plan]:
    """Return a plan and those of all rules at all levels of money, and buying nothing, by name."""
    scenario = design.scenario
    world = design.sampler(scenario, None, "search").world
    free = scenario.model_copy(
        update={"treasury": scenario.treasury.model_copy(update={"spending": ()})}
    )
    most = most_per_year(world, scenario)
    options = {"nothing": baseline(world, scenario)}
    for level in LEVELS:
        money = scaled_budget(free, level)
        for rule in RULES.shipped:
            if rule.name != "baseline":
                options[f"{rule.name}, {level:g} times"] = rule(world, money)
        units = np.minimum(np.floor(made.units * level + SLACK), most)
        options[f"{made.name}, {level:g} times"] = replace(made, units=units)
    return options


def best_by_country(design: Design, made: Plan) -> tuple[Plan, str]:
    """Return the plan of the best option for every country, and how it came about in words.

    Where no choice of options keeps every limit, that is the plan that is among the options.

    Parameters
    ----------
    made : a plan for all countries, which is an option for each.
    """
    scenario = design.scenario
    world = design.sampler(scenario, None, "search").world
    purse, options = Purse(world, scenario), options_of(design, made)
    units = np.stack([plan.units for plan in options.values()])  # (o, a, r, i)
    claims = np.einsum("oari,kari->kro", units, purse.claim_usd)
    reached = option_values(design, list(options.values()))
    # what an option adds, it adds to its own region
    value = reached[..., None] * np.eye(len(world.regions))[:, None]
    worst = design.objective.parts is not None and design.objective.parts.worst
    try:
        chosen = choose(value, claims, purse.limits, worst=worst)
    except (InfeasibleError, UnsolvedError):
        return made, "no choice of options for countries keeps every limit"
    best = np.stack([units[o, :, r] for r, o in enumerate(chosen.option)], axis=1)
    note = (
        f"for each country the best of {len(options)} options by {OPTION_DRAWS} search draws, "
        f"{len(set(chosen.option.tolist()))} different ones, proven within {chosen.gap:.2g} of the "
        "best such choice"
    )
    return replace(made, units=best), note


def option_values(design: Design, plans: list[Plan]) -> Floats:
    """Return what every region adds to the objective under each plan, shape (region, plan).

    A mean over draws: of utility, each region by its part of all discounted person-years; for the
    worst-off cell, of the coverage of the region's own.
    """
    quiet = replace(design, scenario=unrecorded(design.scenario))
    scenario = design.scenario
    parts = design.objective.parts
    if parts is None:
        raise ValueError(f"what regions add to '{design.objective.name}' is not known")
    total = np.zeros((len(plans), len(plans[0].regions)))
    for draw in range(OPTION_DRAWS):
        sample = quiet.sampler(scenario, draw, "search")
        start = starts_of(quiet, [sample], [0])[0]
        respond = sample.respond()
        cases = [Case(start, plan, respond) for plan in plans]
        runs = simulate_many(cases, scenario=quiet.scenario, stations=design.stations)
        total += [parts.of(measured_in(run, scenario.equity)) for run in runs]
    return np.asarray(total.T / OPTION_DRAWS)
