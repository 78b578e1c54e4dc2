"""Measures of a run and of a draw, against the records they come from."""

from dataclasses import replace

import numpy as np
import pytest

from sim.equity.coverage import ede
from sim.equity.inequality import equally_distributed
from sim.scenario.schema import Equity
from sim.studies.outcomes import (
    OUTCOMES,
    RUN_OUTCOMES,
    coverage_by_draw,
    coverage_outcomes,
    outcomes_of,
)
from sim.studies.totals import COUNTS, People, Totals, account_table, cell_table, measured
from tests.unit.studies.small_study import plan_of, run_small, small_scenario

RUN = run_small(small_scenario(), plan_of({"scanner.dermoscopy": 2.0}))
TOTALS, PEOPLE = Totals.of(RUN), People.of(RUN.world, years=2)


def test_every_declared_measure_is_computed() -> None:
    found = outcomes_of(TOTALS, PEOPLE, Equity())
    assert set(found) == set(OUTCOMES)
    assert list(found)[-len(RUN_OUTCOMES) :] == [outcome.name for outcome in RUN_OUTCOMES]
    assert found["spend_usd"] == pytest.approx(RUN.records.spend_usd.sum())
    assert found["energy_kwh"] == pytest.approx(RUN.records.energy_kwh.sum())
    read = sum(RUN.records.cells[name].sum() for name in ("read_by_ai", "read_by_human"))
    need = RUN.records.cells["need"].sum()
    assert found["unmet_share"] == pytest.approx(1 - read / need)
    waited, came = (RUN.records.cells[name].sum() for name in ("waiting_weeks", "arrived"))
    assert found["wait_weeks"] == pytest.approx(waited / came)


def test_totals_of_two_replications_have_the_measures_of_one_that_is_like_both() -> None:
    once, twice = (
        outcomes_of(totals, PEOPLE, Equity()) for totals in (TOTALS, Totals.sum([TOTALS, TOTALS]))
    )
    assert twice == pytest.approx(once)


def test_cells_carry_coverage_persons_and_mean_counts() -> None:
    cells = cell_table(Totals.sum([TOTALS, TOTALS]), PEOPLE, start_year=2027)
    records = RUN.records.cells
    np.testing.assert_allclose(cells["ec"], (records["benefit"] / records["need"]).ravel())
    np.testing.assert_allclose(cells["need"], records["need"].ravel())
    for name in COUNTS:
        np.testing.assert_allclose(cells[name], records[name].ravel())
    people = np.broadcast_to(RUN.world.care.population, (2, 2, 2))
    np.testing.assert_allclose(cells["population"], people.ravel())
    assert cells.query("region == 'BBB'")["income_usd"].unique().tolist() == [2_000.0]


def test_accounts_are_those_of_the_runs_ledger() -> None:
    found = account_table(Totals.sum([TOTALS, TOTALS]), PEOPLE, start_year=2027)
    keys = ["year", "region", "account", "item"]
    both = found.merge(RUN.ledger(), on=keys, suffixes=("", "_of_run"))
    assert len(both) == len(found) == len(RUN.ledger())
    np.testing.assert_allclose(both["value"], both["value_of_run"])


def test_equity_of_a_table_of_cells_is_that_of_its_arrays() -> None:
    cells = cell_table(TOTALS, PEOPLE, start_year=2027)
    found = coverage_outcomes(cells, Equity())
    of_totals = outcomes_of(TOTALS, PEOPLE, Equity())
    assert found == {name: of_totals[name] for name in found}
    assert found["ede"] == ede(measured(TOTALS, PEOPLE, Equity()))


def test_equity_is_that_of_mean_coverage_not_the_mean_of_equity() -> None:
    low, high = (replace(TOTALS, benefit=share * TOTALS.need) for share in (0.01, 0.81))
    both = Totals.sum([low, high])
    cells = cell_table(both, PEOPLE, start_year=2027).assign(policy="plan", draw=0)
    ede = coverage_by_draw(cells, Equity())["ede"].item()
    assert ede == pytest.approx(0.41, abs=1e-9)
    apart = equally_distributed(np.array([0.01, 0.81]), np.ones(2), aversion=1.0, floor=1e-3)
    assert apart == pytest.approx(0.09)
