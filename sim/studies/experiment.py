"""The experimental design: purposes, variants, and the coordinates of every run."""

from typing import Literal, NamedTuple

from sim.domain.plan import Plan

Purpose = Literal["fit", "search", "judge"]
"""What runs are for. Seeds of different purposes are disjoint: a plan is never judged on
random streams that it was made or corrected with."""

Variant = Literal["measured", "frozen", "kappa_one"]
"""The response as measured, or varied to see what a finding hangs on; see ``sample.varied``."""


class Experiment(NamedTuple):
    """Coordinates of one run. The run's randomness depends on these, the purpose and the seed.

    ``policy`` never enters a stream's name, so that all policies face the same world.
    """

    policy: str
    """Name of the plan, its own among all plans of a study."""
    draw: int
    replication: int


class Trial(NamedTuple):
    """A plan to be simulated in every draw of a study."""

    name: str
    """Its own among all trials of a study."""
    plan: Plan
    variant: Variant = "measured"
    replications: int = 1
    in_full: bool = False
    """Whether counts and accounts are kept beside coverage."""
    base: Plan | None = None
    """The plan that this one adds something to; simulating it takes less where it is said."""
