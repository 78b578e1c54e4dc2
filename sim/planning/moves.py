"""Moves from one plan to another that keeps every year's budget: buy, give up, exchange."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from sim.baseline.world import World
from sim.domain.levers import Floats
from sim.domain.plan import cost_of_unit
from sim.planning.decisions import most_per_year
from sim.planning.limits import SLACK, Limit, limits_of, yearly_budget
from sim.planning.rules import CHAIN, need_share
from sim.scenario.schema import Scenario

BUNDLE = "links of AI"
"""What all of ``CHAIN`` together is called: a link alone is worth little."""


class Target(NamedTuple):
    """What money is moved to or from: an item, or all links of AI, in one region or in all."""

    item: str
    region: str
    """Empty where it is everywhere."""
    parts: tuple[tuple[int, int, float], ...]
    """Region, item and share of the money; shares add up to 1."""
    pooled: bool = False
    """Whether all regions share it, whoever pays."""

    @property
    def is_apart(self) -> bool:
        """Whether it is in one place, or in one purchase for all."""
        return bool(self.region) or self.pooled

    @property
    def name(self) -> str:
        """The target in words."""
        return f"{self.item} in {self.region}" if self.region else self.item


@dataclass(frozen=True)
class Purse:
    """Prices and limits that plans keep.

    Axes: a year of payment, y year, r region, i item.
    """

    world: World
    scenario: Scenario

    @cached_property
    def cost_usd(self) -> Floats:
        """Dollars due in year y for a unit paid in year a, shape (a, y, r, i)."""
        horizon = self.scenario.horizon
        return cost_of_unit(self.world.catalogue, years=horizon.score_years)[: horizon.decide_years]

    @cached_property
    def price_usd(self) -> Floats:
        """Dollars due in all years for a unit paid in year a, shape (a, r, i)."""
        return np.asarray(self.cost_usd.sum(axis=1))

    @cached_property
    def most(self) -> Floats:
        """Most units in a year, shape (r, i)."""
        return np.floor(most_per_year(self.world, self.scenario) + SLACK)

    @property
    def total_usd(self) -> float:
        """The budget of all years."""
        return float(yearly_budget(self.scenario).sum())

    @cached_property
    def limits(self) -> list[Limit]:
        """Every limit of spending, the budgets of all years first."""
        return limits_of(self.world, self.scenario)

    @cached_property
    def claim_usd(self) -> Floats:
        """Dollars that a unit paid in year a takes of what each limit k allows, (k, a, r, i)."""
        return np.stack([limit.claim for limit in self.limits])

    @cached_property
    def most_usd(self) -> Floats:
        """What each limit allows, shape (k,)."""
        return np.array([limit.most for limit in self.limits])

    def spent_usd(self, units: Floats) -> Floats:
        """Return what a plan spends in every year, shape (y,)."""
        return np.asarray(np.einsum("ari,ayri->y", units, self.cost_usd))

    def left_usd(self, units: Floats) -> Floats:
        """Return what a plan leaves of every limit, shape (k,)."""
        return np.asarray(self.most_usd - np.einsum("ari,kari->k", units, self.claim_usd))

    def is_kept_by(self, units: Floats) -> bool:
        """Return whether a plan keeps every limit."""
        hair = np.array([limit.hair for limit in self.limits])
        return bool((self.left_usd(units) >= -hair).all())

    def has_room(self, units: Floats) -> NDArray[np.bool_]:
        """Return whether another unit of an item fits the limits in any year, shape (r, i)."""
        left = self.left_usd(units)[:, None, None, None] + SLACK
        affordable = ((self.claim_usd <= left) | (self.claim_usd <= 0.0)).all(axis=0)
        one_each = np.array([item.is_one_each for item in self.world.catalogue.items])
        bought = np.where(one_each, units.sum(axis=0), units)
        return np.asarray((affordable & (self.most - bought >= 1.0 - SLACK)).any(axis=0))

    def targets(self) -> list[Target]:
        """Return what money can be moved to, the coarse ones first."""
        regions, share = range(len(self.world.regions)), need_share(self.world)
        items = self.world.catalogue.items
        links = [i for i, item in enumerate(items) if item.lever in CHAIN and not item.is_pooled]
        sets = {item.name: [i] for i, item in enumerate(items)}
        if len(links) > 1:
            sets[BUNDLE] = links
        everywhere, apart = [], []
        for name, chosen in sets.items():
            parts = [(r, i) for r in regions for i in chosen if self.most[r, i] >= 1.0]
            if not parts:
                continue
            if items[chosen[0]].is_pooled:
                parts = [min(parts, key=lambda part: self.price_usd[0][part])]
                everywhere.append(_target(name, "", parts, share)._replace(pooled=True))
                continue
            places = sorted({r for r, _ in parts})
            if len(places) > 1:
                everywhere.append(_target(name, "", parts, share))
            apart += [
                _target(name, self.world.regions[r], [p for p in parts if p[0] == r], share)
                for r in places
            ]
        return everywhere + apart

    def buy(self, units: Floats, target: Target, usd: float, *, beyond: bool = False) -> float:
        """Buy for about so much as early as can be paid for, in place; return what it costs.

        At least one unit of a thing is bought, whatever it costs, where the budget allows it.

        Parameters
        ----------
        beyond : whether limits may be exceeded, to see what a purchase is worth.
        """
        left = np.full(len(self.limits), np.inf) if beyond else None
        return sum(self._buy(units, r, i, usd * share, left) for r, i, share in target.parts)

    def _buy(self, units: Floats, r: int, i: int, usd: float, free: Floats | None) -> float:
        item, price = self.world.catalogue.items[i], self.price_usd[:, r, i]
        left = self.left_usd(units) if free is None else free
        claim, spent = self.claim_usd[:, :, r, i], 0.0
        for a in range(len(units)):
            room = self.most[r, i] - units[a, r, i]
            if item.is_one_each:
                room = min(room, 1.0 - units[:, r, i].sum())
            due = claim[:, a] > 0
            paid = float((left[due] / claim[:, a][due]).min(initial=np.inf))
            wanted = (usd - spent) / max(price[a], SLACK)
            if item.is_service:  # the same in every year that is left
                wanted = max(wanted / (len(units) - a), 1.0 if spent < usd else 0.0)
            elif spent == 0.0:
                wanted = max(wanted, 1.0)
            count = float(np.floor(min(room, paid, wanted) + SLACK))
            if count >= 1.0:
                units[a, r, i] += count
                left = left - count * claim[:, a]
                spent += count * float(price[a])
        return spent

    def give_up(self, units: Floats, target: Target, usd: float, *, last: bool) -> float:
        """Give up purchases worth about so much, in place; return what that saves.

        Parameters
        ----------
        last : whether assets that are bought last are given up first, or those bought first;
            services are given up alike in all years.
        """
        worth = [float(units[:, r, i] @ self.price_usd[:, r, i]) for r, i, _ in target.parts]
        total = sum(worth)
        return sum(
            self._give_up(units, r, i, usd * own / total, last=last)
            for (r, i, _), own in zip(target.parts, worth, strict=True)
            if own > 0.0
        )

    def _give_up(self, units: Floats, r: int, i: int, usd: float, *, last: bool) -> float:
        price, years = self.price_usd[:, r, i], range(len(units))
        if self.world.catalogue.items[i].is_service:
            worth = float(units[:, r, i] @ price)
            part = min(usd / worth, 1.0)
            part = 1.0 if part > 1.0 - SLACK else part
            fewer = np.floor(units[:, r, i] * (1.0 - part))
            saved = float((units[:, r, i] - fewer) @ price)
            units[:, r, i] = fewer
            return saved
        saved = 0.0
        for a in reversed(years) if last else years:
            wanted = max(round((usd - saved) / max(float(price[a]), SLACK)), saved == 0.0)
            count = min(float(units[a, r, i]), float(wanted))
            if count > 0.0:
                units[a, r, i] -= count
                saved += count * float(price[a])
        return saved


class Step(NamedTuple):
    """A target that is bought, or given up."""

    kind: str
    """``buy``; ``drop last`` or ``drop first`` by which purchases are given up first."""
    target: Target

    @property
    def name(self) -> str:
        """The step in words."""
        return f"{self.kind}: {self.target.name}"


def taken(
    purse: Purse, units: Floats, steps: Sequence[Step], usd: float, *, beyond: bool = False
) -> tuple[Floats, float]:
    """Return the units after some steps of about so much each, and what they cost together."""
    units, cost = units.copy(), 0.0
    for kind, target in steps:
        if kind == "buy":
            cost += purse.buy(units, target, usd, beyond=beyond)
        else:
            cost -= purse.give_up(units, target, usd, last=kind == "drop last")
    return units, cost


def steps_of(purse: Purse, units: Floats) -> Iterator[Step]:
    """Yield every single step from a plan, the coarse ones first."""
    items = purse.world.catalogue.items
    for target in purse.targets():
        yield Step("buy", target)
        if any(units[:, r, i].any() for r, i, _ in target.parts):
            yield Step("drop last", target)
            if not all(items[i].is_service for _, i, _ in target.parts):
                yield Step("drop first", target)


def _target(item: str, region: str, parts: Sequence[tuple[int, int]], share: Floats) -> Target:
    weights = np.array([max(share[r], SLACK) for r, _ in parts])
    weights = weights / weights.sum()
    return Target(
        item, region, tuple((r, i, float(w)) for (r, i), w in zip(parts, weights, strict=True))
    )
