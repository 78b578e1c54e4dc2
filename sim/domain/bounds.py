"""Bounds of a quantity, and the message for a value outside."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Bounds:
    """The unit of a quantity, and the lowest and highest value that it can have anywhere.

    Beyond them lies no rare case but a slip, most often of the unit.
    """

    lowest: float
    highest: float
    unit: str
    """In words, as the tables write it."""
    meaning: str = ""
    """What the quantity is."""

    @property
    def is_share(self) -> bool:
        """Whether it is a part of a whole, which people also write in percent."""
        return self.unit.split()[0] == "share" and self.highest <= 1.0

    @property
    def rule(self) -> str:
        """What is allowed, in words."""
        if self.lowest == self.highest:
            return f"must be {self.lowest:.12g} ({self.unit})"
        if self.is_share:
            return f"a share runs from {self.lowest:g} to {self.highest:g}"
        return f"must be from {_number(self.lowest)} to {_number(self.highest)} {self.unit}"

    def hold(self, value: float) -> bool:
        """Return whether a value lies within them; one that is not a number does not."""
        return self.lowest <= value <= self.highest

    def nearest(self, value: float) -> float:
        """Return the value, or the bound that it breaks."""
        return min(max(value, self.lowest), self.highest)

    def broken_by(self, *values: float) -> str:
        """Return what is wrong with the first of some values that is out; empty where none is.

        >>> Bounds(0.0, 1.0, "share").broken_by(0.2, 17.9)
        'a share runs from 0 to 1; 17.9 looks like percent'
        >>> Bounds(1e3, 2e9, "persons", "persons who live there").broken_by(0)
        'must be from 1,000 to 2,000,000,000 persons, got 0 (persons who live there)'
        >>> Bounds(0.0, 1.0, "share").broken_by(0.0, 1.0)
        ''
        """
        out = next((value for value in values if not self.hold(value)), None)
        if out is None:
            return ""
        slip = self._slip(out)
        found = f"; {_number(out)} looks like {slip}" if slip else f", got {_number(out)}"
        meaning = f" ({self.meaning})" if self.meaning else ""
        return f"{self.rule}{found}{meaning}"

    def _slip(self, value: float) -> str:
        """Return the unit in which a value would be right; empty where there is none."""
        if self.is_share:
            return "percent" if self.hold(value / 100.0) else ""
        return "millions" if self.unit == "persons" and self.hold(1e6 * value) else ""


SHARE = Bounds(0.0, 1.0, "share")


def _number(value: float) -> str:
    """Return a number as people write it: 2,000,000,000, but 1e+300."""
    plain = 0.001 <= abs(value) < 1e12 or value == 0
    return f"{value:,.12g}" if plain else f"{value:g}"
