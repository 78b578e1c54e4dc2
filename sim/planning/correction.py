"""What simulations correct in the optimisation model: capacity factors, linearisation point."""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from sim.baseline.world import World
from sim.domain.levers import Floats

SMALLEST_FACTOR = 0.1
"""Least that one round may leave of a capacity; a station is slow, not absent."""


@dataclass(frozen=True, slots=True)
class YearlyFlows:
    """What passed the stations in a year: expected by the model, or observed in a run.

    Arrays have shape (y, r, m), exams or studies per year unless said otherwise.
    """

    arrived: Floats
    exams: Floats
    read_by_ai: Floats
    read_by_human: Floats
    annotated: Floats
    benefit: Floats
    """Exams read, weighted by the benefit of their reading."""


@dataclass(frozen=True, slots=True)
class Correction:
    """Factors on the model's capacities, 1 where it is as good as the simulation.

    Shape (y, r, m): y year, r region, m modality.
    """

    imaging: Floats
    """On exams per arrival and per unit: what queues and breakdowns leave of the mean flow."""
    reading: Floats
    """On readings per exam: what queues and stale reports leave."""
    ai: Floats
    """On readings with AI per exam: what late releases and sites leave."""
    annotation: Floats
    """On annotation hours."""
    quality: Floats
    """On the benefit of a reading with AI."""
    around: YearlyFlows | None = None
    """Flows of the plan around which products are linearised; bounds alone when not given."""

    @classmethod
    def start(cls, world: World, *, years: int) -> "Correction":
        """Return factors of 1 for ``years`` of a world."""
        ones = np.ones((years, *world.shape[:2]))
        return cls(ones, ones, ones, ones, ones)

    def learn(
        self, expected: YearlyFlows, observed: YearlyFlows, *, human_benefit: Floats
    ) -> "Correction":
        """Return factors corrected by what was observed of a plan.

        Each factor moves halfway, in logs, towards observed over expected, and stays within
        [0.1, 1]: the mean flow is an upper bound of what a queue serves.

        Parameters
        ----------
        human_benefit : benefit of a reading without AI, shape (m,).
        """
        return replace(
            self,
            imaging=_corrected(self.imaging, expected.exams, observed.exams),
            reading=_corrected(self.reading, _read_share(expected), _read_share(observed)),
            ai=_corrected(self.ai, _ai_share(expected), _ai_share(observed)),
            annotation=_corrected(self.annotation, expected.annotated, observed.annotated),
            # one factor for all years: a release that counts for less in one year and for more in
            # the next would have been trained in between, and rows that say so exclude every plan
            quality=_corrected(
                self.quality,
                np.broadcast_to(mean_quality(expected, human_benefit), self.quality.shape),
                np.broadcast_to(mean_quality(observed, human_benefit), self.quality.shape),
                seen=np.broadcast_to(observed.read_by_ai.sum(axis=0) > 0, self.quality.shape),
            ),
        )


def _read_share(flows: YearlyFlows) -> Floats:
    return _per_exam(flows.read_by_human + flows.read_by_ai, flows)


def _ai_share(flows: YearlyFlows) -> Floats:
    return _per_exam(flows.read_by_ai, flows)


def _per_exam(count: Floats, flows: YearlyFlows) -> Floats:
    return np.divide(count, flows.exams, out=np.zeros_like(count), where=flows.exams > 0)


def mean_quality(flows: YearlyFlows, human_benefit: Floats) -> Floats:
    """Return the mean benefit of a reading with AI, over all years; 0 where there was none.

    Shape (r, m).
    """
    by_ai = (flows.benefit - flows.read_by_human * human_benefit).sum(axis=0)
    read = flows.read_by_ai.sum(axis=0)
    return np.asarray(np.divide(by_ai, read, out=np.zeros_like(by_ai), where=read > 0))


def _corrected(
    factor: Floats, expected: Floats, observed: Floats, *, seen: NDArray[np.bool_] | bool = True
) -> Floats:
    """Return the factor moved towards observed over expected, where both can be compared."""
    comparable = (expected > 0) & seen
    ratio = np.divide(observed, expected, out=np.ones_like(factor), where=comparable)
    return np.clip(factor * np.sqrt(np.maximum(ratio, 0.0)), SMALLEST_FACTOR, 1.0)
