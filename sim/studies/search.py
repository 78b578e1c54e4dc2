"""The search for a plan by simulation.

The optimisation model and the simple rules propose; what is simulated decides. Around the best
proposal every purchase is varied, and a model of the simulated responses (`planning.surrogate`)
proposes better plans, as long as they are better. From there the search climbs: it tries purchases
and savings of one size, exchanges those of the lowest loss per dollar for those of the highest
gain, and keeps an exchange that does better on draws other than those that suggested it. The best
plans of the climb, and the proposals, race on all search draws. All plans meet the same random
numbers, and no search draw ever judges.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial as bind
from itertools import count, product
from math import inf, nan

import numpy as np
import pandas as pd

from sim.baseline.world import World
from sim.domain.levers import Floats
from sim.domain.plan import Plan
from sim.errors import InfeasibleError, UnsolvedError
from sim.planning.moves import Purse, Step, steps_of, taken
from sim.planning.objectives import Parts
from sim.planning.rules import AT_RANDOM, GREEDY, PLAN, spend_by_share
from sim.planning.surrogate import Proposal, Surrogate, Variation, variations_of
from sim.planning.unspent import spending_words
from sim.streams import stream
from sim.studies.batch import Design
from sim.studies.conditions import conditions_of
from sim.studies.plans import CLIMB, HISTORY, SURROGATE, Candidate
from sim.studies.selection import FIRST_RUNG, NONE_KNOWN, RUNS, Evaluate, Selection, runs_of, sure

FEW, MORE = 4, 12
"""Draws that suggest an exchange, and others on which it has to do better."""
LARGEST, SMALLEST = 0.04, 0.002
"""Sizes of steps, as shares of the whole budget, with which a climb begins and ends."""
SHRINK = 0.6
"""What a step that brought nothing makes of the size of the next."""
CLIMBING = 0.8
"""Part of the runs after which climbs end; what is left drops what brings nothing, and races."""
GREEDY_ROUNDS = 10
"""Rounds in which the greedy plan spends its money."""
SPARSE = 0.3
"""Concentration of the shares of plans at random: below 1, few things get most of the money."""
SURROGATE_SHARE = 0.15
"""Part of the runs that the simulated responses for one surrogate may take."""
SURROGATE_DRAWS = 6, 8
"""Least and most draws in which they are simulated. With four, steps of the climb that took as many
runs led further from the optimisation model's proposals, though not from rules."""
BY_SURROGATES = 0.6
"""Part of the runs of a climb within which surrogates are fitted."""
MOVED = (0.02, 0.06, 0.2, 1.0)
"""Shares of the whole budget that surrogates may move, and"""
PRUDENCE = (0.0, 1.0)
"""how many standard errors they take off every gain: a plan for each of both."""


@dataclass(frozen=True, slots=True)
class Found:
    """What a search came to."""

    best: Candidate
    rule: str
    """The proposal by a rule that did best."""
    reached: Mapping[str, float]
    """Mean outcome of every proposal, over the draws in which it was simulated."""


