"""The assumption register: worlds in which it is known what a gain rests on."""

import numpy as np
import pandas as pd
import pytest

from reports.register_page import register_rows, register_sentence
from sim.studies.assumptions import (
    ALIKE,
    ELSEWHERE,
    ORIGIN,
    OWN,
    STATUS,
    Basis,
    bases_of,
    register_table,
)
from sim.studies.knowledge import UNKNOWN, Unknowns

DRAWS = 60
LEVEL = Basis("assumed", OWN, "a guess")
INPUTS = pd.DataFrame(
    [
        ("KEN.units", "published", "a survey"),
        ("RWA.units", "imputed", "neighbours"),
        ("minutes.LIC", "assumed", "assumption"),
        ("minutes.LMC", "published", "a study"),
        ("synthetic_worth", "measured", "profile"),
        ("groups.rural.reach", "assumed", "assumption"),
    ],
    columns=["name", "status", "source"],
)
UNKNOWN_OF = {
    "KEN.units": "KEN.units",
    "RWA.units": "RWA.units",
    "minutes.LIC": "minutes",
    "minutes.LMC": "minutes",
    "synthetic_worth": "synthetic_worth",
    "groups.rural.reach": "groups.rural.reach",
    "response.kappa": "response.kappa",
    "level": "level",
}


@pytest.fixture(scope="module")
def sample() -> pd.DataFrame:
    rng = np.random.Generator(np.random.PCG64(5))
    drawn = {unknown: rng.uniform(size=DRAWS) for unknown in dict.fromkeys(UNKNOWN_OF.values())}
    rows = [
        (draw, name, "reach", unknown, float(drawn[unknown][draw]))
        for draw in range(DRAWS)
        for name, unknown in UNKNOWN_OF.items()
    ]
    return pd.DataFrame(rows, columns=["draw", "parameter", "topic", "unknown", "value"])


def shares(sample: pd.DataFrame, gain: pd.Series) -> pd.DataFrame:
    bases = bases_of(sample, INPUTS, places={"KEN", "RWA"}, level=LEVEL)
    return register_table(gain, Unknowns.of(sample), bases, seed=1)


def column(sample: pd.DataFrame, name: str) -> pd.Series:
    return sample[sample["parameter"] == name].set_index("draw")["value"]


def test_an_unknown_is_as_good_as_its_weakest_input(sample: pd.DataFrame) -> None:
    bases = bases_of(sample, INPUTS, places={"KEN", "RWA"}, level=LEVEL)
    assert bases["minutes.LMC"].status == "assumed"  # one unknown with that of low income
    assert bases["minutes.LIC"].origin == ALIKE
    assert (bases["KEN.units"].status, bases["KEN.units"].origin) == ("published", OWN)
    assert (bases["RWA.units"].status, bases["RWA.units"].origin) == ("imputed", ELSEWHERE)
    assert bases["response.kappa"] == Basis("measured", ELSEWHERE, "the profile's training runs")
    assert bases["synthetic_worth"].origin == ELSEWHERE
    assert bases["groups.rural.reach"].origin == OWN
    assert bases["level"] == LEVEL


@pytest.mark.parametrize(
    ("name", "status", "origin"),
    [
        ("groups.rural.reach", "assumed", OWN),
        ("minutes.LIC", "assumed", ALIKE),
        ("response.kappa", "measured", ELSEWHERE),
        ("RWA.units", "imputed", ELSEWHERE),
    ],
)
def test_a_gain_that_hangs_on_one_input_rests_on_its_kind(
    sample: pd.DataFrame, name: str, status: str, origin: str
) -> None:
    table = shares(sample, 3.0 * column(sample, name) ** 2)
    for kind, right in ((STATUS, status), (ORIGIN, origin)):
        rows = table[table["kind"] == kind].set_index("what")["share"]
        assert rows[right] > 0.8
        assert rows.drop(right).max() < 0.3
        chance = table[table["kind"] == kind].set_index("what")["chance"]
        assert rows[right] > chance[right]
    single = table[table["kind"] == UNKNOWN].iloc[0]
    assert single["share"] > single["chance"]
    assert single["share"] > 0.9
    assert (single["status"], single["origin"]) == (status, origin)
    assert len(register_rows(table, STATUS)) == 4
    assert "of the variance of the plan's gain" in register_sentence(table).lower()


def test_a_gain_that_hangs_on_nothing_tells_no_more_than_chance(sample: pd.DataFrame) -> None:
    rng, beyond = np.random.Generator(np.random.PCG64(8)), []
    for _ in range(10):
        table = shares(sample, pd.Series(rng.normal(size=DRAWS), index=range(DRAWS)))
        beyond.append(table["share"] > table["chance"])
    assert np.mean(beyond) < 0.1  # one in twenty of each kind, and rarer for single unknowns


def test_few_draws_have_no_register(sample: pd.DataFrame) -> None:
    few = sample[sample["draw"] < 4]
    assert shares(few, column(few, "level")).empty
