"""Supplies of imaging, as the scenario states them, by region and modality."""

from collections.abc import Callable

import numpy as np

from sim.baseline.pool import Pool
from sim.domain.levers import Floats
from sim.scenario.consumables import EXAMS_SUPPLIED, PRICE_OF_SUPPLIES, Supply

EXAMS_OF_A_UNIT = 1_000.0
"""Exams that a bought unit of supplies is for."""
MOST_OF_NEED = 2.0
"""Supplies that can be bought in a year, over the need of the first: need grows."""


def supplied_exams(pool: Pool) -> Floats:
    """Return the exams a year that supplies suffice for, shape (r, m); infinity where unstated.

    A region that is pooled of others has what these have together, if all of them state it.
    """

    def value(number: int, one: Supply) -> float:
        name = f"supplies.{number}.exams_per_year"
        return pool.inputs.assumption(name, one.exams_per_year, EXAMS_SUPPLIED)

    return _by_region(pool, value, np.sum, missing=np.inf)


def weeks_in_store(pool: Pool) -> Floats:
    """Return the weeks of supplies that stores hold at most, shape (r, m)."""
    return _by_region(pool, lambda _, one: float(one.store_weeks), np.max, missing=1.0)


def usd_per_exam(pool: Pool, modality: str) -> Floats:
    """Return what supplies of one more exam cost, shape (r,); NaN where none can be bought."""

    def value(number: int, one: Supply) -> float:
        if one.usd_per_exam is None:
            return np.nan
        name = f"supplies.{number}.usd_per_exam"
        return pool.inputs.assumption(name, one.usd_per_exam, PRICE_OF_SUPPLIES)

    prices = _by_region(pool, value, np.mean, missing=np.nan)
    return prices[:, pool.modalities.index(modality)]


def most_units(pool: Pool, modality: str) -> Floats:
    """Return the most units of supplies that can be bought in a year, shape (r,)."""
    rate = pool.of_modality(modality, "need_per_1000") / 1000.0
    need = pool.total(rate * pool.of_modality(modality, "indication_share") * pool.people)
    most = np.ceil(MOST_OF_NEED * need / EXAMS_OF_A_UNIT)
    return np.where(np.isnan(usd_per_exam(pool, modality)), 0.0, most)


def bought_for(pool: Pool) -> tuple[str, ...]:
    """Return the modalities that more supplies can be bought for."""
    priced = (one.modality for one in pool.scenario.supplies if one.usd_per_exam is not None)
    return tuple(dict.fromkeys(priced))


def _by_region(
    pool: Pool,
    value: Callable[[int, Supply], float],
    pooled: Callable[[Floats], float],
    *,
    missing: float,
) -> Floats:
    """Return a value of the entries of every region and modality, shape (r, m)."""
    stated = {
        (region, one.modality): value(number, one)
        for number, one in enumerate(pool.scenario.supplies)
        for region in one.regions
    }
    who = pool.who
    out = np.full((len(who.regions), len(pool.modalities)), missing)
    for r, region in enumerate(who.regions):
        here = [name for name, inside in zip(who.countries, who.belongs[r], strict=True) if inside]
        for m, modality in enumerate(pool.modalities):
            names = [region] if (region, modality) in stated else here
            if all((name, modality) in stated for name in names):
                out[r, m] = pooled(np.array([stated[name, modality] for name in names]))
    return out
