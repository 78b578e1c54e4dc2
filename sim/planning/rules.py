"""Policy rules: heuristics without optimisation, which the optimised plan is compared with.

A rule of one's own joins them by ``RULES.add(Rule(my_function, "My label"))``.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from sim.baseline.world import World
from sim.domain.levers import LEVERS, Floats, LeverName
from sim.domain.plan import Plan, cost_of_unit, empty_plan
from sim.domain.registry import Registry
from sim.errors import PlanError
from sim.planning.decisions import most_per_year
from sim.planning.limits import fitted, limits_of, yearly_budget
from sim.scenario.schema import Scenario

PolicyRule = Callable[[World, Scenario], Plan]
"""How: a world and a scenario become a plan."""
PLAN, GREEDY, AT_RANDOM = "plan", "greedy", "random_search"
SEARCHED = {
    PLAN: "the best plan that a search finds by simulation",
    GREEDY: "bought piece by piece, by simulated gain per dollar, with as many runs as the plan",
    AT_RANDOM: "the best of plans at random, with as many runs as the plan",
}
"""Policies that no rule makes, and what each is: they are searched for by simulation."""


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
        """Return the plan that the rule makes; ``PlanError`` where it makes something else.

        Where a treasury asks something of spending, it is as much of the plan as keeps that.
        """
        made = self.make(world, scenario)
        if not isinstance(made, Plan):
            raise PlanError(f"a rule returns a Plan, not {type(made).__name__}.")
        if scenario.treasury.spending:
            return replace(made, units=fitted(limits_of(world, scenario), made.units))
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
    equal = np.full(len(world.regions), 1.0 / len(world.regions))
    return _spend_by_share("equal_split", world, scenario, _by_stage, equal)


def by_need(world: World, scenario: Scenario) -> Plan:
    """Split every year's budget over regions in proportion to need, and over stages equally."""
    return _spend_by_share("by_need", world, scenario, _by_stage, need_share(world))


def useful_split(world: World, scenario: Scenario) -> Plan:
    """Split every year's budget by need, and equally over the stages of ``CHAIN`` and care."""

    def shares(world: World, most: Floats) -> Floats:
        levers = [item.lever for item in world.catalogue.items]
        useful = [name in CHAIN or not LEVERS[name].only_ai for name in levers]
        return _by_stage(world, np.where(useful, most, 0.0))

    return _spend_by_share("useful_split", world, scenario, shares, need_share(world))


def status_quo(world: World, scenario: Scenario) -> Plan:
    """Spend every year's budget as money is spent today: on units and readers, as many as each."""

    def shares(world: World, most: Floats) -> Floats:
        catalogue, today = world.catalogue, np.zeros(most.shape)
        for m, modality in enumerate(world.modalities):
            today[:, catalogue.index("scanner", modality)] = world.care.units[:, m]
        for p, profession in enumerate(world.professions):
            reader = catalogue.index("reader", profession)
            hours = world.care.reader_hours_per_year[:, p]
            # a reader who never reads the modality would bring no hours
            one = catalogue.capacity[:, reader]
            today[:, reader] = np.divide(hours, one, out=np.zeros_like(hours), where=one > 0.0)
        yearly = catalogue.capex_usd / catalogue.life_years + catalogue.running_usd
        return _normalised(today * yearly * (most >= 1.0))

    return _spend_by_share("status_quo", world, scenario, shares, need_share(world))


CHAIN: tuple[LeverName, ...] = ("steward", "curator", "annotation", "gpu_hours", "audit", "site")
"""Levers that together bring AI to read: each is a link, and worth little without the others."""


def _by_levers(
    name: str, label: str, about: str, money: Mapping[LeverName, float], *, chain: float = 0.0
) -> "Rule":
    """Return the rule that splits money by need over regions, and in fixed shares over levers.

    Parameters
    ----------
    chain : share of the money for ``CHAIN``, in equal parts.
    """
    parts = dict(money) | dict.fromkeys(CHAIN, chain / len(CHAIN))

    def shares(world: World, most: Floats) -> Floats:
        money = np.array([parts.get(item.lever, 0.0) for item in world.catalogue.items])
        return _normalised(money * _per_lever(world, most))

    def rule(world: World, scenario: Scenario) -> Plan:
        return _spend_by_share(name, world, scenario, shares, need_share(world))

    rule.__name__ = name
    return Rule(rule, label, about)


