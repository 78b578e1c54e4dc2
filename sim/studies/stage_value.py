"""What every stage is worth: Shapley values of stages, at one budget, planned anew and simulated.

A coalition of stages may buy what belongs to its stages, with the whole budget; its plan is
searched for as any plan is. Plans are chosen on search draws and valued on judge draws.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial as bind

import numpy as np
import pandas as pd

from sim.answers.coalitions import (
    Ints,
    alone,
    best_plans,
    first_to_search,
    lost_without,
    next_to_search,
    parts_of,
    reached_at_most,
    shapley,
    shapley_bounds,
)
from sim.answers.intervals import t_interval
from sim.baseline.world import World
from sim.domain.levers import Floats, Stage
from sim.domain.plan import Plan
from sim.errors import AnswerError
from sim.planning.rules import baseline
from sim.studies.answering import Answering
from sim.studies.batch import Design, Kept, joined
from sim.studies.comparison import WORTHWHILE
from sim.studies.judging import ALL, Who, judged
from sim.studies.manifest import ANSWERS
from sim.studies.plans import candidate_of
from sim.studies.stage_plans import (
    Stages,
    bought_from,
    choice_worth,
    search_within,
    stages_of,
    without_stages,
    worth_in_parts,
)

SEARCHES, RUNS = 32, 300
"""Coalitions that are searched for a plan, and runs of each search, where it is not said."""
BATCH = 4
"""Coalitions that are searched before it is seen again which are in doubt; whoever does them."""
STAGE_COLUMNS = ("kind", "who", "stage", "shapley", "low", "high", "share", "alone", "alone_low",
                 "alone_high", "without", "without_low", "without_high", "least", "most",
                 "draws")  # fmt: skip
"""Of ``StageValue.table``."""
PURCHASE_COLUMNS = ["plan", "year", "region", "item", "stage", "units", "capex_usd"]


@dataclass(frozen=True, slots=True)
class StageValue:
    """What every stage is worth, and what that rests on."""

    table: pd.DataFrame
    """kind and who (all, a region or a group: whose coverage), stage, ``shapley`` (mean gain in the
    objective over all orders in which stages may be allowed) with low and high (95% over draws),
    share of the whole gain, ``alone`` (gain of the stage by itself on nothing) and ``without``
    (loss of the whole without it) with theirs, ``least`` and ``most`` (bounds of the Shapley value
    on search draws, as far as coalitions that were not searched leave it open; of all only)
    and draws."""
    coalitions: pd.DataFrame
    """stages, searched, settled (whether searches leave open no worthwhile gain), plan, needs
    (stages that the plan buys from), worth (search draws), value with low and high (judge draws);
    from the empty coalition to the whole."""
    plans: pd.DataFrame
    """plan, year, region, item, stage, units, capex_usd: what the plans of coalitions buy."""
    by_draw: pd.DataFrame
    """plan, draw, value: the objective of these plans on judge draws."""

    @property
    def settled(self) -> float:
        """Share of coalitions whose best plan is known as far as searches tell."""
        return float(self.coalitions["settled"].mean())

    @property
    def tables(self) -> dict[str, pd.DataFrame]:
        """All of it by the names of files."""
        return {
            "stage_value": self.table,
            "coalitions": self.coalitions,
            "coalition_plans": self.plans,
            "coalition_draws": self.by_draw,
        }

    def reached(self) -> Floats:
        """Return the objective of every coalition by judge draw, shape (coalition, draw)."""
        wide = self.by_draw.pivot_table(index="plan", columns="draw", values="value", sort=False)
        return wide.loc[self.coalitions["plan"]].to_numpy(dtype=float)

    def coalition(self, stages: Iterable[str]) -> int:
        """Return the number of the coalition of some stages, those left out that have no part."""
        known = list(self.table["stage"].drop_duplicates())
        return sum(1 << known.index(stage) for stage in set(stages) if stage in known)

    @property
    def fingerprint(self) -> int:
        """A number by which to tell it from another stage value."""
        return int(pd.util.hash_pandas_object(self.coalitions, index=False).sum() % 2**53)

    def __str__(self) -> str:
        shown = self.table[self.table["kind"] == ALL]
        columns = ["stage", "shapley", "low", "high", "alone", "without"]
        return f"{shown[columns].to_string(index=False)}\n{self.settled:.0%} of coalitions settled"


def stage_value_of(tables: Mapping[str, pd.DataFrame]) -> StageValue:
    """Return the stage value that ``StageValue.tables`` described."""
    return StageValue(*(tables[name] for name in ANSWERS["stages"]))


def stage_value(
    design: Design,
    answering: Answering,
    *,
    known: Sequence[Plan] = (),
    searches: int = SEARCHES,
    runs: int = RUNS,
) -> StageValue:
    """Return what every stage is worth at the scenario's budget.

    Parameters
    ----------
    known : plans that are there already, such as that of a run: a coalition takes what is left of
        one without the other stages where no search finds better. Their names differ.
    searches : coalitions whose plan is searched for; the whole, every stage alone and the whole
        without every stage come first, then those that tell most.
    runs : of each search.

    Raises
    ------
    AnswerError
        Where fewer than two stages have anything to buy.
    """
    pool = _pool(design)
    pool.take(design, answering, known)
    pool.grow(design, answering, searches=searches, runs=runs)
    chosen = pool.chosen()
    used = sorted(set(chosen.tolist()))
    found, who = judged(design, answering, {pool.plans[k].name: pool.plans[k] for k in used})
    values = {k: found[pool.plans[k].name] for k in used}
    by_draw = pd.concat(
        [
            pd.DataFrame({"plan": name, "draw": range(len(one)), "value": one[:, 0]})
            for name, one in found.items()
        ],
        ignore_index=True,
    )
    return StageValue(
        by_draw=by_draw,
        table=_table(pool, chosen, values, who),
        coalitions=_coalitions(pool, chosen, values),
        plans=joined([pool.plans[k].table().assign(plan=pool.plans[k].name) for k in used])[
            PURCHASE_COLUMNS
        ],
    )


@dataclass(slots=True)
class _Pool:
    """The plans that were found so far, and what each needs and comes to."""

    stages: tuple[Stage, ...]
    world: World
    plans: list[Plan]
    needs: list[int]
    """Stages that each plan buys from, as a coalition."""
    worth: list[Floats]
    """Objective of each by choice draw, shape (draw,)."""
    searched: list[int]
    """Coalitions whose plan was searched for."""

    def take(self, design: Design, answering: Answering, known: Sequence[Plan]) -> None:
        """Add plans that are there already, and what is left of them without some stages."""
        tasks = {f"parts of {plan.name}": plan for plan in known}
        done = answering.do("simulating plans in parts", bind(worth_in_parts, design), tasks)
        for plan, kept in zip(known, done.values(), strict=True):
            self._add_parts(plan, plan.name, kept)

    def grow(self, design: Design, answering: Answering, *, searches: int, runs: int) -> None:
        """Search for the plans of coalitions, first of the whole, until enough were searched."""
        first = first_to_search(len(self.stages))
        self._search(design, answering, first[:1], runs)
        # where the plan of the whole does without a stage it is the plan without that stage too
        doubtful = [c for c in first[1:] if self.doubt()[c] > 0.0]
        self._search(design, answering, doubtful[: max(searches - 1, 0)], runs)
        while (left := searches - len(self.searched)) > 0:
            found = np.array(self.searched)
            batch = next_to_search(self.doubt(), found, count=min(BATCH, left))
            if not batch:
                return
            self._search(design, answering, batch, runs)

    def _search(
        self, design: Design, answering: Answering, coalitions: Sequence[int], runs: int
    ) -> None:
        start = design.scenario.horizon.start_year
        tasks = {
            f"coalition {'+'.join(self.named(one))}": Stages(self.named(one), runs)
            for one in coalitions
        }
        done = answering.do("searching for plans of stages", bind(search_within, design), tasks)
        for coalition, kept in zip(coalitions, done.values(), strict=True):
            about = kept.tables["about"]
            plan = candidate_of(kept.arrays, about, self.world, start_year=start).plan
            self._add_parts(plan, f"found for {', '.join(self.named(coalition))}", kept)
            self.searched.append(coalition)

    def _add_parts(self, plan: Plan, name: str, kept: Kept) -> None:
        """Add what ``worth_in_parts`` made of a plan."""
        for row, worth in zip(kept.arrays["dropped"], kept.arrays["worth"], strict=True):
            without = [stage for stage, out in zip(Stage, row, strict=True) if out]
            part = f" without {', '.join(without)}" if without else ""
            left = replace(without_stages(plan, without), name=f"{name}{part}")
            self.add(left, np.asarray(worth, dtype=float))

    def add(self, plan: Plan, worth: Floats) -> None:
        """Add a plan with its worth by choice draw."""
        stages = bought_from(plan)
        self.plans.append(plan)
        self.needs.append(sum(1 << k for k, stage in enumerate(self.stages) if stage in stages))
        self.worth.append(worth)

    def named(self, coalition: int) -> tuple[Stage, ...]:
        """Return the stages of a coalition."""
        return tuple(self.stages[k] for k in parts_of(coalition))

    def means(self) -> Floats:
        """Return the mean worth of every plan, shape (plan,)."""
        return np.array([worth.mean() for worth in self.worth])

    def chosen(self) -> Ints:
        """Return the plan of every coalition, by its place, shape (coalition,)."""
        return best_plans(np.array(self.needs), self.means(), parts=len(self.stages))

    def reached(self) -> Floats:
        """Return what every coalition reaches on the choice draws, shape (coalition,)."""
        return np.asarray(self.means()[self.chosen()])

    def doubt(self) -> Floats:
        """Return how much more every coalition may reach, 0 where it is not worthwhile."""
        reached = self.reached()
        more = self.most() - reached
        return np.where(more > WORTHWHILE * reached[-1], more, 0.0)

    def most(self) -> Floats:
        """Return what every coalition reaches at most, as far as searches tell."""
        return reached_at_most(self.reached(), np.array(self.searched, dtype=np.int64))


def _pool(design: Design) -> _Pool:
    """Return the pool that holds the plan that buys nothing."""
    scenario = design.scenario
    world = design.sampler(scenario, None, "search").world
    stages = stages_of(world, scenario)
    if len(stages) < 2:
        raise AnswerError(
            f"stages are compared where at least two have anything to buy; here "
            f"{', '.join(stages) or 'none'} has."
        )
    pool = _Pool(stages, world, [], [], [], [])
    nothing = replace(baseline(world, scenario), name="nothing")
    pool.add(nothing, choice_worth(design, [nothing])[0])
    return pool


def _table(
    pool: _Pool, chosen: Ints, values: Mapping[int, Floats], who: Sequence[Who]
) -> pd.DataFrame:
    """Return ``StageValue.table``."""
    used = list(values)
    takes = np.array([[float(plan == k) for k in used] for plan in chosen])
    stacked = np.stack([values[k] for k in used])  # (plan, draw, who)
    measures = {
        name: np.tensordot(of(takes), stacked, axes=1)
        for name, of in (("shapley", shapley), ("alone", alone), ("without", lost_without))
    }
    least, most = shapley_bounds(pool.reached(), pool.most())
    rows = []
    for w, people in enumerate(who):
        whole = float(measures["shapley"][..., w].sum(axis=0).mean())
        for k, stage in enumerate(pool.stages):
            row: dict[str, object] = {"kind": people.kind, "who": people.name, "stage": str(stage)}
            for name, found in measures.items():
                by_draw = pd.Series(found[k, :, w])
                low, high = (
                    ("low", "high") if name == "shapley" else (f"{name}_low", f"{name}_high")
                )
                row[name] = float(by_draw.mean())
                row[low], row[high] = t_interval(by_draw)
            row["share"] = float(measures["shapley"][k, :, w].mean()) / whole if whole else np.nan
            ends = (least[k], most[k]) if people.kind == ALL else (np.nan, np.nan)
            row["least"], row["most"] = ends
            row["draws"] = stacked.shape[1]
            rows.append(row)
    return pd.DataFrame(rows)[list(STAGE_COLUMNS)]


def _coalitions(pool: _Pool, chosen: Ints, values: Mapping[int, Floats]) -> pd.DataFrame:
    """Return ``StageValue.coalitions``."""
    rows, means, doubt = [], pool.means(), pool.doubt()
    for coalition, plan in enumerate(chosen.tolist()):
        by_draw = pd.Series(values[plan][:, 0])
        low, high = t_interval(by_draw)
        rows.append(
            {
                "stages": ", ".join(pool.named(coalition)),
                "searched": coalition in pool.searched,
                "settled": bool(doubt[coalition] == 0.0),
                "plan": pool.plans[plan].name,
                "needs": ", ".join(pool.named(pool.needs[plan])),
                "worth": float(means[plan]),
                "value": float(by_draw.mean()),
                "low": low,
                "high": high,
            }
        )
    return pd.DataFrame(rows)
