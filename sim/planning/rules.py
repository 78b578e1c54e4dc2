"""Policy rules: heuristics without optimisation, which the optimised plan is compared with.

A rule of one's own joins them by ``RULES.add(Rule(my_function, "My label"))``.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from sim.baseline.world import World
from sim.domain.levers import Floats
from sim.domain.plan import Plan, cost_of_unit, empty_plan
from sim.domain.registry import Registry
from sim.errors import PlanError
from sim.planning.decisions import most_per_year
from sim.scenario.schema import Scenario

PolicyRule = Callable[[World, Scenario], Plan]
"""How: a world and a scenario become a plan."""
PLAN = "plan"
"""Policy that no rule makes: the optimised plan."""


@dataclass(frozen=True, slots=True)
class Rule:
    """A policy rule and how it is spoken of."""

    make: PolicyRule
    label: str = ""
    """In tables and charts; the name where empty."""
    about: str = ""
    """What it does, in one line."""
    phrase: str = ""
    """In a sentence; the label with an article where empty."""

    @property
    def name(self) -> str:
        """Name of the function, by which scenarios call the rule."""
        return getattr(self.make, "__name__", "rule")

    def __call__(self, world: World, scenario: Scenario) -> Plan:
        """Return the plan that the rule makes; ``PlanError`` where it makes something else."""
        made = self.make(world, scenario)
        if not isinstance(made, Plan):
            raise PlanError(f"a rule returns a Plan, not {type(made).__name__}.")
        return made


def baseline(world: World, scenario: Scenario) -> Plan:
    """Buy nothing."""
    return empty_plan(
        "baseline",
        world.catalogue,
        world.regions,
        years=scenario.horizon.decide_years,
        start_year=scenario.horizon.start_year,
    )


def equal_split(world: World, scenario: Scenario) -> Plan:
    """Split every year's budget equally over regions and stages, and within a stage over levers."""
    regions = len(world.regions)
    return _spend_by_share("equal_split", world, scenario, np.full(regions, 1.0 / regions))


def by_need(world: World, scenario: Scenario) -> Plan:
    """Split every year's budget over regions in proportion to need, and over stages equally."""
    need = world.care.need_per_year.sum(axis=(1, 2))
    return _spend_by_share("by_need", world, scenario, need / need.sum())


RULES = Registry(
    "rule",
    (
        Rule(baseline, "Buying nothing", "no new money", phrase="buying nothing"),
        Rule(equal_split, "Equal split", "every region and every stage gets the same"),
        Rule(by_need, "Split by need", "regions get money in proportion to need"),
    ),
)
"""Every rule by name."""


def policies() -> dict[str, str]:
    """Return every policy that a scenario may compare, and what it does in one line."""
    return {name: rule.about for name, rule in RULES.items()} | {PLAN: "the optimised plan"}


def label_of(policy: str) -> str:
    """Return how a policy is called in tables and charts.

    >>> label_of("by_need"), label_of("plan"), label_of("mine")
    ('Split by need', 'The plan', 'mine')
    """
    rule = RULES.get(policy)
    return "The plan" if policy == PLAN else (rule.label if rule else "") or policy


def phrase_of(policy: str) -> str:
    """Return how a policy is called in a sentence.

    >>> phrase_of("by_need"), phrase_of("baseline"), phrase_of("mine")
    ('the split by need', 'buying nothing', 'mine')
    """
    rule, label = RULES.get(policy), label_of(policy)
    if rule and rule.phrase:
        return rule.phrase
    if label == policy:
        return policy
    return "the plan" if policy == PLAN else f"the {label[0].lower()}{label[1:]}"


@dataclass(slots=True)
class _Purse:
    """Money of all regions and items, and what it has already been promised for."""

    income_usd: Floats
    """Yearly income of every region and item, shape (r, i)."""
    budget_usd: float
    due_usd: Floats
    """Spend that purchases so far bring about, shape (y, r, i)."""

    def saved(self, year: int) -> Floats:
        """Return what each region and item has left of its income up to a year, shape (r, i)."""
        promised = self.due_usd[: year + 1].sum(axis=0)
        return np.asarray((year + 1) * self.income_usd - promised)

    def affordable(self, r: int, i: int, cost_usd: Floats) -> float:
        """Return whole units that can be paid for, now and in every year to come; free ones: inf.

        Each region and item may save its share up, but nobody may take a year's spend of all
        above the budget: the money saved is a claim on later budgets, not a bank account.

        Parameters
        ----------
        cost_usd : dollars due for one unit in every year, shape (y,).
        """
        years = np.arange(1, len(cost_usd) + 1)
        own = years * self.income_usd[r, i] - np.cumsum(self.due_usd[:, r, i])
        everyone = self.budget_usd - self.due_usd.sum(axis=(1, 2))
        total = np.cumsum(cost_usd)
        limits = [
            own[total > 0] / total[total > 0],
            everyone[cost_usd > 0] / cost_usd[cost_usd > 0],
        ]
        # a hair of slack, so that a price equal to the purse is not lost to rounding
        return float(np.floor(min(float(limit.min(initial=np.inf)) for limit in limits) + 1e-9))


def _spend_by_share(name: str, world: World, scenario: Scenario, share: Floats) -> Plan:
    """Return whole units bought year by year out of each region's and stage's share.

    Parameters
    ----------
    share : share of the budget of each region, shape (r,); adds up to 1.
    """
    catalogue, horizon = world.catalogue, scenario.horizon
    cost = cost_of_unit(catalogue, years=horizon.score_years)
    budget = scenario.budget_usd_per_year
    most = np.floor(most_per_year(world, scenario))
    within = share_of_item(world, most)
    purse = _Purse(
        budget * share[:, None] * within, budget, np.zeros((horizon.score_years, *within.shape))
    )
    units = np.zeros((horizon.decide_years, *within.shape))
    for a in range(horizon.decide_years):
        for claim in np.argsort(-purse.saved(a), axis=None, kind="stable"):
            r, i = divmod(int(claim), within.shape[1])
            room = most[r, i]
            if catalogue.items[i].is_one_each:
                room = min(room, 1.0 - units[:, r, i].sum())
            if room < 1.0 or within[r, i] <= 0.0:
                continue
            count = max(0, int(min(room, purse.affordable(r, i, cost[a, :, r, i]))))
            units[a, r, i] = count
            purse.due_usd[:, r, i] += count * cost[a, :, r, i]
    return replace(baseline(world, scenario), name=name, units=units)


def share_of_item(world: World, most: Floats) -> Floats:
    """Return the share of a region's money for each item, shape (r, i).

    Stages share equally, within a stage its levers, and within a lever what it is for.

    Parameters
    ----------
    most : most units of each item in a year, shape (r, i); what cannot be bought gets nothing.
    """
    items = world.catalogue.items
    offered = (most >= 1.0).astype(float)
    per_lever = offered / np.maximum(offered @ _alike([item.lever for item in items]), 1.0)
    # a lever of which anything is offered counts once
    levers = per_lever @ _alike([item.stage for item in items])
    share: Floats = per_lever / np.maximum(levers, 1.0)
    total = share.sum(axis=1, keepdims=True)
    return np.asarray(np.divide(share, total, out=np.zeros_like(share), where=total > 0))


def _alike(labels: Sequence[str]) -> Floats:
    """Return 1 where two items have the same label, shape (i, i)."""
    return np.array([[a == b for b in labels] for a in labels], dtype=float)
