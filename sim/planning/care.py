"""Constraints of care: arrivals, imaging, reading with and without AI, coverage.

Flows are shares of the first year's need of their region and modality, so that all are near 1.
People come in streams: those who come today, whose mix of groups is constant, in one, and those
whom outreach brings, in one for each group.
"""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import pulp

from sim.baseline.world import World
from sim.domain.lent_hours import loans
from sim.domain.levers import Floats, Item
from sim.planning.algebra import Terms, Variables, add_variables, at_most, dot, equal, scaled, spelt
from sim.planning.decisions import Purchases
from sim.planning.today import COME, Today, weight_per_exam
from sim.units import MINUTES_PER_HOUR


class ReleaseVariables(NamedTuple):
    """What may read with AI in one region and year; each of shape (m,)."""

    live: Variables
    """Whether a release has passed its audit."""
    quality: Variables
    """Benefit of a reading with AI."""
    low: Floats
    """Least quality, with today's data."""
    high: Floats
    """Most quality, with all the data that could ever be labelled."""


@dataclass(frozen=True, slots=True)
class CareVariables:
    """Flows of care; shape (y, r, m, k) but for ``brought`` and ``coverage`` (y, r, g).

    Axes: y year, r region, m modality, g group, k stream.
    """

    brought: Variables
    """Share of the unreached whom outreach brings."""
    exams: Variables
    by_human: Variables
    by_ai: Variables
    worth: Variables
    """Exams read with AI, weighted by the benefit of the reading."""
    coverage: Variables
    """Effective coverage."""


