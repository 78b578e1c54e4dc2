"""A model of what variations of a plan bring, whose coefficients are simulated responses to them.

Around a plan every item is bought, and given up, in several amounts, in all regions at once, and
simulated. What a region gains is taken to hang on its own purchases, and the gains of different
items to add up; the links of AI count together as well, because one of them alone is worth little.
The best combination that the limits allow is then a choice of one amount for every item and region,
a mixed-integer linear model (a linear metamodel fitted to a designed experiment; Kleijnen 2015,
Design and Analysis of Simulation Experiments, doi:10.1007/978-3-319-18087-8). How far its additions
hold is seen when what it chooses is simulated.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import NamedTuple

import numpy as np

from sim.domain.levers import Floats
from sim.planning.choice import choose
from sim.planning.limits import Limit
from sim.planning.moves import BUNDLE, Purse, Step, Target, taken
from sim.planning.objectives import Parts
from sim.planning.rules import CHAIN

BOUGHT = (0.02, 0.06, 0.15)
"""Amounts that are bought of everything, as shares of the whole budget."""
GIVEN_UP = (0.35, 1.0)
"""Amounts that are given up of everything, as shares of what is bought of it."""


class Variation(NamedTuple):
    """One item, or all links of AI, bought or given up in one amount, in all regions."""

    target: Target
    units: Floats
    """What is bought then, shape (a, r, i)."""


class Amounts(NamedTuple):
    """Amounts of one thing, of which one is chosen: in a region, or for all of them."""

    item: str
    region: int | None
    """None where all regions share it."""
    variations: tuple[int, ...]
    """Which variations are amounts of it."""

    @property
    def here(self) -> slice:
        """Regions that it is about."""
        return slice(None) if self.region is None else slice(self.region, self.region + 1)


def variations_of(purse: Purse, units: Floats) -> Iterator[Variation]:
    """Yield the variations of a plan that are simulated, each of another outcome."""
    targets = purse.targets()
    coarse = {target.item for target in targets if not target.region}
    for target in targets:
        if target.region and target.item in coarse:
            continue
        worth = sum(float(units[:, r, i] @ purse.price_usd[:, r, i]) for r, i, _ in target.parts)
        tried = [("buy", share * purse.total_usd) for share in BOUGHT]
        tried += [("drop last", share * worth) for share in GIVEN_UP if worth > 0.0]
        known = {units.tobytes()}
        for kind, usd in tried:
            changed, _ = taken(purse, units, [Step(kind, target)], usd, beyond=True)
            if changed.tobytes() not in known:
                known.add(changed.tobytes())
                yield Variation(target, changed)


class Proposal(NamedTuple):
    """What a surrogate takes for the best plan near the one that it was fitted around."""

    units: Floats
    expected: float
    """Outcome that it expects of the plan, in the draws in which it was fitted."""
    gap: float
    """How much larger what regions add to the objective could be at most, as the solver proved."""


@dataclass(frozen=True)
class Surrogate:
    """Simulated responses around a plan, and the best that they add up to."""

    purse: Purse
    units: Floats
    """What the plan buys, shape (a, r, i)."""
    variations: Sequence[Variation]
    responses: Floats
    """What every region adds to the objective, shape (1 + variation, draw, region); the plan's own
    first."""
    parts: Parts
    """How that makes up the objective."""

    @cached_property
    def amounts(self) -> list[Amounts]:
        """Every thing and region with the variations that concern it."""
        found: dict[tuple[str, int | None], list[int]] = {}
        for number, (target, units) in enumerate(self.variations):
            differ = (units != self.units).any(axis=(0, 2))
            for region in [None] if target.pooled else np.flatnonzero(differ).tolist():
                found.setdefault((target.item, region), []).append(number)
        return [Amounts(item, region, tuple(some)) for (item, region), some in found.items()]

    @cached_property
    def gains(self) -> Floats:
        """What every variation adds to the part of each region, shape (variation, draw, region)."""
        return np.asarray(self.responses[1:] - self.responses[0])

    def best(self, moved: float, prudence: float = 0.0) -> Proposal:
        """Return the best combination of variations that the limits allow.

        Parameters
        ----------
        moved : most money that is bought for or given up, as a share of the whole budget.
        prudence : standard errors that are taken off every gain: the largest of many are so by
            chance in part. What is expected is told without.

        Raises
        ------
        UnsolvedError, InfeasibleError : where no combination was found.
        """
        purse, width = self.purse, 1 + max(len(amounts.variations) for amounts in self.amounts)
        shape = len(self.amounts), width
        value = np.full((*shape, self.gains.shape[2]), np.nan)
        claims = np.zeros((1 + len(purse.limits), *shape))  # turnover comes last
        value[:, 0] = 0.0
        for p, amounts in enumerate(self.amounts):
            for o, number in enumerate(amounts.variations, start=1):
                here, differs = amounts.here, self._differs(amounts, number)
                value[p, o] = 0.0
                value[p, o, here] = _prudent(self.gains[number][:, here], prudence)
                claims[:-1, p, o] = np.einsum("ari,kari->k", differs, purse.claim_usd[:, :, here])
                claims[-1, p, o] = (np.abs(differs) * purse.price_usd[:, here]).sum()
        left = purse.left_usd(self.units)
        limits = [replace(row, most=most) for row, most in zip(purse.limits, left, strict=True)]
        found = choose(
            value,
            claims,
            [*limits, _turnover(moved * purse.total_usd)],
            base=self.responses[0].mean(axis=0),
            exclusive=self._exclusive(),
            worst=self.parts.worst,
        )
        units, parts = self.units.copy(), self.responses[0].copy()
        for amounts, o in zip(self.amounts, found.option.tolist(), strict=True):
            if o > 0:
                number = amounts.variations[o - 1]
                units[:, amounts.here] += self._differs(amounts, number)
                parts[:, amounts.here] += self.gains[number][:, amounts.here]
        equity = purse.scenario.equity
        expected = float(np.mean([self.parts.whole(one, equity) for one in parts]))
        return Proposal(units, expected, found.gap)

    def _differs(self, amounts: Amounts, number: int) -> Floats:
        """Return what a variation buys more where it is chosen, shape (a, region, i)."""
        more: Floats = (self.variations[number].units - self.units)[:, amounts.here]
        return more

    def _exclusive(self) -> list[tuple[int, int]]:
        """Return pairs of which only one is varied: all links of AI, and one of them."""
        links = [
            item.name for item in self.purse.world.catalogue.items
            if item.lever in CHAIN and not item.is_pooled
        ]  # fmt: skip
        at = {(amounts.item, amounts.region): p for p, amounts in enumerate(self.amounts)}
        return [
            (p, at[link, amounts.region])
            for p, amounts in enumerate(self.amounts)
            if amounts.item == BUNDLE
            for link in links
            if (link, amounts.region) in at
        ]


def _prudent(gains: Floats, prudence: float) -> Floats:
    """Return mean gains, shape (region,), less errors of their sum; of shape (draw, region)."""
    error = gains.sum(axis=1).std(ddof=1) / len(gains) ** 0.5 if len(gains) > 1 else 0.0
    return np.asarray(gains.mean(axis=0) - prudence * error / gains.shape[1])


def _turnover(usd: float) -> Limit:
    return Limit("moved_usd", f"at most USD {usd:,.0f} moved", np.zeros((1, 1, 1)), usd, 0.0)