RULES = Registry(
    "rule",
    (
        Rule(baseline, "Buying nothing", "no new money", phrase="buying nothing"),
        Rule(equal_split, "Equal split", "every region and every stage gets the same",
             phrase="the equal split"),
        Rule(by_need, "Split by need", "regions get money in proportion to need",
             phrase="the split by need"),
        Rule(useful_split, "Split over useful stages", "by need, equally over care and the links "
             "of AI"),
        Rule(status_quo, "More of the same", "by need, on units and readers as money is spent "
             "today"),
        _by_levers("only_readers", "Readers only", "by need, all for readers", {"reader": 1.0}),
        _by_levers("only_outreach", "Mobile clinics only", "by need, all for outreach",
                   {"outreach": 1.0}),
        _by_levers("only_units", "Imaging units only", "by need, all for imaging units",
                   {"scanner": 1.0}),
        _by_levers("readers_first", "Readers first", "by need, readers 60%, outreach 30%, imaging "
                   "units 10%, no AI", {"reader": 0.6, "outreach": 0.3, "scanner": 0.1}),
        _by_levers("outreach_first", "Mobile clinics first", "by need, outreach 45%, readers 45%, "
                   "imaging units 10%, no AI", {"reader": 0.45, "outreach": 0.45, "scanner": 0.1}),
        _by_levers("thirds", "Thirds", "by need, a third each for outreach, readers and the links "
                   "of AI", {"reader": 1 / 3, "outreach": 1 / 3}, chain=1 / 3),
        _by_levers("care_and_ai", "Care, then AI", "by need, outreach 35%, readers 35%, the links "
                   "of AI 25%, imaging units 5%",
                   {"reader": 0.35, "outreach": 0.35, "scanner": 0.05}, chain=0.25),
        _by_levers("ai_first", "AI first", "by need, the links of AI 70%, outreach 20%, imaging "
                   "units 10%", {"outreach": 0.2, "scanner": 0.1}, chain=0.7),
    ),
)  # fmt: skip
"""Every rule by name."""


def policies() -> dict[str, str]:
    """Return every policy that a scenario may compare, and what it does in one line."""
    return {name: rule.about for name, rule in RULES.items()} | SEARCHED


def label_of(policy: str) -> str:
    """Return how a policy is called in tables and charts.

    >>> label_of("by_need"), label_of("plan"), label_of("mine")
    ('Split by need', 'The plan', 'mine')
    """
    rule = RULES.get(policy)
    if policy in SEARCHED:
        return f"The {policy.replace('_', ' ')}" + ("" if policy != GREEDY else " plan")
    return (rule.label if rule else "") or policy


THE_RULE = "the rule '{label}'"
"""A rule in a sentence that has no phrase of its own."""


def phrase_of(policy: str, said: Callable[[str], str] = str) -> str:
    """Return how a policy is called in a sentence.

    Parameters
    ----------
    said : what is said for each part in another language.

    >>> phrase_of("by_need"), phrase_of("baseline"), phrase_of("mine")
    ('the split by need', 'buying nothing', 'mine')
    """
    rule, label = RULES.get(policy), label_of(policy)
    if rule and rule.phrase:
        return said(rule.phrase)
    if label == policy:
        return policy
    if policy in SEARCHED:
        return said(f"t{label[1:]}")
    return said(THE_RULE).format(label=said(label))


@dataclass(slots=True)
class _Purse:
    """Money of all regions and items, and what it has already been promised for."""

    share: Floats
    """Share of every year's budget that is a region's and item's, shape (r, i)."""
    budget_usd: Floats
    """Budget of every year, shape (y,)."""
    carry_over: bool
    """Whether money that a year leaves is there in later ones."""
    due_usd: Floats
    """Spend that purchases so far bring about, shape (y, r, i)."""

    def saved(self, year: int) -> Floats:
        """Return what each region and item has left of its income up to a year, shape (r, i)."""
        promised = self.due_usd[: year + 1].sum(axis=0)
        return np.asarray(self.budget_usd[: year + 1].sum() * self.share - promised)

    def affordable(self, r: int, i: int, cost_usd: Floats) -> float:
        """Return whole units that can be paid for, now and in every year to come; free ones: inf.

        Each region and item may save its share up, but nobody may take a year's spend of all
        above the budget: unless money is carried over, what is saved is a claim on later budgets.

        Parameters
        ----------
        cost_usd : dollars due for one unit in every year, shape (y,).
        """
        total = np.cumsum(cost_usd)
        own = np.cumsum(self.budget_usd) * self.share[r, i] - np.cumsum(self.due_usd[:, r, i])
        everyone, due = self.budget_usd - self.due_usd.sum(axis=(1, 2)), cost_usd
        if self.carry_over:
            everyone, due = np.cumsum(everyone), total
        limits = [own[total > 0] / total[total > 0], everyone[due > 0] / due[due > 0]]
        # a hair of slack, so that a price equal to the purse is not lost to rounding
        return float(np.floor(min(float(limit.min(initial=np.inf)) for limit in limits) + 1e-9))


