"""Holdings and performance: the data of a training, and the accuracy of a release."""

from collections.abc import Callable
from dataclasses import dataclass

from sim.domain.levers import Floats


@dataclass(frozen=True, slots=True)
class Holdings:
    """Annotated studies that a training can use, in effective studies.

    Arrays have shape (region, modality, group) in the simulation, (region, modality) in the
    optimisation, whose groups share them. Studies are stocks: training does not use them up.
    """

    own: Floats
    """Studies of the cell's own place (what the profile measured as own-group data)."""
    other: Floats
    """Studies of other places that may be used here: shared ones and public data sets."""

    def times(self, worth: Floats) -> "Holdings":
        """Return the holdings when every study is worth so many."""
        return Holdings(self.own * worth, self.other * worth)


@dataclass(frozen=True, slots=True)
class Performance:
    """How well a reader reads, or a trained release in each cell at its one threshold.

    Arrays have one shape: (region, modality, group) for a release.
    """

    sensitivity: Floats
    specificity: Floats


Respond = Callable[[Holdings], Performance]
"""The measured response: what a training makes of its holdings. Arrays may have any shape."""