@dataclass(kw_only=True)
class Search(Selection):
    """A search under way. Its course depends on nothing but proposals, runs and outcomes."""

    purse: Purse
    parts: Parts | None = None
    """How regions make up the outcome; without it no surrogate is fitted."""
    worth: dict[str, float] = field(default_factory=dict)
    """Relative gain per dollar of every step by name: of late measurements more than of old."""

    def find(
        self,
        proposals: Mapping[str, Plan],
        rules: Iterable[str],
        known: Mapping[str, Floats] = NONE_KNOWN,
    ) -> Found:
        """Return the best plan that is found from some proposals.

        Parameters
        ----------
        rules : names of the proposals that are simple rules.
        known : outcomes of proposals that are simulated already, in the first draws.
        """
        known = {name: known[name] for name in proposals if name in known}
        self.taken += sum(map(len, known.values()))
        if self.by_regret:
            known = self.in_all_draws(proposals, known)
            self.ahead = np.max([values[:, 0] for values in known.values()], axis=0)
        raced = self.race(proposals, what="proposal", known=known)
        by_value = sorted(raced, key=lambda name: self.rank(raced[name]), reverse=True)
        finalists = {name: proposals[name] for name in by_value[:2]}
        start_of = {name: name for name in finalists}
        climbs = 1 + (self.runs >= RUNS["standard"]) + (self.runs >= RUNS["thorough"])
        for number, name in enumerate(by_value[:climbs], start=1):
            upto = self.taken + (CLIMBING * self.runs - self.taken) / (climbs - number + 1)
            path = self._climb(name, proposals[name], upto=upto)
            found = {one.name: one for one in [*self._lean(path[-1]), *path[-3:]]}
            start_of |= dict.fromkeys(found, name)
            finalists = found | finalists
        last = self.race(finalists, what="final")
        best = max(last, key=lambda name: self.rank(last[name]))
        self._keeps_conditions(last[best])
        simple = [name for name in by_value if name in set(rules)]
        value = float(np.nanmean(last[best][:, 0]))
        note = (
            f"the best of {len(last)} plans over {len(self.draws)} search draws, found from "
            f"{start_of[best]} by a search of {self.taken:,} runs; {sure(last, best)}; "
            f"{spending_words(self.purse, finalists[best].units, self.worth)}"
        )
        return Found(
            best=Candidate(
                replace(finalists[best], name=PLAN),
                note,
                value,
                history=pd.DataFrame(self.rows, columns=list(HISTORY)),
            ),
            rule=simple[0] if simple else "",
            reached={name: float(np.nanmean(values[:, 0])) for name, values in raced.items()},
        )

    def _keeps_conditions(self, values: Floats) -> None:
        """Raise ``UnsolvedError`` naming what the best plan that was found passes, if anything."""
        beyond = values[:, 1:].mean(axis=0) > 0.0
        if beyond.any():
            passed = zip(self.conditions, beyond, strict=True)
            words = [one.words for one, over in passed if over]
            raise UnsolvedError(
                f"no plan was found that keeps: {'; '.join(words)}. Relax it, give more money, or "
                "search longer (search.effort)."
            )

    def greedy(self, blank: Plan) -> Found:
        """Return the plan bought piece by piece, each round what gains most per dollar."""
        plan, usd = blank, self.purse.total_usd / GREEDY_ROUNDS
        for number in range(1, 2 * GREEDY_ROUNDS):
            tried = [one for one in self._tried(plan, number) if one.kind == "buy"]
            if self.taken >= self.runs or not self._measure(
                plan, tried, self._blocks(number)[0], usd
            ):
                break
            order = sorted(tried, key=lambda one: -self.worth.get(one.name, 0.0))
            units, left = plan.units, usd
            for one in order:
                units, cost = taken(self.purse, units, [one], left)
                left -= cost
            if (units == plan.units).all():
                break
            plan = replace(plan, units=units)
        return Found(self._chosen({GREEDY: plan}, GREEDY, "bought by gain per dollar"), "", {})

    def at_random(self) -> Found:
        """Return the best of plans whose shares of money are drawn at random."""
        world, scenario = self.purse.world, self.purse.scenario
        rng = stream(scenario.uncertainty.seed, "random search")
        parts = np.count_nonzero(self.purse.most >= 1.0)
        plans = {}
        for number in range(max(self.runs // (2 * FIRST_RUNG + 1), 2)):
            share = np.zeros(self.purse.most.shape)
            share[self.purse.most >= 1.0] = rng.dirichlet(np.full(parts, SPARSE))
            plans[f"random {number + 1}"] = spend_by_share(AT_RANDOM, world, scenario, share)
        return Found(self._chosen(plans, AT_RANDOM, f"the best of {len(plans)} at random"), "", {})

    def _chosen(self, plans: Mapping[str, Plan], name: str, note: str) -> Candidate:
        raced = self.race(plans, what="final")
        best = max(raced, key=lambda one: self.rank(raced[one]))
        note = f"{note}; {self.taken:,} runs"
        value = float(np.nanmean(raced[best][:, 0]))
        return Candidate(replace(plans[best], name=name), note, value)

    def _climb(self, name: str, plan: Plan, *, upto: float) -> list[Plan]:
        """Return the plans of a climb, each better than the one before."""
        size, path = LARGEST, [replace(plan, name=name)]
        first = self.taken + BY_SURROGATES * (upto - self.taken)
        for number in count(1):
            found = self._by_surrogate(path[-1], name, number, upto=first)
            if found is None:
                break
            path.append(found)
        for step in count(1):
            if size < SMALLEST or self.taken >= upto:
                return path
            found = self._exchange(path[-1], name, step, size * self.purse.total_usd)
            if found is None:
                size *= SHRINK
                continue
            path.append(found)
        return path

    def _by_surrogate(self, plan: Plan, start: str, number: int, *, upto: float) -> Plan | None:
        """Return a plan that does better, made by a model of simulated responses.

        None where none does, or where the runs do not suffice for such a model.

        Parameters
        ----------
        start : the proposal that the climb began from.
        """
        variations = list(variations_of(self.purse, plan.units))
        few = int(min(SURROGATE_SHARE * self.runs / (1 + len(variations)), SURROGATE_DRAWS[1]))
        runs, total = few * (1 + len(variations)), len(self.draws)
        if self.parts is None or few < SURROGATE_DRAWS[0] or self.taken + runs > upto:
            return None
        if not variations or total < few + FEW:  # nothing to choose, or no draw left to decide
            return None
        turn = [((number - 1) * few + k) % total for k in range(min(few + MORE, total))]
        fitting, others = turn[:few], turn[few:]
        responses = self._responses(plan, variations, fitting)
        surrogate = Surrogate(self.purse, plan.units, variations, responses, self.parts)
        proposed = list(self._proposed(surrogate))
        named = _named(plan, f"{start}, {SURROGATE} {number}")
        nexts = [replace(named, units=one.units) for one in proposed]
        best = self._best_of(plan, nexts, others)
        if best is None:
            return None
        chosen, found = best
        before = np.array(
            [self.parts.whole(one, self.purse.scenario.equity) for one in responses[0]]
        )
        seen = self.values([nexts[chosen]], fitting)[0]
        self.tell(SURROGATE, named.name, seen, before[:, None], kept=found is not None)
        self.rows[-1]["expected"] = proposed[chosen].expected
        return found

    def _responses(
        self, plan: Plan, variations: Sequence[Variation], draws: Sequence[int]
    ) -> Floats:
        """Return what regions add under a plan and variations, (1 + variation, draw, region)."""
        tried = [plan, *(replace(plan, units=one.units) for one in variations)]
        self.taken += len(tried) * len(draws)
        return self.evaluate(tried, draws, by_region=True)

    def _proposed(self, surrogate: Surrogate) -> Iterable[Proposal]:
        """Yield the different plans that a surrogate proposes, more or less bold."""
        known = {surrogate.units.tobytes()}
        for moved, prudence in product(MOVED, PRUDENCE):
            try:
                one = surrogate.best(moved, prudence)
            except (InfeasibleError, UnsolvedError):
                continue
            if one.units.tobytes() not in known and self.purse.is_kept_by(one.units):
                known.add(one.units.tobytes())
                yield one

    def _exchange(self, plan: Plan, start: str, step: int, usd: float) -> Plan | None:
        """Return a plan that does better by exchanges of about so much; None where none does."""
        tried = self._tried(plan, step)
        few, more = self._blocks(step)
        before = self._measure(plan, tried, few, usd)
        named = _named(plan, f"{start}, step {step}")
        nexts = [
            replace(named, units=units)
            for units in _unlike(plan.units, self._suggested(plan, tried, usd))
            if self.purse.is_kept_by(units)
        ]
        best = self._best_of(plan, nexts, more) if before > 0.0 else None
        return None if best is None else best[1]

    def _best_of(
        self, plan: Plan, nexts: Sequence[Plan], draws: Sequence[int]
    ) -> tuple[int, Plan | None] | None:
        """Return which of some plans does best, and it where it does better than the one before.

        All in a third of the draws, the best five in the others. None where there is no plan.
        """
        if not nexts:
            return None
        first = draws[: len(draws) // 3]
        values = self.values([plan, *nexts], first)
        best = np.argsort(-self.gains(values, first), kind="stable")[:5]
        last = self.values([plan, *(nexts[k] for k in best)], draws[len(first) :])
        values = np.hstack([values[[0, *(best + 1)]], last])
        gained = self.gains(values, draws)
        chosen = int(gained.argmax())
        ahead = values[chosen + 1, :, 0] - values[0, :, 0]
        error = ahead.std(ddof=1) / len(ahead) ** 0.5 if len(ahead) > 1 else 0.0
        better = bool(gained[chosen] > 0.5 * error)
        found = nexts[best[chosen]]
        self.tell(CLIMB, found.name, values[chosen + 1], values[0], kept=better)
        return int(best[chosen]), found if better else None

    def _lean(self, plan: Plan) -> list[Plan]:
        """Return a plan without what brings nothing, and with all that is left spent.

        The last race decides whether either is as good on all search draws; of equal plans it
        takes the one that stands first, which buys less.
        """
        steps = steps_of(self.purse, plan.units)
        drops = [one for one in steps if one.kind == "drop last" and one.target.is_apart]
        drops.sort(key=lambda one: -self.worth.get(one.name, inf))
        drops = drops[: self._most]
        without = [taken(self.purse, plan.units, [one], self.purse.total_usd) for one in drops]
        values = self.values(
            [plan, *(replace(plan, units=units) for units, _ in without)], self.draws[:FEW]
        )
        idle = [
            one
            for one, gained in zip(drops, self.gains(values, self.draws[:FEW]), strict=True)
            if gained >= 0.0
        ]
        units, _ = taken(self.purse, plan.units, idle, self.purse.total_usd)
        given_up = {one.target for one in idle}
        buys = [
            one
            for one in self._by_worth(steps_of(self.purse, units))
            if one.kind == "buy"
            and self.worth[one.name] > 0.0
            and one.target not in given_up
            and one.target.is_apart  # and not wherever others gain
        ]
        spent = units
        for size in (LARGEST, SMALLEST):
            spent = self._exchanged(spent, buys[:12], (), size * self.purse.total_usd)
        lean = [
            replace(plan, name=f"{plan.name}, without what brings nothing", units=units),
            replace(plan, name=f"{plan.name}, and all else spent", units=spent),
        ]
        return [
            replace(one, status="found", gap=nan)
            for one in lean
            if (one.units != plan.units).any() and self.purse.is_kept_by(one.units)
        ]

    def _by_worth(self, steps: Iterable[Step]) -> list[Step]:
        """Return the steps of known worth, the best first."""
        known = [one for one in steps if one.name in self.worth]
        return sorted(known, key=lambda one: -self.worth[one.name])

    @property
    def _most(self) -> int:
        """Most steps that are tried at a time."""
        return int(np.clip(self.runs**0.5, 24, 160))

    def _tried(self, plan: Plan, step: int) -> list[Step]:
        """Return the single steps that are tried: those not seen, the best, and some others."""
        steps = list(steps_of(self.purse, plan.units))
        most = self._most
        if len(steps) <= most:
            return steps
        new = [one for one in steps if one.name not in self.worth]
        seen = self._by_worth(steps)
        chosen = new[: most // 2]
        chosen += seen[: max(most - len(chosen) - most // 6, 0)]
        rest = [one for one in steps if one not in chosen]
        turn = (step * (most // 6)) % max(len(rest), 1)
        return chosen + (rest[turn:] + rest[:turn])[: most - len(chosen)]

    def _blocks(self, step: int) -> tuple[list[int], list[int]]:
        """Return the draws that suggest, and those that decide; others in every step."""
        total = len(self.draws)
        few, more = min(FEW, total // 2), min(MORE, total - min(FEW, total // 2))
        first = (step - 1) * (few + more)
        return (
            [(first + k) % total for k in range(few)],
            [(first + few + k) % total for k in range(more)],
        )

    def _measure(
        self, plan: Plan, tried: Sequence[Step], draws: Sequence[int], usd: float
    ) -> float:
        """Learn what single steps are worth, per dollar; return the outcome without any."""
        changed, costs = [], []
        for one in tried:
            units, cost = taken(self.purse, plan.units, [one], usd, beyond=True)
            changed.append(replace(plan, units=units))
            costs.append(cost)
        known = [k for k, cost in enumerate(costs) if cost != 0.0]
        values = self.values([plan, *(changed[k] for k in known)], draws)
        before = float(values[0, :, 0].mean())
        for k, gained in zip(known, self.gains(values, draws), strict=True):
            gain = float(gained) / max(before, 1e-12) / abs(costs[k])
            old = self.worth.get(tried[k].name, gain)
            self.worth[tried[k].name] = (old + gain) / 2.0
        return before

    def _suggested(self, plan: Plan, tried: Sequence[Step], usd: float) -> Iterable[Floats]:
        """Yield exchanges: what loses least per dollar for what gains most."""
        known = self._by_worth(tried)
        buys = [one for one in known if one.kind == "buy" and self.worth[one.name] > 0.0][:6]
        drops = [one for one in known if one.kind != "buy"][:8]
        exchanged = bind(self._exchanged, plan.units, buys)
        yield exchanged((), usd)
        for k in range(1, len(drops) + 1):
            yield exchanged([*drops[:k], *buys[: (k + 1) // 2]], usd)
        if self.conditions:  # where not all money may be spent, steps that are no exchange count
            for one in (*buys[:4], *drops[:4]):
                yield taken(self.purse, plan.units, [one], usd)[0]
        for buy, drop in product(buys[:4], drops[:4]):
            for size in (1.0, 0.35):
                yield exchanged([drop, buy], size * usd)

    def _exchanged(
        self, units: Floats, buys: Sequence[Step], steps: Sequence[Step], usd: float
    ) -> Floats:
        """Return the units after some steps, what is left then spent on what gains most."""
        units, _ = taken(self.purse, units, steps, usd)
        for _ in range(3):
            units, cost = taken(self.purse, units, buys, usd)
            if cost == 0.0:
                break
        return units


def search_of(design: Design, world: World, evaluate: Evaluate) -> Search:
    """Return the search that the scenario of a study asks for, not begun.

    Parameters
    ----------
    world : what is known before the draws, from which prices are.
    """
    scenario = design.scenario
    spec = scenario.search
    return Search(
        evaluate,
        runs_of(spec.effort),
        purse=Purse(world, scenario),
        conditions=conditions_of(scenario),
        worst_draws=spec.worst_draws,
        by_regret=spec.worst_by == "regret",
        parts=design.objective.parts,
    )


def _named(plan: Plan, name: str) -> Plan:
    """Return a plan that was found, for which nothing is proven."""
    return replace(plan, name=name, status="found", gap=nan)


def _unlike(units: Floats, others: Iterable[Floats]) -> list[Floats]:
    """Return those that differ from the units given and from each other."""
    found = {one.tobytes(): one for one in others}
    found.pop(units.tobytes(), None)
    return list(found.values())
