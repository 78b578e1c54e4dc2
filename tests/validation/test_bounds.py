"""Whatever number the bounds let in, a plan is made, simulated and measured, and all is finite."""

import faulthandler
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import sim
from sim.baseline.build import world_and_inputs
from sim.domain.bounds import Bounds
from sim.scenario.consumables import EXAMS_SUPPLIED, PRICE_OF_SUPPLIES
from sim.studies.names import load_scenario, replaceable_in

pytestmark = pytest.mark.slow

ENDLESS_S = 600.0
"""Seconds after which a run of a second is taken for one that never ends."""
FILE = Path(__file__).parents[2] / "scenarios" / "tiny.yaml"
SMALL = (
    "regions=[RWA]",
    "horizon={start_year: 2027, decide_years: 1, score_years: 2, warm_up_years: 1}",
    "groups.urban.priority=urgent",
    "gate.mitigate=true",
    "uncertainty={draws: 1, replications: 1, seed: 1}",
)


@cache
def used() -> dict[str, Bounds]:
    """Return what the small scenario reads of what may be overridden, with its bounds."""
    scenario = load_scenario(FILE, overrides=SMALL)
    known = replaceable_in(scenario)
    read = world_and_inputs(scenario, draw=None)[1].used
    return {name: known[name] for name in read if name in known}


def cases() -> Iterator[tuple[str, float]]:
    """Yield names with their bounds, and with the usual slips that lie between them."""
    for name, bounds in sorted(used().items()):
        for value in sorted({bounds.lowest, bounds.highest, 0.0, 100.0}):
            if bounds.hold(value):
                yield name, value


@pytest.fixture(autouse=True)
def _no_endless_loop() -> Iterator[None]:
    """End the tests, with the place in the code, where a run does not end."""
    faulthandler.dump_traceback_later(ENDLESS_S, exit=True)
    yield
    faulthandler.cancel_dump_traceback_later()


@pytest.mark.parametrize(("name", "value"), list(cases()))
def test_a_value_within_its_bounds_runs_to_a_finite_result(name: str, value: float) -> None:
    override = f"overrides.{name}={{value: {value!r}, source: made up}}"
    study = sim.study(FILE, overrides=[*SMALL, override])
    for how in ("equal_split", "optimised"):
        run = study.simulate(study.plan(how))
        cells, ledger = run.cells(), run.ledger()
        assert_finite(cells)
        assert_finite(ledger)
        # who was found this year may have needed the exam last year
        assert (cells.select_dtypes("number").drop(columns="missed") >= 0).all(axis=None)
        assert (ledger["value"] >= 0).all()
    found = study.compare(["equal_split", "baseline"], draws=1, replications=1)
    coverage = found.by_draw[["ede", "mean_ec", "worst_ec"]]
    assert ((coverage >= 0.0) & (coverage <= 1.0)).all(axis=None)


@pytest.mark.parametrize("exams", [EXAMS_SUPPLIED.lowest, 1.0, EXAMS_SUPPLIED.highest])
@pytest.mark.parametrize("usd", [PRICE_OF_SUPPLIES.lowest, PRICE_OF_SUPPLIES.highest])
@pytest.mark.parametrize("share", [0.0, 1e-300, 1.0])
def test_supplies_and_calendars_at_their_bounds_run_to_a_finite_result(
    exams: float, usd: float, share: float
) -> None:
    many, price = (
        f"{{value: {one!r}, low: {one!r}, high: {one!r}, source: made up}}" for one in (exams, usd)
    )
    supplies = (
        f"{{modality: dermoscopy, regions: [RWA], exams_per_year: {many}, usd_per_exam: {price}}}"
    )
    calendar = ", ".join(f"{{of: {of}, share: {share!r}}}" for of in ("imaging", "readers"))
    asked = (*SMALL, f"supplies=[{supplies}]", f"capacity_calendar=[{calendar}]")
    study = sim.study(FILE, overrides=asked)
    for how in ("equal_split", "optimised"):
        cells = study.simulate(study.plan(how)).cells()
        assert_finite(cells)
        assert (cells.select_dtypes("number").drop(columns="missed") >= 0).all(axis=None)
        if share < 1.0:
            assert cells["exams"].sum() == 0


def assert_finite(table: pd.DataFrame) -> None:
    numbers = table.select_dtypes("number")
    assert np.isfinite(numbers.to_numpy(dtype=float)).all(), numbers.describe()
