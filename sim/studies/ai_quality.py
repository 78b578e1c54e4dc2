"""How good AI is with what a plan lets it learn from, and which parameters that hangs on."""

from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from sim.domain.holdings import Holdings, Performance, Respond
from sim.domain.levers import Floats
from sim.domain.plan import Plan
from sim.learning.response import PARAMETERS, Profile
from sim.learning.scaling import effective, power_law
from sim.pipeline.case import Case
from sim.pipeline.run import simulate_many
from sim.scenario.ai import LEVEL
from sim.scenario.schema import Scenario
from sim.studies.batch import Design, starts_of

LEVELS = 20
"""Quantiles of the assumed level of error that are tried with every draw of the profile."""
BINS = 20
"""Groups of equal size by which the share of one measured constant is taken."""
QUANTILES = (0.025, 0.5, 0.975)
MEASURED, ASSUMED = "measured", "assumed"
SENSITIVITY, DOUBLED = "sensitivity", "gain of twice as many own studies"
COLUMNS = ("what", "status", "value", "low", "high")
"""Of the table of a run: the sensitivity and what it gains, then the share of its variance of every
parameter, which has a status."""
Interval = tuple[float, float, float]
"""2.5%, 50% and 97.5% quantile."""


@dataclass(slots=True)
class Recording:
    """A response that keeps the holdings of the last training of a run."""

    respond: Respond
    last: Holdings | None = field(default=None, init=False)
    """``None`` where nothing was trained."""

    def __call__(self, holdings: Holdings) -> Performance:
        """Return what the response makes of the holdings."""
        self.last = holdings
        return self.respond(holdings)


@dataclass(frozen=True, slots=True)
class Quality:
    """The sensitivity of AI at one set of holdings, mean over cells by need."""

    sensitivity: Interval
    """Over draws of the response, share of the ill."""
    gain_of_double: Interval
    """The same of what it gains where everybody has twice as many studies of their own."""
    drivers: pd.DataFrame
    """parameter, status and ``share``: the part of the sensitivity's variance that a parameter
    accounts for by itself (first-order index), the largest first. ``all`` of a status are its
    parameters together; the constants of one measured law vary together, so that their shares need
    not add up to it."""

    @property
    def table(self) -> pd.DataFrame:
        """All of it as one table of ``COLUMNS``."""
        answers = [
            (SENSITIVITY, "", middle, low, high) for low, middle, high in [self.sensitivity]
        ] + [(DOUBLED, "", middle, low, high) for low, middle, high in [self.gain_of_double]]
        return pd.concat(
            [
                pd.DataFrame(answers, columns=list(COLUMNS)),
                self.drivers.rename(columns={"parameter": "what", "share": "value"}),
            ],
            ignore_index=True,
        )

    def __str__(self) -> str:
        sensitivity, gain = (
            f"{middle:.1%} ({low:.1%} to {high:.1%})"
            for low, middle, high in (self.sensitivity, self.gain_of_double)
        )
        return (
            f"sensitivity of AI {sensitivity}; with twice as many own studies {gain} more\n"
            f"{self.drivers.round(2).to_string(index=False)}"
        )


def quality_table(plan: Plan, design: Design) -> pd.DataFrame:
    """Return ``Quality.table`` of a plan; empty where nothing is trained."""
    found = quality_under(plan, design)
    return pd.DataFrame(columns=list(COLUMNS)) if found is None else found.table


def quality_under(plan: Plan, design: Design) -> Quality | None:
    """Return how good AI is at last under a plan in the central world; ``None`` without any."""
    sample = design.sampler(design.scenario, None, "search")
    recording = Recording(sample.respond())
    case = Case(starts_of(design, [sample], [0])[0], plan, recording)
    simulate_many([case], scenario=design.scenario, stations=design.stations)
    if recording.last is None:
        return None
    need = sample.world.care.need_per_year
    return quality(design.scenario, sample.profile, recording.last, need)


