"""A backlog: a queue of work without reneging, served by one pool of hours.

Documentation, curation and annotation are all of this kind and differ in who works there.
"""

import numpy as np
from numpy.typing import NDArray

from sim.domain.levers import Floats
from sim.pipeline.kernels.counts import Counts, allot, kernel, serve, total, uniform


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
