"""More capacity across stations: never less in the mean, but one exam may cost another its reader.

See docs/validation.md, "More never means less".
"""

import numpy as np
import pytest

from sim.baseline.build import build_world
from tests.scenarios import scenario
from tests.small_runs import EVERYTHING, buying, nothing, run
from tests.small_world import small_world

SEEDS = range(8)


@pytest.mark.parametrize(
    "lever", ["scanner", "outreach", "reader", "steward", "curator", "annotation"]
)
def test_more_of_one_lever_never_means_less_in_the_mean(lever: str) -> None:
    world = small_world(2, 2, population=6e6)
    gains = {"exams": [], "read": [], "labelled": []}
    for seed in SEEDS:
        few, many = (
            run(world, buying(world, **(EVERYTHING | {lever: units})), seed=seed, sensitivity=0.9)
            .cells()
            .eval("read = read_by_ai + read_by_human")
            for units in (EVERYTHING[lever], EVERYTHING[lever] + 4)
        )
        for outcome, found in gains.items():
            found.append(many[outcome].sum() / few[outcome].sum() - 1.0)
    for outcome, found in gains.items():
        noise = np.std(found, ddof=1) / np.sqrt(len(found))
        assert np.mean(found) >= -3.0 * noise - 1e-4, outcome


def test_more_units_of_one_modality_take_readers_from_another() -> None:
    case = scenario(years=3, regions=("KEN",), modalities={"ct": 0.5, "mammography": 0.5})
    world = build_world(case, draw=None)
    plan = nothing(world).plus(0, world.catalogue.index("scanner", "mammography"), units=60)
    few, many = (
        run(world, bought, case=case)
        .cells()
        .eval("read = read_by_ai + read_by_human")
        .groupby("modality")[["exams", "read"]]
        .sum()
        for bought in (nothing(world), plan)
    )
    assert many.loc["mammography", "exams"] > 1.2 * few.loc["mammography", "exams"]
    assert many.loc["ct", "exams"] == few.loc["ct", "exams"]
    assert many.loc["ct", "read"] < 0.98 * few.loc["ct", "read"]
