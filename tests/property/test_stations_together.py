"""More capacity across stations: never less in the mean, but one exam may cost another its reader.

See docs/validation.md, "More never means less".
"""

from functools import cache

import numpy as np
import pandas as pd
import pytest

from tests.scenarios import build_world, scenario
from tests.small_runs import EVERYTHING, buying, nothing, run, runs
from tests.small_world import at_once, changed, small_world

SEEDS = range(8)


@cache
def done(**units: float) -> pd.DataFrame:
    """Return exams, readings and labels with every seed, where everything is bought.

    Parameters
    ----------
    units : of some levers, instead.
    """
    world = small_world(2, 2, population=6e6)
    found = runs(world, buying(world, **(EVERYTHING | units)), seeds=SEEDS, sensitivity=0.9)
    columns = ["exams", "read", "labelled"]
    return pd.DataFrame(
        one.cells().eval("read = read_by_ai + read_by_human")[columns].sum() for one in found
    )


@pytest.mark.parametrize(
    "lever", ["scanner", "outreach", "reader", "steward", "curator", "annotation"]
)
def test_more_of_one_lever_never_means_less_in_the_mean(lever: str) -> None:
    gains = done(**{lever: EVERYTHING[lever] + 4}) / done() - 1.0
    noise = gains.std(ddof=1) / np.sqrt(len(gains))
    assert (gains.mean() >= -3.0 * noise - 1e-4).all(), gains.mean()


def test_more_units_of_one_modality_take_readers_from_another() -> None:
    case = scenario(years=3, regions=("KEN",), modalities={"ct": 0.5, "mammography": 0.5})
    world = build_world(case)
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


@pytest.mark.parametrize("hours", [0.5, 2.0, 6.0, 20.0])
@pytest.mark.parametrize("sensitivity", [0.69, 0.72, 0.9])
def test_a_site_never_lowers_coverage_in_the_mean(hours: float, sensitivity: float) -> None:
    """Whether readers, of benefit 0.72, are short or not, and AI is better or a bit worse."""
    world = small_world(2, 2, population=6e6)
    care = world.care
    world = changed(world, "care", reader_hours_per_year=hours * care.reader_hours_per_year)
    few, many = (
        runs(world, buying(world, **(EVERYTHING | {"audit": 40, "steward": 3, "site": sites})),
             seeds=SEEDS, sensitivity=sensitivity)
        for sites in (1, 6)
    )  # fmt: skip
    gains = np.array(
        [
            b.records.cells["benefit"].sum() / a.records.cells["benefit"].sum() - 1.0
            for a, b in zip(few, many, strict=True)
        ]
    )
    noise = gains.std(ddof=1) / np.sqrt(len(gains))
    assert gains.mean() >= -3.0 * noise - 1e-4
    if hours < 1.0 or sensitivity > 0.8:  # readers are short, or AI is shown to be better
        assert gains.mean() > 0.05


@pytest.mark.parametrize(("sensitivity", "best"), [(0.95, 0.95), (0.7, 0.72)])
def test_whoever_needs_an_exam_gets_the_best_benefit_where_everything_is_bought(
    sensitivity: float, best: float
) -> None:
    """That of AI where it is better than readers, of benefit 0.72, else theirs."""
    world = at_once(small_world(2, 2))
    world = changed(world, "care", reach=np.ones_like(world.care.reach))
    plenty = dict.fromkeys(EVERYTHING, 40) | {"agreement": 1, "federation": 1}
    cells = run(world, buying(world, **plenty), sensitivity=sensitivity).cells()
    settled = cells[cells["year"] > cells["year"].min()]  # queues of today are gone by then
    np.testing.assert_allclose(settled["benefit"] / settled["need"], best, rtol=2e-3)
