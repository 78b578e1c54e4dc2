"""What a run writes down: as much as was asked for, and the same from every side."""

import numpy as np
import pandas as pd
import pytest

from sim.errors import StationError
from sim.pipeline.account import COUNTED, Account
from sim.pipeline.records import Run
from sim.pipeline.series import Series
from sim.pipeline.stations.imaging import Imaging
from sim.pipeline.stations.order import STATIONS
from sim.scenario.schema import Weekly
from tests.scenarios import scenario
from tests.small_runs import EVERYTHING, buying, run
from tests.small_world import small_world

WORLD = small_world(2)


def recorded(weekly: Weekly) -> Run:
    return run(WORLD, buying(WORLD, **EVERYTHING), case=scenario(weekly=weekly), sensitivity=0.9)


def test_cells_add_up_to_regions() -> None:
    by_region, by_cell = recorded(Weekly()), recorded(Weekly(detail="cell"))
    for name in STATIONS:
        region, cell = by_region.station(name), by_cell.station(name)
        assert {"modality", "group"} <= set(cell)
        summed = cell.groupby(["week", "region"])[list(COUNTED)].sum().reset_index(drop=True)
        pd.testing.assert_frame_equal(summed, region[list(COUNTED)], check_dtype=False)
    pd.testing.assert_frame_equal(by_region.cells(), by_cell.cells())


def test_counts_of_any_layout_add_up_by_region() -> None:
    """A station of one's own may account for slices, or for what must not be written to."""
    r, m, g = WORLD.shape
    steps = np.arange(4 * r * m * g, dtype=np.int64)
    sliced, turned = steps.reshape(2 * r, 2 * m, g)[::2, ::2], steps[: r * m * g].reshape(g, m, r).T
    same, fixed = np.broadcast_to(np.int64(5), WORLD.shape), sliced.copy()
    fixed.setflags(write=False)
    series = Series.of(Imaging, WORLD, weeks=1, by_cell=False)
    series.write(0, Account(sliced, turned, left=same, waiting=fixed))
    expected = [count.sum(axis=(1, 2)).tolist() for count in (sliced, turned, same)]
    assert series.counts[0].tolist() == [*expected, [0] * r, expected[0]]


def test_only_what_is_asked_for_is_kept() -> None:
    some = recorded(Weekly(stations=("imaging", "reading")))
    assert set(some.records.stations) == {"imaging", "reading"}
    with pytest.raises(StationError, match=r"no weekly record of 'readng'. Did you mean 'reading'"):
        some.station("readng")
    assert not recorded(Weekly(detail="none")).records.stations


def test_every_column_has_a_unit_and_no_share_is_odd() -> None:
    result = recorded(Weekly())
    for name, station in STATIONS.items():
        table = result.station(name)
        assert set(table.columns) - {"station", "region"} == set(table.attrs["units"])
        known = table[table["utilisation"].notna()]
        assert known.empty == (not station.capacity_unit)
        np.testing.assert_allclose(known["utilisation"], known["busy"] / known["capacity"])
        # chance may pass the mean of a week, not of a run
        assert known["busy"].sum() <= 1.02 * known["capacity"].sum() + 2


def test_the_wait_is_that_of_littles_law() -> None:
    result = run(WORLD, case=scenario(years=3))
    imaging = result.station("imaging")
    gone = imaging["done"] + imaging["left"]
    np.testing.assert_allclose(
        imaging["wait_weeks"].to_numpy()[gone > 0], (imaging["queue"] / gone)[gone > 0], rtol=1e-6
    )
    cells = result.cells()
    assert imaging["queue"].sum() == pytest.approx(cells["waiting_weeks"].sum(), rel=1e-4)


def test_jobs_releases_and_audits_tell_the_same_story() -> None:
    result = recorded(Weekly())
    jobs, releases, audits = result.jobs(), result.releases(), result.audits()
    trained = jobs.query("kind == 'fine-tuning' and outcome == 'done'")
    assert releases["release"].nunique() == len(trained) == 3
    np.testing.assert_allclose(releases["live_week"].unique(), trained["end_week"])
    assert (releases["sensitivity"] == 0.9).all()
    assert (audits["passed"] == (audits["lower_benefit"] >= audits["needed_benefit"])).all()
    opened = result.events().query("kind == 'gate opened'")
    first = audits[audits["passed"]].groupby("region")["week"].min()
    assert opened.set_index("region")["week"].to_dict() == first.to_dict()
    assert (jobs["end_week"] >= jobs["start_week"]).all()
    assert (jobs["start_week"] >= jobs["asked_week"]).all()
