"""How policies look in a report, and what they are called."""

from sim.figure_style import HUES

POLICY_COLOURS = {
    "baseline": "#8a94a0",
    "equal_split": "#e69f00",
    "by_need": "#cc79a7",
    "plan": "#0072b2",
}
"""Okabe and Ito's palette (jfly.uni-koeln.de/color), grey for doing nothing."""
POLICY_NAMES = {
    "baseline": "Buying nothing",
    "equal_split": "Equal split",
    "by_need": "Split by need",
    "plan": "The plan",
}


def colour(policy: str, position: int = 0) -> str:
    """Return the colour of a policy, or the next free one for a name that is not built in."""
    return POLICY_COLOURS.get(policy, HUES[position % len(HUES)])


def name_of(policy: str) -> str:
    """Return how a policy is called in words."""
    return POLICY_NAMES.get(policy, policy)


def opponent(policy: str) -> str:
    """Return how a policy is called as the object of a sentence.

    >>> opponent("equal_split"), opponent("baseline")
    ('the equal split', 'buying nothing')
    """
    words = name_of(policy)
    return words.lower() if policy in ("baseline", "plan") else f"the {words.lower()}"
