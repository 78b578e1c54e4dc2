"""Constraints of data: archive, documentation, curation, audit, annotation and sharing.

Synthetic studies join on top of the labelled ones, up to a multiple of them.

Flows and stocks are shares of the first year's need of their region and modality, as in `care`.
"""

from dataclasses import dataclass

import numpy as np
import pulp

from sim.baseline.world import World
from sim.domain.levers import Floats, LeverName
from sim.planning.algebra import Terms, Variables, add_variables, at_most, dot, equal, scaled
from sim.planning.decisions import Purchases
from sim.planning.today import Today
from sim.units import MINUTES_PER_HOUR


@dataclass(frozen=True, slots=True)
class DataVariables:
    """Flows in a year and stocks at its end, shape (y, r, m)."""

    documented: Variables
    curated: Variables
    audited: Variables
    annotated: Variables
    agreed: Variables
    """Annotated while an agreement lets more of them leave."""
    generated: Variables
    """Synthetic studies."""
    audit_stock: Variables
    label_stock: Variables
    synthetic_stock: Variables
    shared_stock: Variables
    federated_stock: Variables
    """Studies that do not leave, but are trained on where they lie."""


@dataclass(frozen=True, slots=True)
class DataRows:
    """Writes the rows of the data chain, one region and year at a time."""

    problem: pulp.LpProblem
    world: World
    today: Today
    bought: Purchases
    flows: DataVariables

    @classmethod
    def begin(cls, problem: pulp.LpProblem, bought: Purchases, today: Today) -> "DataRows":
        """Add the variables of the data chain."""
        world = bought.world
        cells = (bought.years, world.regions, world.modalities)
        names = DataVariables.__dataclass_fields__
        flows = DataVariables(**{name: add_variables(problem, name, cells) for name in names})
        return cls(problem, world, today, bought, flows)

    def write(self, y: int, r: int, exams: Variables) -> None:
        """Add the rows of one region and year; ``exams`` has shape (y, r, m, stream)."""
        for m in range(len(self.world.modalities)):
            self._conserve(y, r, m, exams)
            self._stock(y, r, m)
            self._share(y, r, m)
            self._federate(y, r, m)
        self._capacities(y, r, exams)

    def _conserve(self, y: int, r: int, m: int, exams: Variables) -> None:
        """Let no station pass on more than has reached it since the start."""
        flows, data = self.flows, self.world.data
        where = self._where(y, r, m)
        digital, kept = float(data.digital_share[r]), 1.0 - float(data.rejected_share[m])

        def upto(flow: Variables, share: float) -> Terms:
            return dot(share, flow[: y + 1, r, m])

        sent = [upto(flows.documented, 1.0), upto(exams, -digital)]
        at_most(self.problem, f"archive_{where}", sent, 0.0)
        sent = [upto(flows.curated, 1.0), upto(flows.documented, -1.0)]
        at_most(self.problem, f"documented_studies_{where}", sent, 0.0)
        sent = [upto(flows.audited, 1.0), upto(flows.annotated, 1.0), upto(flows.curated, -kept)]
        at_most(self.problem, f"curated_studies_{where}", sent, 0.0)

    def _stock(self, y: int, r: int, m: int) -> None:
        flows, leave = self.flows, float(self.world.data.leave_share[r])
        more = max(float(self.world.data.agreement_share[r]) - leave, 0.0)
        where = self._where(y, r, m)
        inflows = {
            "audit_stock": (flows.audit_stock, dot(-1.0, flows.audited[y : y + 1, r, m])),
            "label_stock": (flows.label_stock, dot(-1.0, flows.annotated[y : y + 1, r, m])),
            "synthetic_stock": (flows.synthetic_stock, dot(-1.0, flows.generated[y : y + 1, r, m])),
            "shared_stock": (
                flows.shared_stock,
                [(flows.annotated[y, r, m], -leave), (flows.agreed[y, r, m], -more)],
            ),
        }
        for name, (stock, inflow) in inflows.items():
            before = [(stock[y - 1, r, m], -1.0)] if y > 0 else []
            now = [(stock[y, r, m], 1.0)]
            equal(self.problem, f"{name}_{where}", [now, before, inflow], 0.0)
        imitated = [(flows.synthetic_stock[y, r, m], 1.0)]
        real = [(flows.label_stock[y, r, m], -self.world.data.synthetic_limit)]
        at_most(self.problem, f"imitated_{where}", [imitated, real], 0.0)

    def _share(self, y: int, r: int, m: int) -> None:
        flows = self.flows
        where = self._where(y, r, m)
        agreed = [(flows.agreed[y, r, m], 1.0)]
        annotated = [(flows.annotated[y, r, m], -1.0)]
        at_most(self.problem, f"agreed_studies_{where}", [agreed, annotated], 0.0)
        self._only_with("agreement", agreed, y, r, m)

    def _federate(self, y: int, r: int, m: int) -> None:
        """Let a federation train on what may not leave."""
        flows = self.flows
        where = self._where(y, r, m)
        federated = [(flows.federated_stock[y, r, m], 1.0)]
        kept = [(flows.shared_stock[y, r, m], 1.0), (flows.label_stock[y, r, m], -1.0)]
        at_most(self.problem, f"kept_studies_{where}", [federated, kept], 0.0)
        self._only_with("federation", federated, y, r, m)

    def _only_with(self, lever: LeverName, flow: Terms, y: int, r: int, m: int) -> None:
        """Let studies flow only where a lever is bought: up to all that could be labelled."""
        most = float(usable_studies(self.world, self.today, years=y + 1)[r, m])
        share = most / float(self.today.need[r, m])
        switch = scaled(self.bought.capacity(y, r, lever), -share)
        at_most(self.problem, f"{lever}_{self._where(y, r, m)}", [flow, switch], 0.0)

    def _where(self, y: int, r: int, m: int) -> str:
        return "_".join([self.world.modalities[m], self.world.regions[r], self.bought.years[y]])

    def _capacities(self, y: int, r: int, exams: Variables) -> None:
        data, flows, care = self.world.data, self.flows, self.world.care
        need, protected = self.today.need[r], float(care.protected_share[r])
        hours = need * data.annotation_minutes / MINUTES_PER_HOUR
        open_readers = self.today.open_readers[y, r]
        readers = [
            scaled(self.bought.capacity(y, r, "reader", profession), protected * float(share))
            for profession, share in zip(self.world.professions, open_readers, strict=True)
        ]
        # what is documented where it is made takes no steward's time
        at_source = -float(data.digital_share[r] * data.documented_share[r])
        kept_hours = protected * float((care.reader_hours_per_year[r] * open_readers).sum())
        stations: tuple[tuple[str, Terms, list[Terms], float], ...] = (
            (
                "stewards",
                [
                    *dot(need, flows.documented[y, r]),
                    *dot(at_source * need[:, None], exams[y, r]),
                ],
                [self.bought.capacity(y, r, "steward")],
                float(data.steward_studies_per_year[r]),
            ),
            (
                "curators",
                dot(need, flows.curated[y, r]),
                [self.bought.capacity(y, r, "curator")],
                float(data.curator_studies_per_year[r]),
            ),
            (
                "audits",
                dot(need, flows.audited[y, r]),
                [self.bought.capacity(y, r, "audit")],
                0.0,
            ),
            (
                "generators",
                dot(need, flows.generated[y, r]),
                [self.bought.capacity(y, r, "synthesis")],
                0.0,
            ),
            (
                "annotation_hours",
                dot(hours, flows.annotated[y, r]),
                [*readers, self.bought.capacity(y, r, "annotation")],
                kept_hours,
            ),
        )
        for name, use, offers, today in stations:
            row = f"{name}_{self.world.regions[r]}_{self.bought.years[y]}"
            at_most(self.problem, row, [use, *(scaled(offer, -1.0) for offer in offers)], today)


def usable_studies(world: World, today: Today, *, years: int) -> Floats:
    """Return studies that could be labelled if everybody were examined for years, shape (r, m)."""
    data = world.data
    usable = data.digital_share[:, None] * (1.0 - data.rejected_share[None, :])
    return np.asarray(today.growth[:years].sum(axis=0)[:, None] * usable * today.need)
