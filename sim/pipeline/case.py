"""What a run is of, and which runs need only some regions of their own.

A plan that differs from another in one country seldom changes what happens in the others. Its run
is made from that of the other, its *base*, and only the regions that differ are moved (`changes`).
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from sim.baseline.world import World, of_regions
from sim.domain.holdings import Respond
from sim.domain.lent_hours import loans
from sim.domain.levers import Floats, LeverName
from sim.domain.plan import Plan
from sim.pipeline.kernels.counts import Counts
from sim.pipeline.state import State
from sim.scenario.schema import Scenario
from sim.units import WEEKS_PER_YEAR

Places = NDArray[np.intp]
"""Positions of regions."""


class Start(NamedTuple):
    """A world on the policy date: the plans that branch from it draw the same."""

    world: World
    seed: int
    replication: int
    state: State


class Case(NamedTuple):
    """What one run is of: a plan, from a start, with a response."""

    start: Start
    plan: Plan
    respond: Respond
    """What a training makes of its holdings, from the measured profile."""
    base: Plan | None = None
    """A plan from which this one differs in few regions: said so, its run takes less, and is the
    same."""

    @property
    def changed(self) -> Places:
        """Regions in which the plan differs from its base, and whose readers read for these."""
        base = self.plan if self.base is None else self.base
        differ = (self.plan.units != base.units).any(axis=0)
        changed, world = differ.any(axis=1), self.start.world
        for item, lender, _ in loans(self.plan.catalogue, world.regions, world.professions):
            changed[lender] |= differ[:, item].any()
        return np.flatnonzero(changed)


class Family(NamedTuple):
    """A run of all regions, and those that are moved in a few regions only and share its others."""

    cases: tuple[Case, ...]
    """The run of all regions, then the others."""
    places: tuple[int | None, ...]
    """Of each among the cases that were asked for; None for a base that nobody asked for."""

    @property
    def moved(self) -> Places:
        """Regions that are moved: all, then those in which each of the others differs."""
        everywhere = np.arange(len(self.cases[0].start.world.regions))
        return np.concatenate([everywhere, *(case.changed for case in self.cases[1:])])

    def world(self) -> World:
        """Return the world whose regions are those that are moved."""
        world = self.cases[0].start.world
        return world if len(self.cases) == 1 else of_regions(world, self.moved)


def families(cases: Sequence[Case]) -> list[Family]:
    """Return all cases, as few of them as can be as runs of all regions."""
    alone: dict[int, Case] = {}
    sharing: dict[tuple[int, int, int], dict[int | None, Case]] = {}
    for k, case in enumerate(cases):
        if case.base is not None and worth_trying(case, case.base):
            sharing.setdefault(_key(case._replace(plan=case.base)), {})[k] = case
        else:
            alone[k] = case
    found = []
    for k, case in alone.items():
        members = {k: case} | sharing.pop(_key(case), {})
        found.append(Family(tuple(members.values()), tuple(members)))
    for members in sharing.values():
        first = next(iter(members.values()))
        # a base that nobody asked for is worth its time where two runs or more share it
        if len(members) > 1 and first.base is not None:
            base = Case(first.start, first.base, first.respond)
            found.append(Family((base, *members.values()), (None, *members)))
        else:
            found += [Family((case,), (k,)) for k, case in members.items()]
    return found


def _key(case: Case) -> tuple[int, int, int]:
    return id(case.start), id(case.plan), id(case.respond)


TRIED_FROM = 20
"""Regions from which on a change is tried whatever it is: of so many, the few that are moved take
so little that one try in several may fail."""
READ_ELSEWHERE: frozenset[LeverName] = frozenset({"audit", "synthesis"})
"""Levers through which what others train on is felt: an audit opens the gate to a release, a
generator of several regions is trained at once."""
FELT_BY_NOBODY: frozenset[LeverName] = frozenset({"site"})
"""Levers that change no exam, no study and no job."""


def worth_trying(case: Case, base: Plan) -> bool:
    """Return whether to try a change of a plan as one that is felt in the changed regions only.

    Whether it is so is seen when it is run: this only spares runs that would be made twice.
    """
    plan, items = case.plan, case.plan.catalogue.items
    if plan.units.shape != base.units.shape or 2 * len(case.changed) > len(plan.regions):
        return False
    differ = np.flatnonzero((plan.units != base.units).any(axis=(0, 1)))
    if len(plan.regions) >= TRIED_FROM or all(items[k].lever in FELT_BY_NOBODY for k in differ):
        return True
    reads = [item.lever in READ_ELSEWHERE for item in items]
    others = np.delete(plan.units, case.changed, axis=1)
    return not others[:, :, reads].any() or not may_train(case)


def may_train(case: Case) -> bool:
    """Return whether a plan has GPU-hours for a network that is trained on next to nothing."""
    plan, compute = case.plan, case.start.world.compute

    def bought(lever: LeverName) -> float:
        item = plan.catalogue.index(lever)
        return float((plan.units[:, :, item] * plan.catalogue.capacity[:, item]).sum())

    owned_per_year = float(compute.owned_gpu_hours_per_year.sum()) + bought("gpu_server")
    owned = compute.own_job_weeks * owned_per_year / WEEKS_PER_YEAR
    return max(owned, bought("gpu_hours")) >= compute.gpu_hours_base


def stated_backlog(world: World, scenario: Scenario, state: State) -> None:
    """Replace what waits on the policy date by the queues that the scenario states, in place.

    A queue is split over groups as the need that reaches the health service is.
    """
    coming = world.care.need_per_year * world.care.reach
    for station, places in scenario.backlog.items():
        waiting: Counts = getattr(state, f"{station}_waiting")
        begun: Floats | None = getattr(state, f"{station}_begun", None)
        for place, count in places.items():
            region, modality = place.rsplit(".", 1)
            r, m = world.regions.index(region), world.modalities.index(modality)
            shares = coming[r, m].cumsum() / max(coming[r, m].sum(), 1e-300)
            upto = np.round(shares * count).astype(np.int64)
            waiting[r, m] = np.diff(upto, prepend=0)
            if begun is not None:
                begun[r, m] = 0.0
