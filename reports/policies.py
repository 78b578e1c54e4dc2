"""How policies look in a report."""

from sim.figure_style import HUES

POLICY_COLOURS = {
    "baseline": "#8a94a0",
    "equal_split": "#e69f00",
    "by_need": "#cc79a7",
    "plan": "#0072b2",
}
"""Okabe and Ito's palette (jfly.uni-koeln.de/color), grey for doing nothing."""


def colour(policy: str, position: int = 0) -> str:
    """Return the colour of a policy, or the next free one for a name that is not built in."""
    return POLICY_COLOURS.get(policy, HUES[position % len(HUES)])
