"""A backlog: work that waits at a desk until somebody has time; nobody gives up.

Documentation, curation and annotation are all of this kind and differ in who works there.
"""

import numpy as np
from numpy.typing import NDArray

from sim.baseline.world import World
from sim.domain.levers import Floats
from sim.pipeline.flow import Counts, allot, kernel, serve, total, uniform
from sim.pipeline.state import State
from sim.scenario.schema import Scenario


@kernel
def work_off(
    week: int,
    keys: NDArray[np.uint64],
    entering: Counts,
    capacity: Floats,
    effort: Floats,
    waiting: Counts,
    begun: Floats,
    done: Counts,
    worked: Floats,
) -> None:
    """Work off the backlog for one week.

    Parameters
    ----------
    keys : random keys of the split over groups, shape (r, m).
    entering : studies that arrive this week, shape (r, m, g).
    capacity : work that can be done this week, in units of effort, shape (r,).
    effort : work per study, such as minutes, shape (r, m).
    waiting, begun : backlog (r, m, g) and part-done studies (r, m); updated in place.
    done : result of the week, shape (r, m, g).
    worked : effort spent this week, shape (r,), never above the capacity.

    Notes
    -----
    Capacity is shared between modalities in proportion to their work, between groups in
    proportion to their studies.
    """
    regions, modalities, groups = waiting.shape
    for r in range(regions):
        work = 0.0
        for m in range(modalities):
            for g in range(groups):
                waiting[r, m, g] += entering[r, m, g]
            work += max(total(waiting, r, m) - begun[r, m], 0.0) * effort[r, m]
        share = 1.0 if work <= capacity[r] else capacity[r] / work
        worked[r] = min(work, capacity[r])
        for m in range(modalities):
            queue = total(waiting, r, m)
            room = max(queue - begun[r, m], 0.0) * share
            count, begun[r, m] = serve(queue, room, begun[r, m])
            allot(count, waiting, r, m, uniform(keys[r, m], week), done)
            for g in range(groups):
                waiting[r, m, g] -= done[r, m, g]


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
