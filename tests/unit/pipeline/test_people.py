"""The log by person: all who wait leave with the same chance, and waits obey Little's law."""

import numpy as np
import pandas as pd
import pytest
from scipy import stats

import sim
from sim.errors import AnswerError
from sim.pipeline import people
from sim.pipeline.parts import with_stations
from sim.pipeline.people import NEVER, first_come, person_log, with_people
from sim.pipeline.records import Run
from sim.pipeline.state import Flows, State
from sim.pipeline.stations.order import STATIONS
from sim.units import DAYS_PER_WEEK
from tests.scenarios import scenario
from tests.small_runs import YEARS, run
from tests.small_world import small_world


def kept(seed: int = 1) -> Run:
    """Return a run of one cell in which people wait for weeks, and renege."""
    case, stations = with_people(scenario(years=YEARS), STATIONS)
    return run(small_world(1, 1), seed=seed, case=case, stations=stations)


def test_everybody_who_waits_leaves_with_the_same_chance() -> None:
    """Of 4,000 who wait, 100 leave in each of 20 weeks: their places in the line are uniform."""
    nobody, some = np.zeros(20, dtype=np.int64), np.full(20, 100)
    random = np.random.default_rng(3)
    line = first_come(4_000, nobody, nobody, some, random, served_first=True)
    places = np.flatnonzero(line.left != NEVER)
    assert stats.kstest(places / 4_000, "uniform").pvalue > 0.001
    # and their weeks do not depend on their places
    assert stats.spearmanr(places, line.left[places]).pvalue > 0.001


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_waits_obey_little_s_law(seed: int) -> None:
    """Person-weeks of the log are the queue's mean, less what a count by week cannot tell.

    A wait in whole weeks counts the ends of weeks that somebody meets while waiting or on a unit,
    so all waits add up to the sum of these counts, exactly. The queue is the mean of seven nights.
    The count at the end of a week lies above that mean by the net change of day d, times
    (d - 1) / 7. With days that are independent, of variance arrivals + exams + reneged, that adds
    up to a variance of the mean of ((d - 1) / 7)^2 = 91 / 343 of all of these. The mean night
    leaves out the surprise of its own day, 1 / 7 of which is in the mean of the week: 1 / 49 of the
    same variance. Rounding people up or down adds at most 1 / 4 a week. A queue that grows lies
    below its last night by 3 / 7 of its growth.
    """
    found = kept(seed)
    log = person_log(found, seed=seed, replication=0)
    series = found.records.stations["imaging"]
    weeks, waiting = len(series.counts), series.counts[:, 4, 0, 0, 0]
    without = log["exam_week"].isna() & ~log["outcome"].isin(["reneged", "waits for an exam"])
    log = log[~without]  # those who were examined before the first week
    out = log["exam_week"].fillna(log["end_week"]).fillna(weeks).to_numpy(dtype=float)
    spent = (out - log["arrived_week"].fillna(0).to_numpy(dtype=float)).sum()
    assert spent == waiting.sum()
    exams = series.counts[:, 1].sum()
    per_week = found.world.care.exams_per_unit_day[0, 0] * DAYS_PER_WEEK
    queue = series.queue.sum(dtype=float) + exams / per_week
    flows = series.counts[:, [0, 1, 2]].sum()
    deviation = np.sqrt((91 / 343 + 1 / 49) * flows + weeks / 4)
    growth = 3 / 7 * (waiting[-1] - series.start[0, 0, 0])
    assert abs(spent - queue - growth) < 4 * deviation
    assert spent > 50 * deviation  # so that this says something: waits are long
    assert series.counts[:, 2].sum() > 1_000  # and many renege


def test_same_seed_same_people_and_others_do_not_change_them() -> None:
    world = small_world(2, 2, modalities=2)
    case, stations = with_people(scenario(years=YEARS), STATIONS)
    found = run(world, case=case, stations=stations)
    log = person_log(found, seed=1, replication=0)
    pd.testing.assert_frame_equal(log, person_log(found, seed=1, replication=0))
    assert not log.equals(person_log(found, seed=2, replication=0))
    some = person_log(found, seed=1, replication=0, regions=["BBB"], modalities=["ct"])
    same = log.query("region == 'BBB' and modality == 'ct'").reset_index(drop=True)
    pd.testing.assert_frame_equal(some, same)


def test_keeping_a_log_changes_no_number() -> None:
    world, case = small_world(), scenario(years=YEARS)
    with_log, stations = with_people(case, STATIONS)
    found = run(world, case=with_log, stations=stations)
    pd.testing.assert_frame_equal(found.cells(), run(world, case=case).cells(), check_exact=True)


def test_what_is_asked_for_wrongly_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    found = kept()
    with pytest.raises(AnswerError, match=r"no region 'AAB' in this run; it has AAA. Did you mean"):
        person_log(found, seed=1, replication=0, regions=["AAB"])
    with pytest.raises(AnswerError, match="no modality 'ct' in this run; it has dermoscopy"):
        person_log(found, seed=1, replication=0, modalities=["ct"])
    monkeypatch.setattr(people, "MOST_PEOPLE", 1_000)
    with pytest.raises(AnswerError, match=r"people are more than the 1,000 .* AAA dermoscopy \d"):
        person_log(found, seed=1, replication=0)


class Half(sim.Station):
    """Exams get lost on the way to the readers: half of them."""

    name, after = "half", "imaging"
    flows = (sim.Array("lost", "r m g", "exams that were lost"),)

    def step(self, _: State, flows: Flows, __: int) -> None:
        flows.lost[...] = flows.exams // 2
        flows.exams[...] -= flows.lost

    def account(self, _: State, flows: Flows) -> sim.Account:
        return sim.Account(flows.exams + flows.lost, flows.exams, rejected=flows.lost)


def test_a_station_between_imaging_and_reading_is_refused() -> None:
    case, stations = with_people(scenario(years=YEARS), with_stations(Half))
    found = run(small_world(1, 1), case=case, stations=stations)
    with pytest.raises(AnswerError, match="changes which exams come to be read"):
        person_log(found, seed=1, replication=0)


def test_who_waits_on_the_first_day_is_in_it() -> None:
    case, stations = with_people(
        scenario(years=YEARS, backlog={"imaging": {"AAA.dermoscopy": 300},
                                       "reading": {"AAA.dermoscopy": 40}}), STATIONS
    )  # fmt: skip
    found = run(small_world(1, 1), case=case, stations=stations)
    log = person_log(found, seed=1, replication=0)
    before = log[log["arrived_week"].isna()]
    assert len(before) == 340
    # who was examined before the first day stands behind all who came for an exam
    examined = log.iloc[-40:]
    assert examined["arrived_week"].isna().all()
    assert examined["exam_week"].isna().all()
