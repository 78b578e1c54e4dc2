"""Impute missing values of a country from similar countries, and mark them as imputed."""

import pandas as pd

from sim.baseline.datum import Datum

MIN_DONORS = 3
"""Fewer countries than this say too little about the spread."""
SPREAD = (0.1, 0.9)
"""Quantiles of the donors that become ``low`` and ``high``."""


def impute(donors: pd.DataFrame, *, income_group: str, un_subregion: str, wb_region: str) -> Datum:
    """Return the median of the nearest pool of donors, with their 10th to 90th percentile.

    Pools are tried in order, and the first with three donors is used: same income group and UN
    subregion, same income group and World Bank region, same income group, the world.

    Parameters
    ----------
    donors : one observed value per country, in columns ``value``, ``unit``, ``year``,
        ``income_group``, ``un_subregion`` and ``wb_region``.
    income_group : income group of the country without a value.
    un_subregion, wb_region : its regions.

    Examples
    --------
    >>> seen = pd.DataFrame({
    ...     "value": [1.0, 2.0, 4.0, 50.0], "unit": "units per million", "year": "2014",
    ...     "income_group": ["LIC", "LIC", "LIC", "HIC"],
    ...     "un_subregion": "Eastern Africa", "wb_region": "Sub-Saharan Africa"})
    >>> guess = impute(seen, income_group="LIC", un_subregion="Eastern Africa",
    ...                wb_region="Sub-Saharan Africa")
    >>> guess.value, guess.status, guess.note
    (2.0, 'imputed', 'median and 10th-90th percentile of 3 donors: LIC in Eastern Africa')
    """
    pool, rule = _nearest_pool(donors, income_group, un_subregion, wb_region)
    low, value, high = (float(pool["value"].quantile(q)) for q in (SPREAD[0], 0.5, SPREAD[1]))
    years = sorted(pool["year"].astype(str))
    return Datum(
        value=value,
        low=low,
        high=high,
        unit=str(pool["unit"].iloc[0]),
        year=years[0] if years[0] == years[-1] else f"{years[0]} to {years[-1]}",
        status="imputed",
        source="imputed from the published values of other countries in this table",
        note=f"median and 10th-90th percentile of {len(pool)} donors: {rule}",
    )


def _nearest_pool(
    donors: pd.DataFrame, income_group: str, un_subregion: str, wb_region: str
) -> tuple[pd.DataFrame, str]:
    same_income = donors["income_group"] == income_group
    pools = (
        (
            same_income & (donors["un_subregion"] == un_subregion),
            f"{income_group} in {un_subregion}",
        ),
        (same_income & (donors["wb_region"] == wb_region), f"{income_group} in {wb_region}"),
        (same_income, f"{income_group}, all regions"),
    )
    for chosen, rule in pools:
        if int(chosen.sum()) >= MIN_DONORS:
            return donors[chosen], rule
    return donors, "the world, for want of nearer ones"
