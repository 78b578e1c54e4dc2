"""What the measured runs say of a network: how good it is after so many studies, and how sure."""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from sim.learning.response import load_profile
from sim.scenario.schema import Scenario
from sim.studies.sample import response_of

RESPONSES = 200
"""Draws of the response behind an interval of sensitivity."""


def response_table(
    scenario: Scenario, own: Sequence[float] | float, other: Sequence[float] | float
) -> pd.DataFrame:
    """Return own, other, sensitivity with low and high, and specificity; see ``Study.respond``."""
    mine, theirs = np.broadcast_arrays(np.atleast_1d(own), np.atleast_1d(other))
    profile = load_profile(scenario.profile)
    laws = [
        response_of(scenario, profile, draw=draw, purpose="judge")
        for draw in (None, *range(RESPONSES))
    ]
    found = [1.0 - law.error(mine, theirs) for law in laws]
    low, high = np.quantile(found[1:], [0.025, 0.975], axis=0)
    table = pd.DataFrame(
        {
            "own": mine,
            "other": theirs,
            "sensitivity": found[0],
            "low": low,
            "high": high,
            "specificity": profile.specificity,
        }
    )
    studies, shares = ("own", "other"), ("sensitivity", "low", "high", "specificity")
    table.attrs["units"] = dict.fromkeys(studies, "studies") | dict.fromkeys(shares, "share")
    return table
