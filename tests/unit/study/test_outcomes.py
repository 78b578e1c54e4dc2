"""Measures of a run and of a draw, against the records they come from."""

import numpy as np
import pandas as pd
import pytest

from sim.equity.inequality import equally_distributed
from sim.scenario.schema import Equity
from sim.study.outcomes import (
    COUNTS,
    EQUITY_OUTCOMES,
    RUN_OUTCOMES,
    cell_records,
    cell_table,
    equity_by_draw,
    equity_outcomes,
    run_outcomes,
)
from tests.unit.study.small_study import plan_of, prepare_small, small_scenario

SCENARIO = small_scenario()
RUN = prepare_small(SCENARIO, 0, 0, "judge").run(plan_of({"scanner.dermoscopy": 2.0}))
RECORDS = cell_records(RUN).assign(replication=0)


def test_every_declared_measure_is_computed() -> None:
    cells = cell_table(RECORDS, {"dermoscopy": 1.0})
    assert list(equity_outcomes(cells, Equity())) == [o.name for o in EQUITY_OUTCOMES]
    totals = run_outcomes(cells, RUN.ledger())
    assert list(totals) == [o.name for o in RUN_OUTCOMES]
    assert totals["spend_usd"] == pytest.approx(RUN.records.spend_usd.sum())
    assert totals["energy_kwh"] == pytest.approx(RUN.records.energy_kwh.sum())
    read = sum(RUN.records.cells[name].sum() for name in ("read_by_ai", "read_by_human"))
    need = RUN.records.cells["need"].sum()
    assert totals["unmet_share"] == pytest.approx(1 - read / need)


def test_cells_carry_coverage_persons_and_mean_counts() -> None:
    twice = pd.concat([RECORDS, RECORDS.assign(replication=1)], ignore_index=True)
    cells = cell_table(twice, {"dermoscopy": 1.0})
    records = RUN.records.cells
    np.testing.assert_allclose(cells["ec"], (records["benefit"] / records["need"]).ravel())
    np.testing.assert_allclose(cells["need"], records["need"].ravel())
    for name in COUNTS:
        np.testing.assert_allclose(cells[name], records[name].ravel())
    people = np.broadcast_to(RUN.world.care.population, (2, 2, 2))
    np.testing.assert_allclose(cells["population"], people.ravel())
    assert cells.query("region == 'BBB'")["income_usd"].unique().tolist() == [2_000.0]


def test_equity_is_that_of_mean_coverage_not_the_mean_of_equity() -> None:
    low, high = RECORDS.copy(), RECORDS.copy()
    low["benefit"], high["benefit"] = 0.01 * low["need"], 0.81 * high["need"]
    records = pd.concat([low, high.assign(replication=1)], ignore_index=True)
    cells = cell_table(records, {"dermoscopy": 1.0}).assign(policy="plan", draw=0)
    ede = equity_by_draw(cells, Equity())["ede"].item()
    assert ede == pytest.approx(0.41, abs=1e-9)
    apart = equally_distributed(np.array([0.01, 0.81]), np.ones(2), aversion=1.0, floor=1e-3)
    assert apart == pytest.approx(0.09)
