"""What to measure first: what measurements would be worth before choosing a plan, and their cost.

Which measurements there are, how exact they are and what they cost is in ``measurements.csv``, and
assumed. What one is worth is told by the draws of a finished study: nothing is simulated for it.
"""

from collections.abc import Collection, Iterator
from fnmatch import fnmatchcase
from functools import cache
from functools import partial as bind
from importlib.resources import files
from io import StringIO
from typing import NamedTuple

import numpy as np
import pandas as pd

from sim.answers.information import gain_of_everything, gain_of_measuring
from sim.answers.intervals import FEWEST_DRAWS, LEVEL, t_interval
from sim.domain.levers import Floats
from sim.streams import stream
from sim.studies.knowledge import Unknowns, worth_of_gains

EVERYWHERE = "everywhere"
MOST_PLACES = 8
"""Places that are measured one by one; where there are more, all at once."""
MEASURING_COLUMNS = ("what", "where", "unknowns", "value", "low", "high", "share", "worth_usd",
                     "cost_usd", "cost_low_usd", "cost_high_usd", "pays", "draws")  # fmt: skip


ANSWERS, ERROR, RUNS = "answers", "relative error", "training runs"
"""What the size of a measurement is: answers at random of a survey of a share (a binomial count),
a relative standard error, or further training runs that tell as much each as those before."""


class Measurement(NamedTuple):
    """A kind of measurement, in one place or everywhere."""

    what: str
    where: str
    """A group or a place; ``EVERYWHERE``."""
    parameters: tuple[str, ...]
    """Unknowns that it measures."""
    unit: str
    """Of its size: ``ANSWERS``, ``ERROR`` or ``RUNS``."""
    size: float
    """Assumed, as its range is; each simulated measurement draws one (triangular)."""
    low_size: float
    high_size: float
    cost_usd: float
    """Assumed, as its range is."""
    cost_low_usd: float
    cost_high_usd: float


@cache
def known_measurements() -> pd.DataFrame:
    """Return the kinds of measurements.

    what, parameter, unit, size with low_size and high_size, usd with low_usd and high_usd, the year
    of these, source.
    """
    text = (files("sim.answers") / "measurements.csv").read_text(encoding="utf-8")
    return pd.read_csv(StringIO(text))


def measurements_of(unknowns: Collection[str], *, places: Collection[str]) -> Iterator[Measurement]:
    """Yield the measurements that a study's unknowns leave to be made.

    Parameters
    ----------
    places : codes of regions and countries by which unknowns may begin.
    """
    for kind in known_measurements().itertuples():
        by_place: dict[str, list[str]] = {}
        for name in unknowns:
            if fnmatchcase(name, str(kind.parameter)):
                by_place.setdefault(_where(name, places), []).append(name)
        if len(by_place) > MOST_PLACES:
            everything = [name for some in by_place.values() for name in some]
            parts = {EVERYWHERE: (everything, len(by_place))}
        else:
            parts = {where: (some, 1) for where, some in by_place.items()}
        for where, (some, count) in parts.items():
            yield Measurement(
                str(kind.what), where, tuple(some), str(kind.unit), float(str(kind.size)),
                float(str(kind.low_size)), float(str(kind.high_size)), float(str(kind.usd)) * count,
                float(str(kind.low_usd)) * count, float(str(kind.high_usd)) * count,
            )  # fmt: skip


def measuring_table(
    reached: pd.DataFrame,
    unknowns: Unknowns,
    *,
    places: Collection[str],
    profile_runs: int,
    usd_per_unit: float,
    seed: int,
) -> pd.DataFrame:
    """Return what every measurement would be worth before choosing, the best bargain first.

    Parameters
    ----------
    reached : as in ``knowledge.information_table``.
    places : see ``measurements_of``.
    profile_runs : training runs behind the profile.
    usd_per_unit : US dollars for which the outcome can be raised by 1; NaN where not known.
    seed : of simulated measurements.

    Returns
    -------
    what, where, unknowns (that it measures), value (mean gain of choosing by it, in the outcome's
    unit) with its 95% interval over draws, share (of the value of knowing everything), worth_usd
    (for which the same gain could be bought), cost_usd with cost_low_usd and cost_high_usd
    (assumed), pays (worth more than it costs at most, by its estimate and with an interval above
    0 that holds for all measurements at once) and draws.

    References
    ----------
    Of many measurements some seem to be worth something by chance: each of the intervals that
    decide has a part of the error that all may have (Dunn 1961, doi:10.2307/2282330).
    """
    by_draw = reached.groupby(level="draw", sort=False).mean()
    values, rows = by_draw.to_numpy(float), []
    whole = gain_of_everything(values)
    names = list(unknowns.topics) if len(values) >= FEWEST_DRAWS else []
    known = list(measurements_of(names, places=places))
    sure = 1.0 - (1.0 - LEVEL) / max(len(known), 1)
    for one in known:
        true = unknowns.drawn[list(one.parameters)].to_numpy(float)
        rng = stream(seed, "measuring", one.what, one.where)
        gain = gain_of_measuring(values, true, bind(shown, one, profile_runs), rng)
        value, low, high, share, usd, draws = worth_of_gains(gain, whole, usd_per_unit)
        least, _ = t_interval(pd.Series(gain), level=sure)
        pays = bool(least > 0.0 and usd > one.cost_high_usd)
        rows.append((one.what, one.where, len(one.parameters), value, low, high, share, usd,
                     one.cost_usd, one.cost_low_usd, one.cost_high_usd, pays, draws))  # fmt: skip
    table = pd.DataFrame(rows, columns=list(MEASURING_COLUMNS))
    left = (table["worth_usd"] - table["cost_usd"]).fillna(table["value"])
    return table.iloc[np.argsort(-left.to_numpy(float), kind="stable")].reset_index(drop=True)


def shown(one: Measurement, profile_runs: int, true: Floats, rng: np.random.Generator) -> Floats:
    """Return what a measurement shows of true values, shape (draw, unknown), and as large.

    How exact it is is drawn too. ``profile_runs`` are the training runs behind the profile.
    """
    size = rng.triangular(one.low_size, one.size, one.high_size)
    if one.unit == ANSWERS:
        answers = round(size)
        return np.asarray(rng.binomial(answers, np.clip(true, 0.0, 1.0)) / answers)
    noise = rng.standard_normal(true.shape)
    if one.unit == ERROR:
        return np.asarray(true * (1.0 + size * noise))
    # what is known now rests on the profile's runs: as many again would be as exact as that
    known = np.where(np.isfinite(true), true, np.nan)
    spread = np.nan_to_num(np.nanstd(known, axis=0)) * np.sqrt(profile_runs / size)
    return np.asarray(true + spread * noise)


def _where(name: str, places: Collection[str]) -> str:
    """Return the group, or the place, that an unknown is of."""
    first, *rest = name.split(".")
    if first == "groups":
        return rest[0]
    return first if first in places else EVERYWHERE