@dataclass(frozen=True, slots=True)
class CareRows:
    """Writes the rows of care, one region and year at a time."""

    problem: pulp.LpProblem
    world: World
    today: Today
    bought: Purchases
    flows: CareVariables
    streams: tuple[str, ...]
    """Names of the streams, in the order of their axis."""

    @classmethod
    def begin(cls, problem: pulp.LpProblem, bought: Purchases, today: Today) -> "CareRows":
        """Add the variables of care."""
        world, years = bought.world, bought.years
        groups = [*map(spelt, world.groups)]
        streams = ["come", *(f"brought_{group}" for group in groups)]
        cells = (years, world.regions, world.modalities, streams)
        most = today.mass
        flows = CareVariables(
            brought=add_variables(problem, "brought", (*cells[:2], groups), high=1.0),
            exams=add_variables(problem, "exams", cells, high=most),
            by_human=add_variables(problem, "read_by_human", cells, high=most),
            by_ai=add_variables(problem, "read_by_ai", cells, high=most),
            worth=add_variables(problem, "worth_of_ai", cells, high=most),
            coverage=add_variables(problem, "coverage", (*cells[:2], groups), high=1.0),
        )
        return cls(problem, world, today, bought, flows, tuple(streams))

    def write(self, y: int, r: int, release: ReleaseVariables) -> None:
        """Add the rows of one region and year."""
        self._outreach(y, r)
        for m in range(len(self.world.modalities)):
            self._imaging(y, r, m)
            self._first_come(y, r, m)
            self._ai(y, r, m, release)
        self._reading(y, r)
        self._sites(y, r)
        self._coverage(y, r)

    def _where(self, y: int, r: int, m: int | None = None) -> str:
        modality = [] if m is None else [self.world.modalities[m]]
        return "_".join([*modality, self.world.regions[r], self.bought.years[y]])

    def _outreach(self, y: int, r: int) -> None:
        unreached = self.today.need[r] @ self.today.mass[y, r, :, COME + 1 :]
        for g, group in enumerate(self.world.groups):
            use = [(self.flows.brought[y, r, g], float(unreached[g]))]
            offer = scaled(self.bought.capacity(y, r, "outreach", group), -1.0)
            name = f"outreach_{spelt(group)}_{self._where(y, r)}"
            at_most(self.problem, name, [use, offer], 0.0)

    def _imaging(self, y: int, r: int, m: int) -> None:
        exams, mass = self.flows.exams[y, r, m], self.today.mass[y, r, m]
        where = self._where(y, r, m)
        at_most(self.problem, f"arrivals_{where}", [[(exams[COME], 1.0)]], float(mass[COME]))
        for g, brought in enumerate(self.flows.brought[y, r]):
            k = COME + 1 + g
            come = [(brought, -float(mass[k]))]
            at_most(self.problem, f"{self.streams[k]}_{where}", [[(exams[k], 1.0)], come], 0.0)
        units = self.bought.capacity(y, r, "scanner", self.world.modalities[m])
        served = float(self.today.open_units[y, r, m])
        offer = scaled(units, -served * self.today.uptime[r, m])
        at_most(
            self.problem,
            f"imaging_capacity_{where}",
            [dot(self.today.need[r, m], exams), offer],
            served * float(self.today.units[r, m]),
        )
        if np.isfinite(self.today.supplies[r, m]):
            self._supplies(y, r, m)

    def _supplies(self, y: int, r: int, m: int) -> None:
        """Let there be no more exams than supplies, today's and bought ones."""
        modality, rows = (
            self.world.modalities[m],
            [dot(self.today.need[r, m], self.flows.exams[y, r, m])],
        )
        if Item("supplies", modality) in self.world.catalogue.items:
            rows.append(scaled(self.bought.capacity(y, r, "supplies", modality), -1.0))
        there = float(self.today.supplies[r, m])
        at_most(self.problem, f"supplies_{self._where(y, r, m)}", rows, there)

    def _first_come(self, y: int, r: int, m: int) -> None:
        """Let nobody whom outreach brings pass the queue.

        Their chance of a reading is at most that of those who come: a product of two decisions,
        bounded by its envelope.
        """
        flows, where = self.flows, self._where(y, r, m)
        come, *others = self.today.mass[y, r, m]
        reads = [
            [(flows.by_human[y, r, m, k], 1.0), (flows.by_ai[y, r, m, k], 1.0)]
            for k in range(len(self.streams))
        ]
        for k, stream in enumerate(self.streams):
            done = [(flows.exams[y, r, m, k], -1.0)]
            at_most(self.problem, f"examined_{stream}_{where}", [reads[k], done], 0.0)
        for g, brought in enumerate(others):
            if come <= 0.0 or brought <= 0.0:
                continue
            some, name = reads[COME + 1 + g], f"{spelt(self.world.groups[g])}_{where}"
            rate = scaled(reads[COME], -brought / come)
            at_most(self.problem, f"first_come_{name}", [some, rate], 0.0)

    def _ai(self, y: int, r: int, m: int, release: ReleaseVariables) -> None:
        """Bound the product of exams read with AI and the quality of the reading.

        McCormick's envelope: as quality has a narrow range, it is close, and unlike a tangent at
        a known plan it never cuts a plan off.
        """
        flows, where = self.flows, self._where(y, r, m)
        low, high = float(release.low[m]), float(release.high[m])
        quality = release.quality[m]
        for k, stream in enumerate(self.streams):
            ai, worth = flows.by_ai[y, r, m, k], flows.worth[y, r, m, k]
            most = float(self.today.mass[y, r, m, k])
            where_k = f"{stream}_{where}"
            live = [(release.live[m], -most)]
            at_most(self.problem, f"release_{where_k}", [[(ai, 1.0)], live], 0.0)
            routed = [(ai, 1.0), (flows.exams[y, r, m, k], -1.0)]
            at_most(self.problem, f"routed_{where_k}", [routed], 0.0)
            at_most(self.problem, f"best_quality_{where_k}", [[(worth, 1.0), (ai, -high)]], 0.0)
            today = [(worth, 1.0), (ai, -low), (quality, -most)]
            at_most(self.problem, f"quality_{where_k}", [today], -most * low)

    def _reading(self, y: int, r: int) -> None:
        care, flows = self.world.care, self.flows
        clinical = 1.0 - float(care.protected_share[r])
        for p, profession in enumerate(self.world.professions):
            hours: list[Terms] = []
            for m in (m for m, q in enumerate(care.reader_of) if q == p):
                per_exam = float(self.today.need[r, m] * care.reading_minutes[m] / MINUTES_PER_HOUR)
                hours.append(dot(per_exam, flows.by_human[y, r, m]))
                hours.append(dot(per_exam * care.ai_minutes_ratio[m], flows.by_ai[y, r, m]))
            bought = self.bought.capacity(y, r, "reader", profession)
            come, go = self._moved(y, r, p)
            here = clinical * float(self.today.open_readers[y, r, p])
            at_most(
                self.problem,
                f"reading_hours_{profession}_{self._where(y, r)}",
                [*hours, scaled(bought, -here), scaled(come, -clinical), scaled(go, clinical)],
                here * float(care.reader_hours_per_year[r, p]),
            )

    def _moved(self, y: int, r: int, p: int) -> tuple[Terms, Terms]:
        """Return the hours that others' readers read for here, and those of here for others."""
        world, come, go = self.world, Terms(), Terms()
        for item, lender, profession in loans(world.catalogue, world.regions, world.professions):
            if profession == p:
                what = world.catalogue.items[item]
                come += self.bought.capacity(y, r, what.lever, what.scope)
                for buyer in range(len(world.regions)) if lender == r else ():
                    go += self.bought.capacity(y, buyer, what.lever, what.scope)
        return come, go

    def _sites(self, y: int, r: int) -> None:
        use = [
            dot(float(self.today.need[r, m]), self.flows.by_ai[y, r, m])
            for m in range(len(self.world.modalities))
        ]
        powered = float(self.world.compute.site_power_share[r])
        offer = scaled(self.bought.capacity(y, r, "site"), -powered)
        at_most(self.problem, f"deployment_sites_{self._where(y, r)}", [*use, offer], 0.0)

    def _coverage(self, y: int, r: int) -> None:
        per_exam = weight_per_exam(self.world)[r] / self.today.growth[y, r]
        for g, group in enumerate(self.world.groups):
            parts: list[Terms] = []
            for m in range(len(self.world.modalities)):
                share = per_exam[m, g] * self.today.need[r, m] * self.today.mix[r, m, g]
                human = share * self.today.human_benefit[m]
                parts.append(dot(share, self.flows.worth[y, r, m]))
                parts.append(dot(human, self.flows.by_human[y, r, m]))
            gained = [(self.flows.coverage[y, r, g], -1.0)]
            name = f"coverage_{spelt(group)}_{self._where(y, r)}"
            equal(self.problem, name, [*parts, gained], 0.0)