Shares = Callable[[World, Floats], Floats]
"""World and most units in a year, shape (r, i), to the share of a region's money for each item."""


def need_share(world: World) -> Floats:
    """Return the share of each region in all need, shape (r,)."""
    need = world.care.need_per_year.sum(axis=(1, 2))
    return np.asarray(need / need.sum())


def _spend_by_share(
    name: str, world: World, scenario: Scenario, within_of: Shares, share: Floats
) -> Plan:
    """Return the plan that splits money over regions, and in each over items.

    Parameters
    ----------
    share : share of the budget of each region, shape (r,); adds up to 1.
    """
    most = np.floor(most_per_year(world, scenario))
    return spend_by_share(name, world, scenario, share[:, None] * within_of(world, most))


def spend_by_share(name: str, world: World, scenario: Scenario, share: Floats) -> Plan:
    """Return whole units bought year by year out of each region's and item's share.

    What a treasury asks of spending is kept as far as buying less of the rest can keep it.

    Parameters
    ----------
    share : share of the budget of each item in each region, shape (r, i); adds up to 1.
    """
    catalogue, horizon = world.catalogue, scenario.horizon
    cost = cost_of_unit(catalogue, years=horizon.score_years)
    most = np.floor(most_per_year(world, scenario))
    purse = _Purse(
        share,
        yearly_budget(scenario),
        scenario.treasury.carry_over,
        np.zeros((horizon.score_years, *share.shape)),
    )
    units = np.zeros((horizon.decide_years, *share.shape))
    for a in range(horizon.decide_years):
        for claim in np.argsort(-purse.saved(a), axis=None, kind="stable"):
            r, i = divmod(int(claim), share.shape[1])
            room = most[r, i]
            if catalogue.items[i].is_one_each:
                room = min(room, 1.0 - units[:, r, i].sum())
            if room < 1.0 or share[r, i] <= 0.0:
                continue
            count = max(0, int(min(room, purse.affordable(r, i, cost[a, :, r, i]))))
            units[a, r, i] = count
            purse.due_usd[:, r, i] += count * cost[a, :, r, i]
    if scenario.treasury.spending:
        units = fitted(limits_of(world, scenario), units)
    return replace(baseline(world, scenario), name=name, units=units)


def _by_stage(world: World, most: Floats) -> Floats:
    """Return the share of a region's money for each item, shape (r, i).

    Stages share equally, within a stage its levers, and within a lever what it is for.

    Parameters
    ----------
    most : most units of each item in a year, shape (r, i); what cannot be bought gets nothing.
    """
    items = world.catalogue.items
    per_lever = _per_lever(world, most)
    # a lever of which anything is offered counts once
    levers = per_lever @ _alike([item.stage for item in items])
    return _normalised(per_lever / np.maximum(levers, 1.0))


def _per_lever(world: World, most: Floats) -> Floats:
    """Return the share of a lever's money for each of what it is for and is offered, (r, i)."""
    offered = (most >= 1.0).astype(float)
    same = _alike([item.lever for item in world.catalogue.items])
    return np.asarray(offered / np.maximum(offered @ same, 1.0))


def _alike(labels: Sequence[str]) -> Floats:
    """Return 1 where two items have the same label, shape (i, i)."""
    return np.array([[a == b for b in labels] for a in labels], dtype=float)


def _normalised(parts: Floats) -> Floats:
    """Return shares of every region that add up to 1; none where there are none."""
    total = parts.sum(axis=1, keepdims=True)
    return np.asarray(np.divide(parts, total, out=np.zeros_like(parts), where=total > 0))
