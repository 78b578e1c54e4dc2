"""Optimisation and simulation give the same benefit to the same studies, and ask for the same."""

import numpy as np
import pytest

from sim.learning.gate import POWER_PLANNED, Audit, benefit_of, needed_benefit
from sim.pipeline.parts import state_today
from sim.pipeline.stations.evaluation import audit
from sim.pipeline.stations.governance import holdings, usable
from sim.planning.model import OptimisationModel, build_model
from sim.scenario.ai import Gate
from sim.scenario.schema import Horizon
from tests.scenarios import scenario
from tests.small_world import LAW, changed, fixed_response, small_world

TARGETS = (0.9, 0.95, 1.0)
"""Specificities that a reading should have; the law's releases have 0.9."""


def model(gate: Gate) -> OptimisationModel:
    case = scenario(horizon=Horizon(decide_years=3, score_years=5), gate=gate)
    return build_model(small_world(2, 1), LAW, case, budget_usd=1e5, integer=False)


def learned(problem: OptimisationModel, r: int) -> float:
    """Return the benefit that the rows of the second year allow, the stocks as they are."""
    quality = problem.release.quality[1, r, 0]
    ends = f"{problem.world.modalities[0]}_{problem.world.regions[r]}_{problem.bought.years[1]}"
    rows = [
        row
        for row in problem.problem.constraints()
        if row.name.startswith("learned_") and row.name.endswith(ends)
    ]
    assert rows
    quality.varValue = 0.0
    return min(-row.value() / row[quality] for row in rows)


@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize("labelled", [0, 40, 400, 3_000])
def test_the_same_studies_are_worth_the_same_benefit(target: float, labelled: int) -> None:
    gate = Gate(target_specificity=target, penalty=2.0)
    problem = model(gate)
    state = state_today(problem.world)
    state.labelled[:, 0, 0] = labelled, labelled // 2
    state.shared[:, 0, 0] = labelled // 4, labelled // 2
    state.synthetic[:, 0, 0] = labelled, 0
    simulated = benefit_of(LAW(holdings(problem.world, state, usable(problem.world, state))), gate)[
        :, 0, 0
    ]
    for variable in problem.problem.variables():
        variable.varValue = 0.0
    for r in range(2):
        stocks = {"label_stock": state.labelled, "synthetic_stock": state.synthetic}
        for name, studies in stocks.items():
            stock = getattr(problem.data, name)[0, r, 0]
            stock.varValue = studies[r, 0, 0] / problem.today.need[r, 0]
        shared = problem.data.shared_stock[0, r, 0]
        shared.varValue = state.shared[r, 0, 0] / problem.today.need[r, 0]
    everyone = next(
        row for row in problem.problem.constraints() if row.name.startswith("shared_by_all_")
    )
    pool = problem.release.shared[1, 0]
    pool.varValue = -everyone.value() / everyone[pool]
    bounds = np.array([learned(problem, r) for r in range(2)])
    # tangents lie on the law or a little above it
    assert (bounds >= simulated - 1e-9).all()
    np.testing.assert_allclose(bounds, simulated, atol=0.02)
    if labelled == 0:
        least, _ = problem.release.quality_range()
        np.testing.assert_allclose(least[:, 0], simulated, rtol=1e-12)


@pytest.mark.parametrize("target", TARGETS)
def test_a_planned_audit_opens_the_simulations_gate_with_the_planned_chance(target: float) -> None:
    """Many places, each with an audit of the planned size and luck of its own."""
    places, gate = 4_000, Gate(target_specificity=target, penalty=0.5)
    world = changed(small_world(places, 1), "care", prevalence=np.full((places, 1), 0.1))
    today = state_today(world)
    release = fixed_response(0.9, 0.85)(holdings(world, today, usable(world, today)))
    needed = float(needed_benefit(world.care.reader, gate)[0])
    planned = Audit(needed=needed, prevalence=0.1, gate=gate, specificity=0.85)
    studies = planned.studies(benefit_of(release, gate))[0, 0, 0]
    audited = np.full(world.shape, round(studies))
    luck = np.random.default_rng(1).random(world.shape)
    found = audit(world, gate, release, audited, luck)
    assert found.passed.mean() == pytest.approx(POWER_PLANNED, abs=0.05)
