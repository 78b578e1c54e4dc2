"""Plans compared by simulation in the same search draws: their values, gains, and races.

Of those who race, the better half goes on to twice as many draws (successive halving; Karnin, Koren
and Somekh 2013). All plans meet the same random numbers, and no search draw ever judges.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from math import ceil, nan
from types import MappingProxyType

import numpy as np
import pandas as pd
from scipy.special import stdtr

from sim.answers.intervals import t_interval
from sim.domain.levers import Floats
from sim.domain.plan import Plan
from sim.studies.comparison import WORTHWHILE
from sim.studies.conditions import Condition, gains, penalty, score
from sim.studies.plans import HISTORY

RUNS = {"quick": 1_500, "standard": 9_000, "thorough": 40_000}
"""Runs, of one plan in one draw, by the words for the effort of a search."""
FIRST_RUNG = 6
"""Draws after which the worse half of those who race is given up; then twice as many, and so on."""
NONE_KNOWN: Mapping[str, Floats] = MappingProxyType({})
Evaluate = Callable[..., Floats]
"""Plans and search draws to ``simulated``, shape (plan, draw, value); with ``by_region``, what
regions add, shape (plan, draw, region)."""


def runs_of(effort: str | int) -> int:
    """Return the runs that an effort stands for."""
    return RUNS[effort] if isinstance(effort, str) else effort


def draws_of(runs: int) -> int:
    """Return the search draws for so many runs.

    >>> [draws_of(runs) for runs in (200, 1_500, 9_000, 40_000)]
    [8, 23, 57, 120]
    """
    return int(np.clip(round(0.6 * runs**0.5), FIRST_RUNG, 120))


@dataclass
class Selection:
    """Plans that are simulated one after the other until the runs are spent."""

    evaluate: Evaluate
    runs: int
    """Runs that it may take."""
    conditions: tuple[Condition, ...] = ()
    """What the plan has to keep when it is simulated."""
    worst_draws: float = 1.0
    """Share of the draws, the worst of each plan, whose mean outcome is to be large."""
    by_regret: bool = False
    """Whether a plan's worst draws are those in which it is furthest behind the best proposal."""
    taken: int = 0
    """Runs that it took so far."""
    rows: list[dict[str, object]] = field(default_factory=list)
    """What was decided, by ``HISTORY``."""
    ahead: Floats = field(init=False)
    """What outcomes are held against, by draw: the best proposal's, or 0; shape (draw,)."""

    def __post_init__(self) -> None:
        self.ahead = np.zeros(len(self.draws))

    @property
    def draws(self) -> range:
        """All search draws."""
        return range(draws_of(self.runs))

    def gains(self, values: Floats, draws: Sequence[int]) -> Floats:
        """Return by how much all plans but the first score above it, shape (plan,)."""
        return gains(values[1:], values[0], self.worst_draws, self.ahead[list(draws)])

    def rank(self, values: Floats) -> tuple[int, float]:
        """Return how far a plan came in a race, and its score until there."""
        return int((~np.isnan(values[:, 0])).sum()), float(
            score(values, self.worst_draws, self.ahead)
        )

    def values(self, plans: Sequence[Plan], draws: Sequence[int]) -> Floats:
        """Return what plans reach in some draws, shape (plan, draw, value), and count the runs."""
        self.taken += len(plans) * len(draws)
        return self.evaluate(plans, draws)

    def in_all_draws(
        self, plans: Mapping[str, Plan], known: Mapping[str, Floats]
    ) -> dict[str, Floats]:
        """Return what plans reach in every search draw, some of it known, shape (draw, value)."""
        found = {}
        for name, plan in plans.items():
            first = known.get(name, np.zeros((0, 1 + len(self.conditions))))
            late = self.draws[len(first) :]
            found[name] = np.vstack([first, self.values([plan], late)[0]]) if late else first
        return found

    def race(
        self, plans: Mapping[str, Plan], *, what: str, known: Mapping[str, Floats] = NONE_KNOWN
    ) -> dict[str, Floats]:
        """Return what plans reach by draw, shape (draw, value), NaN where one had been given up.

        Of those who are left, the better half goes on to twice as many draws (successive halving;
        Karnin, Koren and Somekh 2013).
        """
        names = list(plans)
        values = np.full((len(names), len(self.draws), 1 + len(self.conditions)), np.nan)
        alive, done = list(range(len(names))), 0
        while done < len(self.draws):
            upto = min(max(2 * done, FIRST_RUNG), len(self.draws))
            rung = range(done, upto)
            late = [k for k in alive if len(known.get(names[k], ())) < upto]
            for k in set(alive) - set(late):
                values[k, rung] = known[names[k]][done:upto]
            if late:
                values[np.ix_(late, rung)] = self.values([plans[names[k]] for k in late], rung)
            scores = score(values[:, :upto], self.worst_draws, self.ahead[:upto])
            alive = sorted(alive, key=lambda k: -scores[k])
            keep = max(ceil(len(alive) / 2), min(len(alive), 3))
            for k in alive:
                self.tell(what, names[k], values[k, :upto], values[alive[0], :upto], kept=True)
                self.rows[-1]["kept"] = k in alive[:keep]
            alive, done = alive[:keep], upto
        return dict(zip(names, values, strict=True))

    def tell(self, what: str, plan: str, values: Floats, before: Floats, *, kept: bool) -> None:
        """Write a line of the history: what a plan reached, beside what was there before."""
        gain = values[:, 0] - before[:, 0]
        low, high = t_interval(pd.Series(gain))
        mean = values[:, 0].mean()
        row = (self.taken, what, plan, len(values), mean, gain.mean(), low, high, kept, nan)
        self.rows.append(dict(zip(HISTORY, row, strict=True)))


def sure(values: Mapping[str, Floats], best: str) -> str:
    """Return how sure it is that none of the others is better by more than is worthwhile.

    One less the sum of the paired t probabilities that it is (Bonferroni), over those that were
    simulated in all draws.
    """
    mine = values[best][:, 0]
    margin, wrong = WORTHWHILE * float(np.nanmean(mine)), 0.0
    for name, reached in values.items():
        other = reached[:, 0]
        ahead = (mine - other)[~np.isnan(other)]
        if name == best or len(ahead) < 2 or penalty(reached) > penalty(values[best]):
            continue
        error = float(ahead.std(ddof=1)) / len(ahead) ** 0.5
        if error > 0.0:
            wrong += float(stdtr(len(ahead) - 1, -(float(ahead.mean()) + margin) / error))
    return (
        f"none of the others is better by {WORTHWHILE:.1%} with probability {max(1 - wrong, 0):.0%}"
    )
