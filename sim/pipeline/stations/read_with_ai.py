"""Read with AI: what of the week's exams it was, where a log by person asks for it (`people`).

The account of reading adds up exams that are read with AI and without. This station stands behind
it in such runs, and changes nothing.
"""

from sim.pipeline.account import Account
from sim.pipeline.state import Flows, State
from sim.pipeline.stations.station import Station


class ReadWithAi(Station):
    """Writes down which exams are read with AI."""

    name, after, unit = "read_with_ai", "reading", "exams"

    def step(self, state: State, flows: Flows, tick: int) -> None:
        """Change nothing."""

    def account(self, state: State, flows: Flows) -> Account:
        """Rejected: exams that are left to readers."""
        return Account(flows.exams, flows.read_by_ai, rejected=flows.exams - flows.read_by_ai)
