"""Imputation: the nearest pool with three donors, its median and its spread."""

import pandas as pd
import pytest

from sim.baseline.impute import impute


def donors(*places: tuple[float, str, str, str]) -> pd.DataFrame:
    """Donors as (value, income group, UN subregion, World Bank region)."""
    columns = ["value", "income_group", "un_subregion", "wb_region"]
    return pd.DataFrame(places, columns=columns).assign(unit="units", year="2013")


EAST = ("Eastern Africa", "Sub-Saharan Africa")
WEST = ("Western Africa", "Sub-Saharan Africa")
SOUTH = ("Southern Asia", "South Asia")
HERE = {"income_group": "LIC", "un_subregion": EAST[0], "wb_region": EAST[1]}


@pytest.mark.parametrize(
    ("pool", "median", "rule"),
    [
        ([(1.0, "LIC", *EAST), (2.0, "LIC", *EAST), (9.0, "LIC", *EAST)], 2.0, "in Eastern"),
        ([(1.0, "LIC", *EAST), (2.0, "LIC", *WEST), (9.0, "LIC", *WEST)], 2.0, "in Sub-Saharan"),
        ([(1.0, "LIC", *EAST), (2.0, "LIC", *WEST), (9.0, "LIC", *SOUTH)], 2.0, "all regions"),
        ([(1.0, "LIC", *EAST), (2.0, "HIC", *WEST), (9.0, "HIC", *SOUTH)], 2.0, "the world"),
    ],
)
def test_pools_widen_until_three_donors(
    pool: list[tuple[float, str, str, str]], median: float, rule: str
) -> None:
    far_away = [(1e6, "HIC", *SOUTH)] if rule != "the world" else []
    guess = impute(donors(*pool, *far_away), **HERE)
    assert guess.value == median
    assert rule in guess.note
    assert guess.status == "imputed"


def test_the_range_is_the_spread_of_the_donors() -> None:
    guess = impute(donors(*((float(v), "LIC", *EAST) for v in range(11))), **HERE)
    assert (guess.low, guess.value, guess.high) == pytest.approx((1.0, 5.0, 9.0))
    assert "11 donors" in guess.note


def test_donors_of_another_income_group_do_not_count_when_there_are_enough() -> None:
    near = [(float(v), "LIC", *EAST) for v in (1, 2, 3)]
    rich = [(100.0, "HIC", *EAST)] * 20
    assert impute(donors(*near, *rich), **HERE) == impute(donors(*near), **HERE)
