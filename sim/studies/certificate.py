"""What of the answer is stable: the top additions, and the best policy, where things are otherwise.

Seeds and profiles are simulated again; aversions and floors read the same runs by another measure.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np
import pandas as pd

from sim.answers.intervals import A_CHANGE_OF_SHARE, t_interval
from sim.answers.ranks import rank_intervals
from sim.domain.levers import Floats
from sim.domain.plan import Plan
from sim.equity.coverage import Measured, ede
from sim.learning.response import available, load_profile
from sim.planning.moves import Purse
from sim.scenario.schema import Equity, Scenario
from sim.streams import stream
from sim.studies.answering import Answering
from sim.studies.batch import Design
from sim.studies.judging import measured_judged
from sim.studies.marginal import Addition, additions

TOP = 5
"""Additions whose stability is asked about."""
LOOKED_AT = 15
"""Additions that are simulated again: those that a run found to be best."""
SEEDS = 2
"""Further seeds, each with draws and events of its own."""
AVERSIONS = (0.0, 0.5, 1.0, 2.0, 4.0)
FLOORS = (0.1, 10.0)
"""Multiples of the floor of coverage."""
ITEM_COLUMNS = ("region", "item", "rank", "rank_low", "rank_high", "kept", "best_rank",
                "worst_rank", "variations")  # fmt: skip
VARIATION_COLUMNS = ("kind", "value", "shared", "first", "best_policy", "lead", "lead_low",
                     "lead_high")  # fmt: skip


@dataclass(frozen=True, slots=True)
class Certificate:
    """How stable the top additions and the best policy are."""

    items: pd.DataFrame
    """region, item, rank (by EDE gained per dollar, as it is, of the additions that are looked at)
    with its 95% interval over draws, rank_low and rank_high, kept (share of the variations in
    which it stays among the first five), best_rank, worst_rank and variations (their number), of
    the first five."""
    variations: pd.DataFrame
    """kind (as it is, seed, profile, aversion or floor), value, shared (how many of the first five
    are so there too), first (the best addition there), best_policy (by EDE, mean over draws) and
    lead (EDE of the plan less that of the best of the others, share of need, mean over draws) with
    its 95% interval, lead_low and lead_high."""

    @property
    def tables(self) -> dict[str, pd.DataFrame]:
        """All of it by the names of files."""
        return {"stable_items": self.items, "variations": self.variations}

    def __str__(self) -> str:
        return f"{self.items.to_string(index=False)}\n\n{self.variations.to_string(index=False)}"


class _Variation(NamedTuple):
    kind: str
    value: str
    scenario: Scenario
    """What is simulated; ``equity`` says how it is read."""
    equity: Equity


def certificate(
    design: Design,
    answering: Answering,
    plans: Mapping[str, Plan],
    marginal: pd.DataFrame,
) -> Certificate:
    """Return how stable the top additions to the plan, and the best policy, are.

    One replication of each draw.

    Parameters
    ----------
    plans : policies, the plan among them.
    marginal : additions that a run simulated, the best first: region and item.
    """
    tried = _best_additions(design, plans["plan"], marginal)
    simulated: dict[str, dict[str, list[Measured]]] = {}
    scores: list[list[int]] = []
    rows = []
    for one in _variations(design.scenario):
        key = f"{one.scenario.profile}, seed {one.scenario.uncertainty.seed}"
        if key not in simulated:
            simulated[key] = _seen(replace(design, scenario=one.scenario), answering, plans, tried)
        reached = {
            name: np.array([ede(replace(m, equity=one.equity)) for m in by_draw])
            for name, by_draw in simulated[key].items()
        }
        gained = _gained_per_usd(reached, tried)
        if not scores:
            ends = rank_intervals(gained, stream(design.scenario.uncertainty.seed, "places"))
        scores.append(_ranks(gained))
        rows.append(_row(one, reached, scores, plans, tried))
    return Certificate(
        _items(np.array(scores), ends, tried), pd.DataFrame(rows, columns=list(VARIATION_COLUMNS))
    )


def _variations(scenario: Scenario) -> Iterator[_Variation]:
    """Yield what is as it is first, and then all that is otherwise."""
    equity, uncertainty = scenario.equity, scenario.uncertainty
    once = scenario.model_copy(
        update={"uncertainty": uncertainty.model_copy(update={"replications": 1})}
    )
    yield _Variation("as it is", "", once, equity)
    for more in range(1, SEEDS + 1):
        seeded = once.uncertainty.model_copy(update={"seed": uncertainty.seed + more})
        other = once.model_copy(update={"uncertainty": seeded})
        yield _Variation("seed", str(seeded.seed), other, equity)
    for name in _profiles(scenario):
        yield _Variation("profile", name, once.model_copy(update={"profile": name}), equity)
    for aversion in AVERSIONS:
        if aversion != equity.aversion:
            other_equity = equity.model_copy(update={"aversion": aversion})
            yield _Variation("aversion", f"{aversion:g}", once, other_equity)
    for factor in FLOORS:
        floor = equity.model_copy(update={"floor": min(factor * equity.floor, 0.49)})
        yield _Variation("floor", f"{floor.floor:g}", once, floor)


def _profiles(scenario: Scenario) -> list[str]:
    """Return the other shipped profiles of the same modality and kind of groups."""
    if scenario.profile not in (shipped := available()):
        return []
    mine = load_profile(scenario.profile)
    kind = scenario.profile.rpartition("_")[2]
    return [
        name
        for name in shipped
        if name != scenario.profile
        and name.rpartition("_")[2] == kind
        and load_profile(name).modality == mine.modality
    ]


def _best_additions(design: Design, plan: Plan, marginal: pd.DataFrame) -> list[Addition]:
    """Return the additions that were found to be best, the best first."""
    order = {
        (str(region), str(item)): place
        for place, (region, item) in enumerate(
            marginal[["region", "item"]].head(LOOKED_AT).itertuples(index=False)
        )
    }
    purse = Purse(design.sampler(design.scenario, None, "search").world, design.scenario)
    items = [item.name for item in plan.catalogue.items]
    # so that none of them is screened out where there are many
    wanted = np.full(plan.units.shape[1:], np.nan)
    for (region, item), place in order.items():
        if item in items:
            rows = range(len(plan.regions)) if region == "all" else [plan.regions.index(region)]
            wanted[list(rows), items.index(item)] = -float(place)
    found = additions(design.scenario, plan, most=purse.most, duals=wanted)
    first = {(one.region, one.item): one for one in reversed(found)}
    return [first[key] for key in order if key in first]


def _seen(
    design: Design, answering: Answering, plans: Mapping[str, Plan], tried: Sequence[Addition]
) -> dict[str, list[Measured]]:
    """Return what policies and additions bring about in every draw, by name."""
    named = dict(plans) | {one.plan.name: one.plan for one in tried}
    where = f"{design.scenario.profile}, seed {design.scenario.uncertainty.seed}"
    found = measured_judged(
        design, answering, {f"{where}: {name}": plan for name, plan in named.items()}
    )
    return dict(zip(named, found.values(), strict=True))


def _gained_per_usd(reached: Mapping[str, Floats], tried: Sequence[Addition]) -> Floats:
    """Return what every addition gains per dollar, shape (addition, draw)."""
    rates = [(reached[one.plan.name] - reached["plan"]) / one.extra_usd for one in tried]
    return np.array(rates).reshape(len(tried), -1)


def _ranks(gained: Floats) -> list[int]:
    """Return the place of every addition by its mean over draws, 1 the best."""
    order = np.argsort(-gained.mean(axis=1), kind="stable")
    return [int(place) + 1 for place in np.argsort(order, kind="stable")]


def _row(
    one: _Variation,
    reached: Mapping[str, Floats],
    scores: Sequence[Sequence[int]],
    plans: Mapping[str, Plan],
    tried: Sequence[Addition],
) -> tuple[object, ...]:
    as_it_is, here = scores[0], scores[-1]
    shared = sum(a <= TOP and b <= TOP for a, b in zip(as_it_is, here, strict=True))
    first = tried[here.index(1)] if tried else None
    others = [reached[name] for name in plans if name != "plan"]
    rival = max(others, key=np.mean) if others else np.full(len(reached["plan"]), np.nan)
    lead = pd.Series(reached["plan"] - rival)
    return (
        one.kind,
        one.value,
        shared,
        f"{first.item} in {first.region}" if first else "",
        max(plans, key=lambda name: reached[name].mean()),
        float(lead.mean()),
        *t_interval(lead, within=A_CHANGE_OF_SHARE),
    )


def _items(
    ranks: np.ndarray, ends: tuple[Floats, Floats], tried: Sequence[Addition]
) -> pd.DataFrame:
    """Return ``Certificate.items``."""
    rows = []
    for k in np.argsort(ranks[0], kind="stable")[:TOP] if len(tried) else ():
        others = ranks[1:, k]
        rows.append(
            (tried[k].region, tried[k].item, int(ranks[0, k]), ends[0][k], ends[1][k],
             float((others <= TOP).mean()), int(others.min()), int(others.max()), len(others))
        )  # fmt: skip
    return pd.DataFrame(rows, columns=list(ITEM_COLUMNS))
