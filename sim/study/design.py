"""The designed set of experiments; an experiment's coordinates are its identity."""

from collections.abc import Iterator, Sequence
from itertools import product
from typing import Literal, NamedTuple

Purpose = Literal["fit", "search", "judge"]
"""What runs are for. Seeds of different purposes are disjoint: a plan is never judged on luck that
it was made or calibrated with."""

Variant = Literal["measured", "frozen", "kappa_one"]
"""The response as measured, or varied to see what a finding hangs on; see ``experiment.varied``."""


class Experiment(NamedTuple):
    """Coordinates of one run. The run's randomness depends on these, the purpose and the seed.

    ``policy`` never enters a stream's name, so that all policies face the same world.
    """

    policy: str
    draw: int
    replication: int

    @property
    def name(self) -> str:
        """Name of the experiment's folder."""
        return f"{self.policy}--draw{self.draw}--replication{self.replication}"


def experiments(policies: Sequence[str], *, draws: int, replications: int) -> Iterator[Experiment]:
    """Yield the full factorial design, policies varying slowest."""
    for policy, draw, replication in product(policies, range(draws), range(replications)):
        yield Experiment(policy, draw, replication)
