"""The calendar: SimPy processes that commission, retire, train, release and audit."""

from collections.abc import Callable, Generator
from dataclasses import dataclass

import numpy as np
import simpy

from sim.baseline.world import World
from sim.domain.holdings import Performance, Respond
from sim.domain.lever import Floats, Stage
from sim.domain.plan import Plan
from sim.pipeline import evaluation, governance
from sim.pipeline.records import ENERGY_USES, Event, Records
from sim.pipeline.state import State
from sim.scenario.schema import Scenario
from sim.streams import keys, stream, uniforms
from sim.units import HOURS_PER_WEEK, WATTS_PER_KW, WEEKS_PER_YEAR

Process = Generator[simpy.Event, object, None]


@dataclass(slots=True)
class Calendar:
    """One run's SimPy environment and what its control processes share."""

    env: simpy.Environment
    world: World
    plan: Plan
    respond: Respond
    scenario: Scenario
    state: State
    records: Records
    seed: int
    replication: int
    gpu_hours: simpy.Container
    bought_gpu_hours: Floats
    """GPU-hours that each region has paid for so far, shape (r,)."""
    newest: Performance | None = None

    def start(self) -> None:
        """Schedule every control process of the plan."""
        for year, region, item in np.argwhere(self.plan.units > 0):
            self.env.process(purchase(self, int(year), int(region), int(item)))
        self.env.process(release_cycle(self))
        self.env.process(audits(self))

    @property
    def year(self) -> int:
        """Year of the run, from 0."""
        return int(self.env.now // WEEKS_PER_YEAR)

    def log(self, kind: str, region: str, detail: str) -> None:
        """Write one event down."""
        self.records.events.append(Event(float(self.env.now), kind, region, detail))


def purchase(cal: Calendar, year: int, region: int, item: int) -> Process:
    """Pay for units, commission them after their lead time, replace them at the end of life.

    Prices and lives are those the plan was made with, because its budget binds; what the drawn
    world changes is delay: units come no earlier than planned, and later where the draw says so.
    """
    catalogue, units = cal.plan.catalogue, float(cal.plan.units[year, region, item])
    what, name = catalogue.items[item], cal.world.regions[region]
    stage = list(Stage).index(what.stage)
    price = units * catalogue.capex_usd[region, item]
    yield cal.env.timeout(year * WEEKS_PER_YEAR)
    cal.records.spend_usd[cal.year, region, stage] += price
    if what.is_service:
        cal.state.active[region, item] += units
        if what.lever == "gpu_hours":
            cal.bought_gpu_hours[region] += units * catalogue.capacity[region, item]
            yield cal.gpu_hours.put(units * catalogue.capacity[region, item])
        yield cal.env.timeout(WEEKS_PER_YEAR)
        cal.state.active[region, item] -= units
        return
    cal.env.process(replacement(cal, region, stage, price, int(catalogue.life_years[region, item])))
    drawn = cal.world.catalogue.lead_weeks[region, item]
    yield cal.env.timeout(int(max(catalogue.lead_weeks[region, item], drawn)))
    cal.state.active[region, item] += units
    if what.lever == "scanner":
        modality = cal.world.modalities.index(what.scope)
        cal.state.units_working[region, modality] += int(round(units))
    cal.log("commissioned", name, f"{units:g} {what.name}")


def replacement(cal: Calendar, region: int, stage: int, price: float, life_years: int) -> Process:
    """Pay again for units that wear out, so that what a plan bought keeps running."""
    while True:
        yield cal.env.timeout(life_years * WEEKS_PER_YEAR)
        cal.records.spend_usd[cal.year, region, stage] += price


def running_cost(cal: Calendar) -> Callable[[], None]:
    """Return what pays one week of running cost of every unit in use."""
    weekly, in_stage = (
        cal.plan.catalogue.running_usd / WEEKS_PER_YEAR,
        cal.plan.catalogue.in_stage(),
    )

    def pay() -> None:
        cal.records.spend_usd[cal.year] += (cal.state.active * weekly) @ in_stage

    return pay


def release_cycle(cal: Calendar) -> Process:
    """Freeze the data once a year and send a training to the cluster."""
    while True:
        # after the purchases of the same instant, so that this year's GPU-hours are there
        yield cal.env.timeout(0)
        cal.env.process(training(cal))
        yield cal.env.timeout(WEEKS_PER_YEAR)


def training(cal: Calendar) -> Process:
    """Wait for GPU-hours, train, resume after failures, release."""
    compute, frozen = cal.world.compute, governance.holdings(cal.world, cal.state)
    studies = float(frozen.own[:, :, 0].sum() + cal.world.data.public_studies.sum())
    hours = compute.gpu_hours_base + compute.gpu_hours_per_1000_studies * studies / 1000.0
    request = cal.gpu_hours.get(hours)
    outcome = yield request | cal.env.timeout(WEEKS_PER_YEAR - 1)
    if request not in outcome:  # type: ignore[operator]
        request.cancel()
        return
    # unused hours are kept, so those who have paid so far share the energy of what runs now
    payers = cal.bought_gpu_hours / cal.bought_gpu_hours.sum()
    luck = stream(cal.seed, "training", cal.replication, int(cal.env.now))
    weeks = hours / (compute.gpus * HOURS_PER_WEEK)
    # a failure costs the work since the last checkpoint: half of the time between two, on average
    failures = luck.poisson(compute.gpu_failures_per_week * weeks)
    weeks += failures * compute.checkpoint_weeks / 2.0
    cal.log("training", "all", f"{studies:,.0f} studies, {hours:,.0f} GPU-hours")
    yield cal.env.timeout(weeks)
    energy = hours * compute.gpu_watts / WATTS_PER_KW * compute.pue
    use = ENERGY_USES.index("training")
    cal.records.energy_kwh[min(cal.year, len(cal.records.energy_kwh) - 1), :, use] += (
        energy * payers
    )
    cal.newest = cal.respond(frozen)
    cal.log("release", "all", f"trained on {studies:,.0f} studies")
    audit(cal)


def audits(cal: Calendar) -> Process:
    """Audit the newest release again as audit studies add up."""
    while True:
        yield cal.env.timeout(cal.world.compute.audit_interval_weeks)
        audit(cal)


def audit(cal: Calendar) -> None:
    """Let the newest release read where its audit passes; elsewhere nothing changes.

    Where an older release reads, a newer one replaces it only if it passes in its turn: a
    release is immutable and never withdrawn by chance alone.
    """
    if cal.newest is None:
        return
    world, state = cal.world, cal.state
    cells = [f"{region}/{modality}" for region in world.regions for modality in world.modalities]
    key = keys(cal.seed, cal.replication, "evaluation/audit", cells).reshape(world.shape[:2])
    # one luck for all audits of a place: its studies are kept and extended, and successive
    # releases err on much the same ones, so looking again does not pass an audit
    luck = uniforms(key, 0)[0]
    ok = evaluation.passes(world, cal.scenario.gate, cal.newest, state.audited, luck)
    for r, m in np.argwhere(ok):
        if not state.gate_open[r, m]:
            positives = state.audited[r, m].sum() * world.care.prevalence[m]
            cal.log("gate opened", world.regions[r], f"{positives:,.0f} audited positives")
        state.gate_open[r, m] = 1
        state.sensitivity[r, m] = cal.newest.sensitivity[r, m]
        state.specificity[r, m] = cal.newest.specificity[r, m]
