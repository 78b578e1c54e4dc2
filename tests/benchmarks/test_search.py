"""The search for a plan against optimisers of others, at equal simulation budget.

Each spends the same runs, of one plan in one search draw, on the same scenario; what it finds is
judged on fresh draws. The others choose shares of money for every item and region (by a softmax),
of which ``spend_by_share`` makes plans that keep every year's budget, and see the mean of the same
few search draws. CMA-ES (package ``cma``) and adaptive stochastic descent (``sciris.asd``) are in
the extra `bench`. `make bench` shows the table.
"""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial as bind
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from time import process_time

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
from sim.studies.proposals import candidate
from sim.studies.search import Search
from sim.studies.study import Study
from tests.benchmarks.test_speed import show

SCENARIO = Path(__file__).parents[2] / "scenarios" / "east_africa.yaml"
RUNS, DRAWS, JUDGED = 1_500, 6, 40
SEEDS = tuple(range(11, 21))
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


def values(
    study: Study, plans: Sequence[Plan], draws: Sequence[int], *, by_region: bool = False
) -> Floats:
    design: Design = study._design
    parts = lots("step", plans, draws, by_region=by_region)
    return np.hstack([simulated(design, lot) for lot in parts.values()])


def seeded(seed: int) -> Study:
    return sim.study(SCENARIO, overrides=[f"uncertainty.seed={seed}"])


def searched(study: Study, proposals: Mapping[str, Plan]) -> Plan:
    """Return the plan that a search finds with ``RUNS`` runs from some proposals."""
    scenario = study.scenario
    purse, parts = Purse(study.world(), scenario), study._design.objective.parts
    search = Search(bind(values, study), RUNS, purse=purse, parts=parts)
    rules = {name: rule(study.world(), scenario) for name, rule in RULES.items()}
    return search.find(
        rules | dict(proposals), [name for name in rules if name != "baseline"]
    ).best.plan


def judged(plans: Mapping[str, Plan], seed: int) -> dict[str, Floats]:
    """Return what plans reach in draws that none of them was made on."""
    named = [replace(plan, name=name) for name, plan in plans.items()]
    reached = values(seeded(seed + 1_000), named, range(JUDGED))[..., 0]
    return dict(zip(plans, reached, strict=True))


def lead(mine: Floats, other: Floats) -> str:
    ahead = mine - other
    half = 2.02 * float(ahead.std(ddof=1)) / len(ahead) ** 0.5
    return f"{ahead.mean():+.4f} ({ahead.mean() - half:+.4f} to {ahead.mean() + half:+.4f})"


@pytest.mark.slow
def test_the_search_against_optimisers_of_others() -> None:
    """As users have it: from the rules and the optimisation model, which takes no runs."""
    rows, won = [], Counter[str]()
    present = {name: method for name, (package, method) in PEERS.items() if find_spec(package)}
    for seed in SEEDS:
        study = seeded(seed)
        plans = {"ours": searched(study, {"model": candidate(study._design, 0.5).plan})}
        plans |= {name: best_by(method, study, seed) for name, method in present.items()}
        reached = judged(plans, seed)
        for name in present:
            won[name] += bool(reached["ours"].mean() > reached[name].mean())
            ours, theirs = reached["ours"].mean(), reached[name].mean()
            told = (str(seed), name, f"{ours:.4f}", f"{theirs:.4f}")
            rows.append((*told, lead(reached["ours"], reached[name])))
    show(f"{RUNS:,} runs each", ("seed", "method", "our EDE", "its EDE", "our lead"), rows)
    assert all(won[name] >= 0.9 * len(SEEDS) for name in present)


@pytest.mark.slow
def test_the_model_and_the_search_together_are_best() -> None:
    study, rows, plans = seeded(SEEDS[0]), [], {}
    begun = process_time()
    model = candidate(study._design, 0.5).plan
    modelled = process_time() - begun
    for name, proposals, before in (
        ("model alone", None, modelled),
        ("search alone", {}, 0.0),
        ("both", {"model": model}, modelled),
    ):
        begun = process_time()
        plans[name] = model if proposals is None else searched(study, proposals)
        rows.append([name, f"{before + process_time() - begun:.0f}"])
    reached = judged(plans, SEEDS[0])
    for row, values_ in zip(rows, reached.values(), strict=True):
        row += [f"{values_.mean():.4f}", lead(reached["both"], values_)]
    show("from", ("plan", "CPU s", "EDE", "lead of both"), rows)
    assert reached["both"].mean() >= reached["model alone"].mean()
