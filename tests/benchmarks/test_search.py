"""The search for a plan against optimisers of others, at equal simulation budget.

Each spends the same runs, of one plan in one search draw, on the same scenario; what it finds is
judged on fresh draws. The others choose shares of money for every item and region (by a softmax),
of which ``spend_by_share`` makes plans that keep every year's budget, and see the mean of the same
few search draws. CMA-ES (package ``cma``) and adaptive stochastic descent (``sciris.asd``) take
part where they are installed. `make bench` shows the table.
"""

from collections.abc import Callable, Sequence
from dataclasses import replace
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
from scipy.optimize import differential_evolution

import sim
from sim.domain.levers import Floats
from sim.domain.plan import Plan
from sim.planning.moves import Purse
from sim.planning.rules import RULES, spend_by_share
from sim.studies.batch import Design
from sim.studies.lots import lots, simulated
from sim.studies.search import Search
from sim.studies.study import Study
from tests.benchmarks.test_speed import show

SCENARIO = Path(__file__).parents[2] / "scenarios" / "east_africa.yaml"
RUNS, DRAWS, JUDGED = 1_500, 6, 40
SEEDS = (11,)
Objective = Callable[[Floats], float]


class _SpentError(Exception):
    """All runs are spent."""


def by_differential_evolution(worth: Objective, size: int, seed: int) -> None:
    differential_evolution(
        lambda x: -worth(x), [(-6.0, 2.0)] * size, rng=seed, maxiter=10_000, popsize=1, tol=0.0,
        polish=False,
    )  # fmt: skip


def by_cma_es(worth: Objective, size: int, seed: int) -> None:
    options = {"seed": seed, "verbose": -9, "maxfevals": 10**6}
    import_module("cma").fmin(lambda x: -worth(np.asarray(x)), np.zeros(size), 1.0, options)


def by_adaptive_stochastic_descent(worth: Objective, size: int, seed: int) -> None:
    import_module("sciris").asd(
        lambda x: -worth(np.asarray(x)), np.zeros(size), randseed=seed, verbose=0, maxiters=10**6,
        xmin=np.full(size, -6.0), xmax=np.full(size, 4.0), stepsize=0.5,
    )  # fmt: skip


PEERS = {
    "differential evolution": ("scipy", by_differential_evolution),
    "CMA-ES": ("cma", by_cma_es),
    "adaptive stochastic descent": ("sciris", by_adaptive_stochastic_descent),
}


def best_by(method: Callable[[Objective, int, int], None], study: Study, seed: int) -> Plan:
    """Return the best plan that a method finds with ``RUNS`` runs."""
    world, scenario = study.world(), study.scenario
    open_to = Purse(world, scenario).most >= 1.0
    best: tuple[float, Plan] | None = None
    left = RUNS // DRAWS

    def worth(x: Floats) -> float:
        nonlocal best, left
        if left == 0:
            raise _SpentError
        left -= 1
        share = np.zeros(open_to.shape)
        share[open_to] = np.exp(x - x.max()) / np.exp(x - x.max()).sum()
        plan = spend_by_share("peer", world, scenario, share)
        reached = float(values(study, [plan], range(DRAWS)).mean())
        if best is None or reached > best[0]:
            best = reached, plan
        return reached

    with pytest.raises(_SpentError):
        method(worth, int(open_to.sum()), seed)
    assert best is not None
    return best[1]


def values(study: Study, plans: Sequence[Plan], draws: Sequence[int]) -> Floats:
    design: Design = study._design
    return np.hstack([simulated(design, lot) for lot in lots(plans, draws).values()])[..., 0]


def seeded(seed: int) -> Study:
    return sim.study(SCENARIO, overrides=[f"uncertainty.seed={seed}"])


@pytest.mark.slow
@pytest.mark.parametrize("seed", SEEDS)
def test_the_search_against_optimisers_of_others(seed: int) -> None:
    study = seeded(seed)
    world, scenario = study.world(), study.scenario
    rules = {name: rule(world, scenario) for name, rule in RULES.items() if name != "baseline"}
    search = Search(Purse(world, scenario), lambda p, d: values(study, p, d)[..., None], RUNS)
    found = search.find(rules, list(rules))  # without the optimisation model
    plans = {"ours, without the optimisation model": found.best.plan, found.rule: rules[found.rule]}
    for name, (package, method) in PEERS.items():
        if find_spec(package):
            plans[name] = best_by(method, study, seed)
    named = [replace(plan, name=name) for name, plan in plans.items()]
    reached = values(seeded(seed + 1_000), named, range(JUDGED))
    rows = []
    for name, mine in zip(plans, reached, strict=True):
        ahead = reached[0] - mine
        half = 2.02 * float(ahead.std(ddof=1)) / JUDGED**0.5
        lead = f"{ahead.mean():+.4f} ({ahead.mean() - half:+.4f} to {ahead.mean() + half:+.4f})"
        rows.append((name, f"{mine.mean():.4f}", "" if name == next(iter(plans)) else lead))
    show(f"{RUNS:,} runs each, seed {seed}", ("method", "EDE", "our lead"), rows)
    assert all(reached[0].mean() >= other.mean() for other in reached[1:])
