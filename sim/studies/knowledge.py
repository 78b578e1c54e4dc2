"""What a finished study hangs on, and what knowing more before choosing would be worth.

Everything comes from the draws on which the policies were judged: nothing is simulated for it.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial as bind

import numpy as np
import pandas as pd

from sim.answers.failure import Failure, failure
from sim.answers.information import (
    gain_of_everything,
    gain_of_knowing,
    gain_of_measuring,
    gain_without_chance,
)
from sim.answers.intervals import FEWEST_DRAWS, t_interval
from sim.answers.regression import varying
from sim.answers.sensitivity import ONE_IN_TWENTY, explained, given_data, told_by_chance
from sim.domain.levers import Floats
from sim.errors import AnswerError
from sim.streams import stream

EVERYTHING, TOPIC, UNKNOWN, CHANCE = "everything", "topic", "unknown", "everything but chance"
"""Kinds of rows: all that is drawn, all of one topic, one unknown; and all that is drawn, valued
by another replication than it was chosen by."""
AT_LEAST_NOTHING = (0.0, np.inf)
"""Bounds of what knowing is worth, and of regret."""
NEAR = 0.01
"""Relative distance from the best of a draw that counts as near."""
INFORMATION_COLUMNS = ("kind", "what", "topic", "unknowns", "value", "low", "high", "share", "usd",
                       "draws")  # fmt: skip
DRIVER_COLUMNS = ("kind", "what", "topic", "unknowns", "share", "low", "high", "chance", "draws")


@dataclass(frozen=True, slots=True)
class Unknowns:
    """What differs from draw to draw: one column for every unknown, named by its first input."""

    drawn: pd.DataFrame
    """Draws are rows."""
    topics: dict[str, str]
    """What each is about, by name."""

    @classmethod
    def of(cls, sample: pd.DataFrame) -> "Unknowns":
        """Return the unknowns of ``StudyResult.sample``; those that never vary are left out."""
        if sample.empty:
            return cls(pd.DataFrame(), {})
        wide = varying(
            sample.pivot_table(index="draw", columns="parameter", values="value", sort=False)
        )
        about = sample.drop_duplicates("parameter").set_index("parameter").loc[wide.columns]
        first = about.loc[~about["unknown"].duplicated(), "topic"]
        return cls(wide[first.index], {str(name): str(topic) for name, topic in first.items()})

    def in_draws(self, draws: Iterable[int]) -> "Unknowns":
        """Return the same in some draws only."""
        return self if self.drawn.empty else Unknowns(self.drawn.loc[list(draws)], self.topics)

    def parts(self) -> Iterator[tuple[str, str, str, list[str]]]:
        """Yield all, the unknowns of every topic, and every unknown: kind, name, topic, columns."""
        names = list(self.topics)
        if names:
            yield EVERYTHING, EVERYTHING, "", names
        for topic in dict.fromkeys(self.topics.values()):
            yield TOPIC, topic, topic, [name for name in names if self.topics[name] == topic]
        for name in names:
            yield UNKNOWN, name, self.topics[name], [name]


def information_table(
    reached: pd.DataFrame, unknowns: Unknowns, *, usd_per_unit: float
) -> pd.DataFrame:
    """Return what knowing more before choosing between the policies would be worth.

    Parameters
    ----------
    reached : the outcome that plans are made for, more is better: draws and replications are rows
        (index), policies columns.
    usd_per_unit : US dollars for which the outcome can be raised by 1; NaN where not known.

    Returns
    -------
    kind, what, topic, unknowns (their number), value (mean gain of choosing by them, in the
    outcome's unit; 0 where choosing so does not do better) with its 95% interval over draws, share
    (of the value of knowing everything), usd (for which the same gain could be bought) and draws.
    """
    by_draw = reached.groupby(level="draw", sort=False).mean()
    values, rows = by_draw.to_numpy(float), []
    enough = len(values) >= FEWEST_DRAWS
    whole = gain_of_everything(values)
    for kind, what, topic, names in unknowns.parts() if enough else ():
        gain = whole
        if kind != EVERYTHING:
            gain = gain_of_knowing(values, unknowns.drawn[names].to_numpy(float))
        rows.append((kind, what, topic, len(names), *worth_of(gain, whole, usd_per_unit)))
        if kind == EVERYTHING and len(reached.index.unique("replication")) > 1:
            gain = gain_without_chance(*_halves(reached))
            rows.append((CHANCE, CHANCE, "", len(names), *worth_of(gain, whole, usd_per_unit)))
    table = pd.DataFrame(rows, columns=list(INFORMATION_COLUMNS))
    return _largest_first(table, "value")


def measurement(
    reached: pd.DataFrame, true: pd.Series, *, people: int | None, error: float | None, seed: int
) -> dict[str, float]:
    """Return what a measurement would be worth before choosing: value with low and high, and draws.

    Parameters
    ----------
    reached : as in ``information_table``.
    true : the value of the parameter by draw.
    people : asked in a survey, where it is a share: a binomial count.
    error : else, relative standard error of the measurement.

    Raises ``AnswerError`` unless one of both is given, or for a survey of what is no share.
    """
    if (people is None) == (error is None):
        raise AnswerError(
            "say how many people a survey asks, or how large the error is: one of both."
        )
    if people is not None and not true.between(0.0, 1.0).all():
        raise AnswerError(
            f"a survey of people measures a share; this goes from {true.min():.3g} to "
            f"{true.max():.3g}: give the error of a measurement instead."
        )
    by_draw = reached.groupby(level="draw", sort=False).mean()
    measure = bind(_measured, people=people, error=error)
    rng = stream(seed, "measurement", str(true.name))
    gain = gain_of_measuring(by_draw.to_numpy(float), true.to_numpy(float), measure, rng)
    whole = gain_of_everything(by_draw.to_numpy(float))
    value, low, high, share, _, draws = worth_of(gain, whole, np.nan)
    return {"value": value, "low": low, "high": high, "share": share, "draws": draws}


def _measured(
    true: Floats, rng: np.random.Generator, *, people: int | None, error: float | None
) -> Floats:
    """Return what a measurement shows of true values."""
    if people is not None:
        return np.asarray(rng.binomial(people, true) / people)
    return np.asarray(true * (1.0 + (error or 0.0) * rng.standard_normal(len(true))))


def regret_table(reached: pd.DataFrame) -> pd.DataFrame:
    """Return how far every plan is behind the best of each draw.

    Parameters
    ----------
    reached : as in ``information_table``.

    Returns
    -------
    plan, regret (mean over draws) with low and high (95%), ``largest`` regret of any draw, ``best``
    and ``near`` (shares of draws in which it is the best, alone or with others, and within
    ``NEAR`` of it) and draws; the smallest regret first.
    """
    by_draw = reached.groupby(level="draw", sort=False).mean()
    top = by_draw.max(axis=1)
    rows = []
    for plan in by_draw:
        behind = top - by_draw[plan]
        low, high = t_interval(behind, within=AT_LEAST_NOTHING)
        rows.append(
            {
                "plan": str(plan),
                "regret": float(behind.mean()),
                "low": low,
                "high": high,
                "largest": float(behind.max()),
                "best": float((behind <= 0.0).mean()),
                "near": float((behind <= NEAR * top.abs()).mean()),
                "draws": len(behind),
            }
        )
    return pd.DataFrame(rows).sort_values("regret", kind="stable", ignore_index=True)


def driver_table(lead: pd.Series, unknowns: Unknowns, *, seed: int) -> pd.DataFrame:
    """Return what a difference between two policies hangs on.

    Parameters
    ----------
    lead : the difference by draw.
    seed : of the bootstrap.

    Returns
    -------
    kind, what, topic, unknowns, share (of the variance of the lead that they tell of draws not
    seen, 0 to 1) with a 95% interval, chance (see ``told_by_chance_in_twenty``) and draws, of every
    topic and every unknown. Shares need not add up to 1: some of it is in joint effects, and some
    in what few draws cannot tell.
    """
    if len(lead) < FEWEST_DRAWS:
        return pd.DataFrame(columns=list(DRIVER_COLUMNS))
    # of a hundred at once no regression on some dozens of draws tells
    parts = [part for part in unknowns.parts() if part[0] != EVERYTHING]
    y, rows = lead.to_numpy(float), []
    chance = told_by_chance_in_twenty(
        [(kind, unknowns.drawn[names].to_numpy(float)) for kind, *_, names in parts],
        y,
        seed=seed,
        about="drivers",
    )
    for (kind, what, topic, names), most in zip(parts, chance, strict=True):
        rng = stream(seed, "drivers", what)
        share = explained(unknowns.drawn[names].to_numpy(float), y, rng)
        rows.append((kind, what, topic, len(names), *share, most, len(lead)))
    return _largest_first(pd.DataFrame(rows, columns=list(DRIVER_COLUMNS)), "share")


def told_by_chance_in_twenty(
    parts: Sequence[tuple[str, Floats]], y: Floats, *, seed: int, about: str
) -> list[float]:
    """Return what parts tell of a result by chance, in one case of twenty, a share for each.

    Of single unknowns it is what the best of them all tells: where they are many, some do.

    Parameters
    ----------
    parts : kind, and the unknowns, shape (draw, unknown).
    y : the result, shape (draw,).
    about : what is asked, which names the stream of shuffles.
    """
    shuffled = [told_by_chance(x, y, stream(seed, about, "shuffles")) for _, x in parts]
    single = [shares for (kind, _), shares in zip(parts, shuffled, strict=True) if kind == UNKNOWN]
    best = float(np.quantile(np.max(single, axis=0), ONE_IN_TWENTY)) if single else 0.0
    return [
        best if kind == UNKNOWN else float(np.quantile(shares, ONE_IN_TWENTY))
        for (kind, _), shares in zip(parts, shuffled, strict=True)
    ]


def indices(lead: pd.Series, unknowns: Unknowns, *, method: str, seed: int) -> pd.DataFrame:
    """Return an index of SALib for every unknown; see ``given_data``."""
    number = int(stream(seed, "indices", method).integers(2**31))
    table = given_data(unknowns.drawn, lead, method=method, seed=number)
    return table.assign(topic=table["parameter"].map(unknowns.topics))


def failing(lead: pd.Series, unknowns: Unknowns, *, seed: int) -> Failure:
    """Return in which draws a lead is lost; see ``failure``."""
    return failure(unknowns.drawn, lead < 0.0, seed=int(stream(seed, "failure").integers(2**31)))


def worth_of(gain: Floats, whole: Floats, usd_per_unit: float) -> tuple[float, ...]:
    """Return value, low, high, share (of knowing everything), usd and draws of gains by draw."""
    low, high = t_interval(pd.Series(gain), within=AT_LEAST_NOTHING)
    value, most = max(float(gain.mean()), 0.0), float(whole.mean())
    share = value / most if most > 0.0 else 0.0
    return value, low, high, share, value * usd_per_unit, len(gain)


def _halves(reached: pd.DataFrame) -> tuple[Floats, Floats]:
    """Return the mean over the first and the second half of the replications of every draw."""
    number = reached.index.get_level_values("replication")
    first = number < np.ceil(len(number.unique()) / 2)
    one, other = (
        reached[half].groupby(level="draw", sort=False).mean().to_numpy(float)
        for half in (first, ~first)
    )
    return one, other


def _largest_first(table: pd.DataFrame, by: str) -> pd.DataFrame:
    """Return rows by kind in their order, the largest of each kind first."""
    order = {kind: place for place, kind in enumerate(dict.fromkeys(table["kind"]))}
    keys = [-table[by].to_numpy(float), table["kind"].map(order).to_numpy()]
    return table.iloc[np.lexsort(keys)].reset_index(drop=True)
