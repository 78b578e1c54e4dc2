"""Staff: some in training do not finish it, and trained people leave; posts are filled again.

Today's staff is what is left after all leaving, so it stays as it is. What a plan adds loses people
at the rate at which posts of its kind are left (1 / life) and regains them after the lead time of
the post, as in any training pipeline: in the long run a share life / (life + lead) is at work.
"""

import numpy as np

from sim.domain.lever import STAFF, Floats
from sim.pipeline.calendar import Calendar, Process
from sim.pipeline.flow import binomials
from sim.streams import keys, uniforms
from sim.units import WEEKS_PER_YEAR

WEEKS_PER_LOOK = 4
"""Weeks between two looks at who has left; posts take months to fill."""


def turnover(cal: Calendar) -> Process:
    """Let people leave the posts of the plan, every few weeks."""
    catalogue, state = cal.world.catalogue, cal.state
    items = [i for i, item in enumerate(catalogue.items) if item.lever in STAFF]
    places = [(r, i) for r in range(len(cal.world.regions)) for i in items]
    names = [f"{cal.world.regions[r]}/{catalogue.items[i].name}" for r, i in places]
    key = keys(cal.seed, cal.replication, "staff/turnover", names)
    years = WEEKS_PER_LOOK / WEEKS_PER_YEAR
    # a post keeps its holder for its life on average; the tables' life of a post is just that
    chance = 1.0 - np.exp(-years / catalogue.life_years[:, items].ravel())
    for look in range(1, cal.scenario.horizon.score_years * WEEKS_PER_YEAR):
        yield cal.env.timeout(WEEKS_PER_LOOK)
        held = np.floor(state.active[:, items].ravel() + 1e-9).astype(np.int64)
        if not held.any():
            continue
        left = binomials(uniforms(key, look)[0], held, chance)
        for k in np.flatnonzero(left).tolist():
            _vacate(cal, *places[k], int(left[k]))


def finish_training(cal: Calendar, year: int, units: Floats) -> None:
    """Leave posts vacant for those who did not finish the training that was paid for.

    ``units`` are those bought in a year that come now, shape (r, i).
    """
    catalogue, regions = cal.world.catalogue, cal.world.regions
    readers = np.array([item.lever == "reader" for item in catalogue.items])
    places = np.argwhere((units > 0) & readers).tolist()
    names = [f"{regions[r]}/{catalogue.items[i].name}" for r, i in places]
    key = keys(cal.seed, cal.replication, "staff/training", names)
    trained = units[(units > 0) & readers].astype(np.int64)
    chance = np.full(len(trained), cal.world.care.trainee_loss_share)
    lost = binomials(uniforms(key, year)[0], trained, chance)
    for k in np.flatnonzero(lost).tolist():
        region, item = places[k]
        _vacate(cal, region, item, int(lost[k]))


def _vacate(cal: Calendar, region: int, item: int, posts: int) -> None:
    cal.state.active[region, item] -= posts
    cal.state.vacant[region, item] += posts
    what, name = cal.world.catalogue.items[item], cal.world.regions[region]
    weeks = int(cal.world.catalogue.lead_weeks[region, item])
    cal.log("posts vacant", name, f"{posts} {what.name}", lasts=weeks)
    cal.env.process(_successors(cal, region, item, posts, weeks))


def _successors(cal: Calendar, region: int, item: int, posts: int, weeks: int) -> Process:
    """Fill posts again after their lead time."""
    yield cal.env.timeout(weeks)
    cal.state.vacant[region, item] -= posts
    cal.state.active[region, item] += posts
