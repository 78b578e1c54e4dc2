"""Turnover: some in training do not finish it, and trained people leave; posts are filled again.

Today's staff is what is left after all leaving, so it stays as it is. What a plan adds loses people
at the rate at which posts of its kind are left (1 / life) and regains them after the lead time of
the post, as in any training pipeline: in the long run a share life / (life + lead) is at work.
"""

from collections.abc import Sequence
from functools import partial

import numpy as np

from sim.domain.levers import Floats
from sim.pipeline.kernels.counts import Counts, binomial, kernel
from sim.pipeline.processes.calendar import Calendar, Process
from sim.streams import keys, uniforms
from sim.units import WEEKS_PER_YEAR

Batch = tuple[int, int, float]
"""Units of one item that come to one region together: region, item and how many."""
Posts = tuple[int, int, int]
"""Region, item and how many."""
WEEKS_PER_LOOK = 4
"""Weeks between two looks at who has left; posts take months to fill."""


@kernel
def leave(uniform: Floats, chance: Floats, items: Counts, active: Floats, left: Counts) -> int:
    """Draw who leaves the posts of some items in every region; return how many do in all.

    Parameters
    ----------
    uniform, chance : random numbers, and probabilities to leave, shape (place,): regions, and
        items within.
    active : units in use, shape (r, i).
    left : who leaves, shape (place,); written.
    """
    place, total = 0, 0
    for r in range(active.shape[0]):
        for k in range(len(items)):
            held = int(active[r, items[k]] + 1e-9)
            left[place] = binomial(uniform[place], held, chance[place])
            total += left[place]
            place += 1
    return total


def turnover(*cals: Calendar) -> Process:
    """Let people leave the posts of plans, every few weeks; the runs draw the same."""
    cal, states = cals[0], [one.state for one in cals]
    catalogue = cal.world.catalogue
    items = np.array([i for i, item in enumerate(catalogue.items) if item.what.staff])
    places = [(r, i) for r in range(len(cal.world.regions)) for i in items]
    names = [f"{cal.world.regions[r]}/{catalogue.items[i].name}" for r, i in places]
    key = keys(cal.seed, cal.replication, "staff/turnover", names)
    weeks = cal.scenario.horizon.score_years * WEEKS_PER_YEAR
    years = WEEKS_PER_LOOK / WEEKS_PER_YEAR
    # a post keeps its holder for its life on average; the tables' life of a post is just that
    chance = 1.0 - np.exp(-years / catalogue.life_years[:, items].ravel())
    left = np.zeros(len(places), dtype=np.int64)
    for uniform in uniforms(key, 1, weeks // WEEKS_PER_LOOK):
        yield cal.env.timeout(WEEKS_PER_LOOK)
        for one, state in zip(cals, states, strict=True):
            if leave(uniform, chance, items, state.active, left):
                gone = left.nonzero()[0].tolist()
                _vacate(one, [(*places[k], int(left[k])) for k in gone])


def finish_training(cal: Calendar, year: int, trained: Sequence[Batch]) -> None:
    """Leave posts vacant for those who did not finish the training that was paid for in a year."""
    items, regions = cal.world.catalogue.items, cal.world.regions
    names = [f"{regions[r]}/{items[i].name}" for r, i, _ in trained]
    drawn = uniforms(keys(cal.seed, cal.replication, "staff/training", names), year)[0].tolist()
    lost = [
        (r, i, binomial(u, int(count), cal.world.care.trainee_loss_share))
        for u, (r, i, count) in zip(drawn, trained, strict=True)
    ]
    _vacate(cal, [some for some in lost if some[2]])


def _vacate(cal: Calendar, posts: Sequence[Posts]) -> None:
    """Leave posts vacant until their lead time has passed."""
    names, items = cal.world.regions, cal.world.catalogue.items
    by_lead: dict[int, list[Posts]] = {}
    for region, item, count in posts:
        weeks = int(cal.world.catalogue.lead_weeks[region, item])
        by_lead.setdefault(weeks, []).append((region, item, count))
        cal.log("posts vacant", names[region], f"{count} {items[item].name}", lasts=weeks)
    for weeks, some in by_lead.items():
        _move(cal.state.active, cal.state.vacant, some)
        cal.after(weeks, partial(_fill, cal, some))


def _fill(cal: Calendar, posts: Sequence[Posts]) -> None:
    _move(cal.state.vacant, cal.state.active, posts)


def _move(source: Floats, target: Floats, posts: Sequence[Posts]) -> None:
    """Move posts from one kind of units to another."""
    for region, item, count in posts:  # few at a time: faster than by arrays
        source[region, item] -= count
        target[region, item] += count
