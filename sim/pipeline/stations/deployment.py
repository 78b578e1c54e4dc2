"""Deployment: sites go live at a roll-out rate and decide which exams are read with AI."""

import math

import numpy as np
from numpy.typing import NDArray

from sim.baseline.world import World
from sim.domain.levers import Floats
from sim.learning.gate import benefit_of
from sim.pipeline.account import Account
from sim.pipeline.kernels.counts import (
    Counts,
    allot,
    by_place,
    by_region,
    kernel,
    serve,
    total,
    uniform,
)
from sim.pipeline.random_keys import RandomKeys
from sim.pipeline.state import Array, Flows, State
from sim.pipeline.stations.station import Station
from sim.scenario.capacity_calendar import Opening
from sim.scenario.schema import Scenario
from sim.units import MINUTES_PER_HOUR, WEEKS_PER_YEAR

IN_NEED, ALWAYS = 1, 2
"""Values of ``gate_open``: a release reads where readers are short, or whether or not they are."""


@kernel
def step(
    week: int,
    keys: NDArray[np.uint64],
    exams: Counts,
    waiting: Counts,
    gate_open: Counts,
    minutes: Floats,
    saved: Floats,
    helps: NDArray[np.bool_],
    reader_of: Counts,
    hours: Floats,
    hours_per_reader: Floats,
    readers: Counts,
    active: Floats,
    site: int,
    sites_per_week: Floats,
    exams_per_site: Floats,
    power_share: Floats,
    power: Floats,
    live: Counts,
    begun: Floats,
    to_ai: Counts,
    of_region: Counts,
) -> None:
    """Bring sites live, then send exams to AI where that helps and sites have room.

    Parameters
    ----------
    keys : random keys, shape (r,).
    exams, waiting, gate_open : exams of the week, those still to be read, and where a release may
        read, shape (r, m, g).
    minutes, saved : reader minutes of an exam without AI, and how many fewer it takes with AI,
        shape (r, m).
    helps : whether AI within the margin is worth its reader minutes, shape (r, m).
    reader_of : profession of each modality, shape (m,).
    hours, hours_per_reader : clinical hours of today's readers in a week, and of one whom the plan
        adds, shape (r, p).
    readers, site : which items readers of each profession are, shape (p,), and which a site is.
    active : units in use, shape (r, i).
    sites_per_week : most sites that go live in a week, shape (r,).
    exams_per_site : exams that a site can read in a year with power, shape (r,).
    power_share, power : share of the time that a site has power, and what an outage leaves of
        it, shape (r,).
    live, begun : sites that are live, and part of an exam read, shape (r,); updated in place.
    to_ai, of_region : exams that go to AI, shape (r, m, g), and the same with all cells of a
        region as one place, shape (r, 1, cells); written.
    """
    for r in range(len(exams)):
        # at least one a week: a rate below one is a longer lead time, which the tables carry
        more = max(1, math.floor(sites_per_week[r]))
        live[r] = min(math.floor(active[r, site] + 1e-9), live[r] + more)
        room = live[r] * (power_share[r] * power[r]) * exams_per_site[r] / WEEKS_PER_YEAR
        u = uniform(keys[r], week)
        for p in range(len(readers)):
            worked = hours[r, p] + active[r, readers[p]] * hours_per_reader[r, p]
            free = worked * MINUTES_PER_HOUR
            offer(exams, waiting, gate_open, minutes, saved, helps, reader_of, r, p, free, u, to_ai)
        served, begun[r] = serve(total(of_region, r, 0), room, begun[r])
        allot(served, of_region, r, 0, u, of_region)


@kernel
def offer(
    exams: Counts,
    waiting: Counts,
    gate_open: Counts,
    minutes: Floats,
    saved: Floats,
    helps: NDArray[np.bool_],
    reader_of: Counts,
    r: int,
    p: int,
    free: float,
    u: float,
    to_ai: Counts,
) -> None:
    """Choose which exams of a profession in a region are offered to AI; writes ``to_ai``.

    All of a cell where an audit has shown a release to be as good as its reader. Where it is only
    within the margin, as many as readers, who have ``free`` minutes, are short of: each that AI
    reads saves some of their minutes for the others. Arrays as for ``step``.
    """
    short, spare = -free, 0.0
    for m in range(len(reader_of)):
        if reader_of[m] == p:
            short += (total(exams, r, m) + total(waiting, r, m)) * minutes[r, m]
    scarce = short > 0.0
    for m in range(len(reader_of)):
        if reader_of[m] == p:
            always = saved[r, m] > 0.0 or not scarce
            fewer, more = _open_always(exams, gate_open, r, m, always, to_ai)
            short -= fewer * saved[r, m]
            spare += more * saved[r, m] * helps[r, m]
    if short > 0.0 and spare > 0.0:
        share, reached = min(short / spare, 1.0), u
        for m in range(len(reader_of)):
            if reader_of[m] == p and helps[r, m]:
                reached = _open_in_need(exams, gate_open, r, m, share, reached, to_ai)