def quality(scenario: Scenario, profile: Profile, holdings: Holdings, weights: Floats) -> Quality:
    """Return how good AI is at these holdings, and what that hangs on.

    Every draw of the profile meets every level and, where the scenario holds it possible, a kappa
    of 1, so that the shares have no sampling error but the profile's own.

    Parameters
    ----------
    holdings : effective studies, shape (region, modality, group).
    weights : of the cells, broadcast to the same shape; need in the simulation.
    """
    chance = scenario.response.kappa_one_weight
    weight = np.array([1.0 - chance, chance]) / (profile.size * LEVELS)
    doubled = Holdings(2.0 * holdings.own, holdings.other)
    reached, more = (_sensitivity(scenario, profile, h, weights) for h in (holdings, doubled))
    everywhere = np.broadcast_to(weight[None, :, None], reached.shape)

    def interval(values: Floats) -> Interval:
        low, middle, high = np.quantile(
            values, QUANTILES, weights=everywhere, method="inverted_cdf"
        ).tolist()
        return low, middle, high

    return Quality(
        interval(reached), interval(more - reached), _drivers(profile, reached, everywhere)
    )


def _sensitivity(
    scenario: Scenario, profile: Profile, holdings: Holdings, weights: Floats
) -> Floats:
    """Return the mean sensitivity by draw of the profile, kappa (its own, 1) and level."""
    law = {name: profile.draws[name][:, None, None] for name in PARAMETERS}
    as_own = np.ones((profile.size, 1, 1))
    kappa = np.concatenate([law.pop("kappa"), as_own], axis=1)
    limit = np.concatenate([law.pop("limit"), np.inf * as_own], axis=1)
    by_need = np.broadcast_to(weights, np.broadcast_shapes(weights.shape, holdings.own.shape))
    own, other = (np.broadcast_to(h, by_need.shape).ravel() for h in (holdings.own, holdings.other))
    error = power_law(effective(own, other, kappa, limit), **law)
    assumed = scenario.response.level.known
    levels = [assumed.at((i + 0.5) / LEVELS, LEVEL) for i in range(LEVELS)]
    by_level = [
        np.average(1.0 - np.clip(level * error, 0.0, 1.0), axis=2, weights=by_need.ravel())
        for level in levels
    ]
    return np.stack(by_level, axis=2)


def _drivers(profile: Profile, reached: Floats, weight: Floats) -> pd.DataFrame:
    """Return the first-order share of every parameter, and of all of a status together."""
    total = _variance(reached, weight)

    def share(axes: tuple[int, ...]) -> float:
        """Return the share of what is left when all but some axes are averaged away."""
        kept = weight.sum(axis=axes)
        mean = np.divide(
            (reached * weight).sum(axis=axes), kept, out=np.zeros(kept.shape), where=kept > 0
        )
        return _variance(mean, kept) / total if total > 0 else 0.0

    by_row = np.average(reached, axis=(1, 2), weights=weight)
    rows = [
        ("all measured", MEASURED, share((1, 2))),
        ("all assumed", ASSUMED, share((0,))),
        ("level", ASSUMED, share((0, 1))),
        ("kappa of 1 for another task", ASSUMED, share((0, 2))),
        *(
            (name, MEASURED, _between(profile.draws[name], by_row) / total if total > 0 else 0.0)
            for name in PARAMETERS
        ),
    ]
    table = pd.DataFrame(rows, columns=["parameter", "status", "share"])
    return table.sort_values("share", ascending=False, kind="stable", ignore_index=True)


def _variance(values: Floats, weight: Floats) -> float:
    mean = np.average(values, weights=weight)
    return float(np.average((values - mean) ** 2, weights=weight))


def _between(parameter: Floats, reached: Floats) -> float:
    """Return the variance of means of equal groups by a parameter, less what chance gives them.

    The adjusted correlation ratio (Kelley 1935, doi:10.1073/pnas.21.9.554) times the variance.
    """
    count, groups = len(parameter), min(BINS, len(parameter) // 2)
    if groups < 2:
        return 0.0
    ordered = np.array_split(reached[np.argsort(parameter, kind="stable")], groups)
    within = sum(((part - part.mean()) ** 2).sum() for part in ordered) / (count - groups)
    return float(max(reached.var(ddof=1) - within, 0.0))
