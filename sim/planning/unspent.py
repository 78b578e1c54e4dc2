"""How much of its money a plan spends, and what stops it from spending the rest."""

from collections.abc import Mapping

from sim.domain.levers import Floats
from sim.planning.moves import Purse, Step

NEARLY_ALL = 0.95
"""Share of the money from which on no reason is given."""


def spending_words(purse: Purse, units: Floats, worth: Mapping[str, float]) -> str:
    """Return how much of the money is spent, and where it is not nearly all, why.

    Parameters
    ----------
    units : of the plan, shape (a, r, i).
    worth : what steps from it were worth when they were simulated, by name.
    """
    if purse.total_usd == 0.0:
        return "there is no money"
    share = float(purse.spent_usd(units).sum()) / purse.total_usd
    words = f"{share:.0%} of the money is spent"
    if share >= NEARLY_ALL:
        return words
    room = purse.has_room(units)
    if not room.any():
        left = purse.left_usd(units)
        tight = min(range(len(left)), key=lambda k: (left[k], k))
        return (
            f"{words}, as nothing more fits: what is bought has to be kept running, and of "
            f"{purse.limits[tight].words} USD {max(left[tight], 0.0):,.0f} is left"
        )
    buys = (Step("buy", one) for one in purse.targets() if one.is_apart)
    gained = [step.target for step in buys if worth.get(step.name, 0.0) > 0.0]
    if any(room[r, i] for target in gained for r, i, _ in target.parts):
        return f"{words}, as more of what still fits did no better over all search draws"
    return f"{words}, as nothing that still fits gained anything when it was simulated"