@kernel
def _open_always(
    exams: Counts, gate_open: Counts, r: int, m: int, always: bool, to_ai: Counts
) -> tuple[int, int]:
    """Offer all exams of cells in which AI always reads; return them, and those of other cells."""
    offered, others = 0, 0
    for g in range(exams.shape[2]):
        to_ai[r, m, g] = 0
        if gate_open[r, m, g] == ALWAYS and always:
            to_ai[r, m, g] = exams[r, m, g]
            offered += exams[r, m, g]
        elif gate_open[r, m, g] == IN_NEED:
            others += exams[r, m, g]
    return offered, others


@kernel
def _open_in_need(
    exams: Counts, gate_open: Counts, r: int, m: int, share: float, reached: float, to_ai: Counts
) -> float:
    """Offer a share of the exams of the other open cells, by cumulative rounding."""
    for g in range(exams.shape[2]):
        if gate_open[r, m, g] == IN_NEED:
            before = math.floor(reached)
            reached += exams[r, m, g] * share
            to_ai[r, m, g] = min(math.floor(reached) - before, exams[r, m, g])
    return reached


class Deployment(Station):
    """Sites that run a release: power, network and a computer beside the reader."""

    name = "deployment"
    unit = "exams"
    capacity_unit = "exams"
    states = (
        Array("sites_live", "r", "sites that run a release"),
        Array("ai_begun", "r", "part of an exam read", float),
        Array("power", "r", "share of a site's hours that an outage leaves", float, begins=1),
    )
    flows = (Array("to_ai", "r m g", "exams that go to AI", yearly=True),)

    def __init__(self, world: World, scenario: Scenario, random_keys: RandomKeys) -> None:
        super().__init__(world, scenario, random_keys)
        care, catalogue, gate = world.care, world.catalogue, scenario.gate
        self.keys = random_keys.by_region("deployment/route")
        self.site = catalogue.index("site")
        self.exams_per_site = catalogue.capacity[:, self.site].copy()
        self.readers = np.array([catalogue.index("reader", name) for name in world.professions])
        clinical = (1.0 - care.protected_share[:, None]) / WEEKS_PER_YEAR
        self.hours = care.reader_hours_per_year * clinical
        self.hours_per_reader = catalogue.capacity.take(self.readers, axis=1) * clinical
        self.opening = Opening.of(
            scenario.capacity_calendar, "readers", world.regions, world.professions
        )
        self.reader_of = np.array(care.reader_of, dtype=np.int64)
        self.minutes = by_place(care.reading_minutes, world)
        ratio = by_place(care.ai_minutes_ratio, world)
        self.saved = self.minutes * (1.0 - ratio)
        # a reading within the margin must be worth more than its reader would do in the minutes
        # that it takes all the same
        reader = by_place(benefit_of(care.reader, gate), world)
        self.helps = reader - gate.margin > ratio * reader

    def step(self, state: State, flows: Flows, tick: int) -> None:
        """Bring sites live, then decide which exams of the week are read with AI."""
        compute, hours, per_reader = self.world.compute, self.hours, self.hours_per_reader
        if self.opening.entries:
            share = self.opening.share(*self.date(tick))
            hours, per_reader = hours * share, per_reader * share
        step(
            tick,
            self.keys,
            flows.exams,
            state.reading_waiting,
            state.gate_open,
            self.minutes,
            self.saved,
            self.helps,
            self.reader_of,
            hours,
            per_reader,
            self.readers,
            state.active,
            self.site,
            compute.sites_per_week,
            self.exams_per_site,
            compute.site_power_share,
            state.power,
            state.sites_live,
            state.ai_begun,
            flows.to_ai,
            by_region(flows.to_ai),
        )

    def _room(self, state: State) -> Floats:
        """Return the exams that live sites with power can take in a week, shape (r,)."""
        powered = self.world.compute.site_power_share * state.power
        return np.asarray(state.sites_live * powered * self.exams_per_site / WEEKS_PER_YEAR)

    def account(self, state: State, flows: Flows) -> Account:
        """Rejected: exams that go to a reader without AI."""
        return Account(
            flows.exams,
            flows.to_ai,
            rejected=flows.exams - flows.to_ai,
            capacity=self._room(state),
        )
