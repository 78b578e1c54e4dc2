"""Constraints of AI models: training, quality, audit and the gate that lets a release read."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pulp

from sim.baseline.world import World
from sim.domain.holdings import Holdings, Respond
from sim.domain.levers import Floats
from sim.learning.gate import Audit, benefit_of, needed_benefit
from sim.learning.law import effective_studies, pooled, pretraining_worth, worth_of_label
from sim.planning.algebra import Terms, Variables, add_variables, at_most, dot, equal, scaled
from sim.planning.care import ReleaseVariables
from sim.planning.data import DataVariables, usable_studies
from sim.planning.decisions import Purchases
from sim.planning.tangents import audit_tangents, quality_tangents
from sim.planning.today import Today
from sim.scenario.ai import Gate
from sim.units import WEEKS_PER_YEAR

TRAINING_MARGIN = 1.1
"""GPU-hours planned for a training over those expected: with one too few there is none at all."""


@dataclass(frozen=True, slots=True)
class ReleaseRows:
    """Writes the rows of training, quality and gate."""

    problem: pulp.LpProblem
    world: World
    today: Today
    bought: Purchases
    respond: Respond
    live: Variables
    """Whether a release may read, shape (y, r, m)."""
    quality: Variables
    """Benefit of a reading with AI, shape (y, r, m)."""
    trained: Variables
    """Whether a network is trained in the year, shape (y,)."""
    shared: Variables
    """Studies that all regions share, as a share of all need, shape (y, m)."""
    gpu_hours: Variables
    """GPU-hours that the year's training takes, shape (y,)."""
    owned_hours: Variables
    """GPU-hours of it that the regions' own accelerators do, shape (y,)."""
    pretrained: Variables
    """Whether the network is fully pre-trained, shape (y,)."""
    least: Holdings
    """Effective studies to train on with today's data, each of shape (r, m)."""
    most: Holdings
    """The same with all the data that could ever be labelled and shared."""
    gain: Floats
    """What full pre-training adds to the benefit of a reading, at least, shape (r, m)."""

    @classmethod
    def begin(
        cls,
        problem: pulp.LpProblem,
        bought: Purchases,
        today: Today,
        *,
        respond: Respond,
        integer: bool,
    ) -> "ReleaseRows":
        """Add the variables; the switches are whole numbers if ``integer``."""
        world, years = bought.world, bought.years
        cells = (years, world.regions, world.modalities)
        data, usable = world.data, usable_studies(world, today, years=len(years))
        labelled = worth_of_label(data.label_noise) * usable
        leaving = np.maximum(data.agreement_share, data.leave_share)
        leaving = leaving + (1.0 - leaving) * data.federation_worth
        imitated = effective_studies(
            usable,
            data.synthetic_limit * usable,
            noise=data.label_noise,
            worth=data.synthetic_worth,
            limit=data.synthetic_limit,
        )
        local, public = data.local_studies, data.public_studies
        least = pooled(local, local, public)
        most = pooled(local + imitated, local + labelled * leaving[:, None], public)
        return cls(
            problem=problem,
            world=world,
            today=today,
            bought=bought,
            respond=respond,
            live=add_variables(problem, "live", cells, high=1.0, whole=integer),
            quality=add_variables(problem, "quality", cells, high=1.0),
            trained=add_variables(problem, "trained", cells[:1], high=1.0, whole=integer),
            shared=add_variables(problem, "shared_by_all", (years, world.modalities)),
            gpu_hours=add_variables(problem, "training_hours", cells[:1]),
            owned_hours=add_variables(problem, "owned_hours", cells[:1]),
            pretrained=add_variables(problem, "pretrained", cells[:1], high=1.0, whole=integer),
            least=least,
            most=most,
            gain=pretraining_gain(world, respond, today.gate, (least, most)),
        )

    def quality_range(self) -> tuple[Floats, Floats]:
        """Return the least and the most quality, each of shape (r, m)."""
        least, most = (self._benefit(holdings) for holdings in (self.least, self.most))
        return least, np.minimum(most + self.gain, 1.0)

    def _benefit(self, holdings: Holdings) -> Floats:
        return benefit_of(self.respond(holdings), self.today.gate)

    def at(self, y: int, r: int) -> ReleaseVariables:
        """Return what may read in one region and year."""
        low, high = self.quality_range()
        return ReleaseVariables(self.live[y, r], self.quality[y, r], low[r], high[r])

    def write(self, data: DataVariables) -> None:
        """Add all rows of training, quality and gate."""
        for y in range(len(self.bought.years)):
            self._train(y, data)
            self._pretrain(y)
            for m in range(len(self.world.modalities)):
                everyone = self._shared_by_all(y, m, data) if y > 0 else []
                for r in range(len(self.world.regions)):
                    self._learn(y, r, m, data, everyone)
                    self._pass(y, r, m, data)

    def _where(self, y: int, r: int, m: int) -> str:
        return "_".join([self.world.modalities[m], self.world.regions[r], self.bought.years[y]])

    def _train(self, y: int, data: DataVariables) -> None:
        """Pay every training out of the GPU-hours that all regions have bought so far."""
        world, year, past = self.world, self.bought.years[y], range(y + 1)
        compute = world.compute
        per_study = TRAINING_MARGIN * compute.gpu_hours_per_1000_studies / 1000.0
        public = float(world.data.local_studies.sum() + world.data.public_studies.sum())
        most = per_study * float(usable_studies(world, self.today, years=y).sum())
        most *= max(compute.federation_gpu_factor, 1.0)
        alone = TRAINING_MARGIN * compute.gpu_hours_base + per_study * public
        labels: Terms = []
        if y > 0:
            need, slower = self.today.need, compute.federation_gpu_factor - 1.0
            labels = dot(per_study * need, data.label_stock[y - 1])
            labels = labels + dot(per_study * slower * need, data.federated_stock[y - 1])
        used = [(self.gpu_hours[y], -1.0)]
        switch = [(self.trained[y], alone + most)]
        at_most(self.problem, f"training_hours_{year}", [labels, switch, used], most)
        offers = [
            scaled(self.bought.capacity(z, r, "gpu_hours"), -1.0)
            for z in past
            for r in range(len(world.regions))
        ]
        hours = dot(1.0, self.gpu_hours[: y + 1])
        owned = dot(-1.0, self.owned_hours[: y + 1])
        at_most(self.problem, f"gpu_hours_{year}", [hours, owned, *offers], 0.0)
        now = [(self.owned_hours[y], 1.0)]
        at_most(self.problem, f"owned_gpu_hours_{year}", [now, *self._servers(y)], self._owned)
        more = [(self.gpu_hours[y], -1.0)]
        at_most(self.problem, f"owned_for_training_{year}", [now, more], 0.0)

    @property
    def _owned_share(self) -> float:
        """Share of a year's GPU-hours of one's own that one training may take."""
        return self.world.compute.own_job_weeks / WEEKS_PER_YEAR

    @property
    def _owned(self) -> float:
        """GPU-hours of today's own accelerators that one training of a year may take."""
        return self._owned_share * float(self.world.compute.owned_gpu_hours_per_year.sum())

    def _servers(self, y: int) -> list[Terms]:
        """Return what servers add to them, as an offer."""
        regions = range(len(self.world.regions))
        share = -self._owned_share
        return [scaled(self.bought.capacity(y, r, "gpu_server"), share) for r in regions]

    def _pretrain(self, y: int) -> None:
        """Pay a full pre-training out of what was bought for it so far, or do it on one's own."""
        offers = [
            scaled(self.bought.capacity(z, r, "pretraining"), -1.0)
            for z in range(y + 1)
            for r in range(len(self.world.regions))
        ]
        done = [(self.pretrained[y], self.world.compute.pretraining_gpu_hours)]
        where = f"pretraining_hours_{self.bought.years[y]}"
        at_most(self.problem, where, [done, *offers, *self._servers(y)], self._owned)

    def _shared_by_all(self, y: int, m: int, data: DataVariables) -> Terms:
        """Return what all regions share by the end of last year, as one variable.

        One row per year instead of one term per region in every region's rows.
        """
        effective = self._effective(m)
        scale = max(float(effective.sum()), 1.0)
        shared = self.shared[y, m]
        where = f"{self.world.modalities[m]}_{self.bought.years[y]}"
        worth = self.world.data.federation_worth * effective / scale
        terms = [
            dot(effective / scale, data.shared_stock[y - 1, :, m]),
            dot(worth, data.federated_stock[y - 1, :, m]),
            [(shared, -1.0)],
        ]
        equal(self.problem, f"shared_by_all_{where}", terms, 0.0)
        return [(shared, scale)]

    def _effective(self, m: int) -> Floats:
        return np.asarray(worth_of_label(self.world.data.label_noise)[m] * self.today.need[:, m])

    def _learn(self, y: int, r: int, m: int, data: DataVariables, everyone: Terms) -> None:
        """Bound quality by what last year's studies teach, and let it rise with a training only."""
        low, high = (float(bound[r, m]) for bound in self.quality_range())
        now, where = [(self.quality[y, r, m], 1.0)], self._where(y, r, m)
        before: Terms = [(self.quality[y - 1, r, m], -1.0)] if y > 0 else []
        new = [(self.trained[y], -(high - low))]
        start = low if y == 0 else 0.0
        at_most(self.problem, f"retrained_{where}", [now, before, new], start)
        effective = self._effective(m)
        start_from = [(self.pretrained[y], -float(self.gain[r, m]))]
        if y == 0:
            at_most(self.problem, f"learned_{where}", [now, start_from], low)
            return
        worth = effective[r] * self.world.data.synthetic_worth
        labels = [
            (data.label_stock[y - 1, r, m], effective[r]),
            (data.synthetic_stock[y - 1, r, m], worth),
        ]
        others = [
            *everyone,
            (data.shared_stock[y - 1, r, m], -effective[r]),
            (data.federated_stock[y - 1, r, m], -effective[r] * self.world.data.federation_worth),
        ]
        here = (float(self.least.own[r, m]), float(self.least.other[r, m]))
        tangents = quality_tangents(
            lambda own, other: self._benefit(Holdings(own, other)),
            own=(here[0], float(self.most.own[r, m])),
            other=(here[1], float(self.most.other[r, m])),
        )
        for t, (intercept, (by_own, by_other)) in enumerate(tangents):
            gain = [scaled(labels, -by_own), scaled(others, -by_other)]
            limit = intercept + by_own * here[0] + by_other * here[1]
            at_most(self.problem, f"learned_{t}_{where}", [now, start_from, *gain], limit)

    def _pass(self, y: int, r: int, m: int, data: DataVariables) -> None:
        """Open the gate once enough studies are audited for the quality that was reached."""
        live, where = self.live[y, r, m], self._where(y, r, m)
        low, high = (float(bound[r, m]) for bound in self.quality_range())
        audit = Audit(
            needed=float(needed_benefit(self.world.care.reader, self.today.gate)[m]),
            prevalence=float(self.world.care.prevalence[r, m]),
            gate=self.today.gate,
            specificity=float(self.respond(self.most).specificity[r, m]),
        )
        trained = dot(-1.0, self.trained[: y + 1])
        at_most(self.problem, f"gate_needs_release_{where}", [[(live, 1.0)], trained], 0.0)
        # where every group is audited by itself, each takes as many
        apart = len(self.world.groups) if self.today.gate.by == "group" else 1
        tangents = audit_tangents(audit, lowest=low, highest=high)
        if y == 0 or not tangents:
            at_most(self.problem, f"gate_closed_{where}", [[(live, 1.0)]], 0.0)
            return
        stays = [(self.live[y - 1, r, m], 1.0), (live, -1.0)]
        at_most(self.problem, f"gate_stays_{where}", [stays], 0.0)
        need = float(self.today.need[r, m])
        audited = [(data.audit_stock[y - 1, r, m], -1.0)]
        opened = [(live, apart * float(audit.studies(np.array(high))) / need)]
        at_most(self.problem, f"gate_audit_{where}", [audited, opened], 0.0)
        for t, (once, (rise,)) in enumerate(tangents):
            intercept, slope = apart * once, apart * rise
            if_closed = max(intercept + slope * low, 0.0)
            better = [(self.quality[y, r, m], slope / need)]
            opened = [(live, if_closed / need)]
            limit = (if_closed - intercept) / need
            at_most(self.problem, f"gate_audit_{t}_{where}", [audited, better, opened], limit)


def pretraining_gain(
    world: World, respond: Respond, gate: Gate, holdings: Sequence[Holdings]
) -> Floats:
    """Return what a full pre-training adds to the benefit of a reading, shape (r, m).

    The least over some holdings: labels and pre-training do in part the same, and a sum of the two
    must not promise more than both bring together.
    """
    compute, regions = world.compute, len(world.regions)
    worth = pretraining_worth(
        1.0,
        np.array(1.0 / regions),
        efficiency=compute.pretraining_efficiency,
        per_decade=compute.pretraining_per_decade,
        own_share=compute.pretraining_own_share,
    )
    gains = [
        benefit_of(respond(studies.times(worth)), gate) - benefit_of(respond(studies), gate)
        for studies in holdings
    ]
    return np.asarray(np.min(gains, axis=0))
