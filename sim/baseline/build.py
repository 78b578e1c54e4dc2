"""Build the world of one draw from the tables: countries pooled into the scenario's regions."""

from collections.abc import Mapping

import numpy as np

from sim.baseline import tables
from sim.baseline.inputs import Inputs
from sim.baseline.members import members
from sim.baseline.pool import READER_OF, Pool
from sim.baseline.prices import (
    catalogue,
    exams_of_a_unit,
    hours_of_readers,
    records_of_a_steward,
    studies_of_a_curator,
)
from sim.baseline.supplies import supplied_exams, weeks_in_store
from sim.baseline.world import Care, Compute, Data, World
from sim.domain.levers import Floats
from sim.learning.law import adjudicated_noise, adjudicated_readings
from sim.scenario.schema import PRIORITIES, Scenario
from sim.units import DAYS_PER_WEEK, DAYS_PER_YEAR, HOURS_PER_YEAR, MB_PER_TB, WEEKS_PER_YEAR

GPU = "H100"


def world_and_inputs(
    scenario: Scenario,
    *,
    draw: int | None,
    purpose: str = "judge",
    stated: Mapping[str, float] | None = None,
) -> tuple[World, Inputs]:
    """Return the world of one draw, and the register of the inputs that it was built from.

    ``stated`` are uniform numbers that are not drawn; see ``Inputs``.
    """
    inputs = Inputs(scenario, draw, purpose, stated=stated or {})
    pool = Pool(scenario, inputs, members(scenario))
    world = World(
        regions=pool.who.regions,
        region_names=pool.who.names,
        modalities=pool.modalities,
        groups=tuple(scenario.groups),
        professions=pool.professions,
        weight=np.array(list(scenario.modalities.values()), dtype=float),
        care=_care(pool),
        data=_data(pool),
        compute=_compute(pool),
        catalogue=catalogue(pool),
        income_rank=pool.mean(pool.of_country("gdp_per_capita_usd")),
    )
    return world, inputs


def _care(pool: Pool) -> Care:
    shares = np.stack([pool.share_of_group(name) for name in pool.scenario.groups], axis=1)
    people = pool.total(pool.people[:, None] * shares)
    ratio = np.array([group.need_ratio for group in pool.scenario.groups.values()])
    relative = shares * ratio / (shares * ratio).sum(axis=1, keepdims=True)
    need = [
        pool.of_modality(m, "need_per_1000") / 1000.0 * pool.of_modality(m, "indication_share")
        for m in pool.modalities
    ]
    reach = np.stack([_reach(pool, name) for name in pool.scenario.groups], axis=1)
    units = [_units(pool, m) for m in pool.modalities]
    mean = pool.by_modality
    return Care(
        population=people,
        growth_per_year=pool.mean(pool.growth),
        need_per_year=np.stack(
            [pool.total((rate * pool.people)[:, None] * relative) for rate in need], axis=1
        ),
        reach=np.repeat(reach[:, None, :], len(pool.modalities), axis=1),
        units=np.stack(units, axis=1),
        units_per_facility=mean("units_per_facility"),
        exams_per_unit_day=np.stack([exams_of_a_unit(pool, m) for m in pool.modalities], axis=1)
        / DAYS_PER_YEAR,
        failures_per_week=DAYS_PER_WEEK / np.stack(pool.per_modality("mtbf_days"), axis=1),
        repairs_per_week=DAYS_PER_WEEK / np.stack(pool.per_modality("mttr_days"), axis=1),
        supplied_exams_per_year=supplied_exams(pool),
        weeks_in_store=weeks_in_store(pool),
        priority=np.array(
            [PRIORITIES.index(group.priority) for group in pool.scenario.groups.values()]
        ),
        patience_weeks=mean("patience_weeks"),
        report_patience_weeks=mean("report_patience_weeks"),
        reader_hours_per_year=hours_of_readers(pool),
        trainee_loss_share=pool.overall("trainee_loss_share"),
        protected_share=pool.mean(pool.operation("annotation_protected_share")),
        reading_minutes=mean("reading_minutes"),
        ai_minutes_ratio=np.full(len(pool.modalities), pool.overall("ai_minutes_ratio")),
        reader_of=tuple(pool.professions.index(READER_OF[m]) for m in pool.modalities),
        prevalence=np.stack(pool.per_modality("prevalence"), axis=1),
        reader_sensitivity=mean("reader_sensitivity"),
        reader_specificity=mean("reader_specificity"),
        true_positive_usd=np.stack(pool.per_modality("true_positive_usd"), axis=1),
        false_positive_usd=np.stack(pool.per_modality("false_positive_usd"), axis=1),
    )


def _reach(pool: Pool, group: str) -> Floats:
    """Share of a group's need that comes today: the scenario's, or that of the tables, (r,)."""
    given = pool.scenario.groups[group].reach
    if isinstance(given, str):
        return pool.mean(pool.of_country(given))
    return np.full(len(pool.who.regions), pool.inputs.assumption(f"groups.{group}.reach", given))


def _units(pool: Pool, modality: str) -> Floats:
    density = pool.of_country(f"scanners_per_million.{modality}")
    return np.floor(pool.total(density * pool.millions))


def _data(pool: Pool) -> Data:
    # as many full-time posts as their time for these modalities makes: the unit that plans buy
    posts = pool.operation("data_staff_task_share") * pool.millions
    local, public = _public_data(pool)
    minutes, noise = pool.by_modality("annotation_minutes"), pool.by_modality("label_noise")
    if pool.scenario.annotation.reading == "adjudicated":
        minutes, noise = minutes * adjudicated_readings(noise), adjudicated_noise(noise)
    return Data(
        digital_share=pool.mean(pool.of_country("digital_share")),
        documented_share=pool.mean(pool.operation("documented_share")),
        steward_studies_per_year=pool.total(
            posts * pool.operation("stewards_per_million") * records_of_a_steward(pool)
        ),
        curator_studies_per_year=pool.total(
            posts * pool.operation("curators_per_million") * studies_of_a_curator(pool)
        ),
        rejected_share=pool.by_modality("rejected_share"),
        annotation_minutes=minutes,
        label_noise=noise,
        leave_share=pool.mean(pool.operation("leave_share")),
        agreement_share=pool.mean(pool.operation("agreement_share")),
        local_studies=local,
        public_studies=public,
        federation_worth=pool.overall("federation_worth"),
        synthetic_worth=pool.overall("synthetic_worth"),
        synthetic_limit=pool.overall("synthetic_limit"),
        synthetic_minimum=pool.overall("synthetic_minimum"),
        storage_usd_per_study_year=pool.by_modality("mb_per_study")
        / MB_PER_TB
        * pool.overall("storage_usd_per_tb_year"),
    )


def _public_data(pool: Pool) -> tuple[Floats, Floats]:
    """Return patients of public data sets from each region (r, m), and from elsewhere (m,).

    Of a data set whose labels serve another task than the modality's, none.
    """
    position = {iso3: i for i, iso3 in enumerate(pool.who.countries)}
    local = np.zeros((len(pool.who.countries), len(pool.modalities)))
    public = np.zeros(len(pool.modalities))
    for m, modality in enumerate(pool.modalities):
        for dataset, countries in tables.labelled_sets(modality).items():
            patients = pool.inputs.patients(dataset)
            for iso3 in countries:
                if iso3 in position:
                    local[position[iso3], m] += patients / len(countries)
                else:
                    public[m] += patients / len(countries)
    return pool.total(local), public


def _compute(pool: Pool) -> Compute:
    reliable = pool.of_country("facility_reliable_electricity_share")
    network = pool.operation("site_network_share")
    overall = pool.overall
    accelerators = pool.of_country("gpu_h100_equivalents_per_million") * pool.millions
    gpus = overall("training_gpus")
    backup = pool.operation("site_backup_share")
    return Compute(
        gpu_hours_base=overall("training_gpu_hours"),
        gpu_hours_per_1000_studies=overall("training_gpu_hours_per_1000_studies"),
        gpu_watts=pool.inputs.gpu(GPU, "tdp_w"),
        gpus=gpus,
        gpu_failures_per_week=overall("gpu_failures_per_gpu_year") * gpus / WEEKS_PER_YEAR,
        checkpoint_weeks=overall("checkpoint_days") / DAYS_PER_WEEK,
        federation_gpu_factor=overall("federation_gpu_factor"),
        mitigation_gpu_share=overall("mitigation_gpu_share"),
        mitigation_sensitivity_gain=overall("mitigation_sensitivity_gain"),
        generator_gpu_hours=overall("generator_gpu_hours"),
        pretraining_gpu_hours=overall("pretraining_gpu_hours"),
        pretraining_efficiency=overall("pretraining_efficiency"),
        pretraining_per_decade=overall("pretraining_per_decade"),
        pretraining_own_share=overall("pretraining_own_share"),
        owned_gpu_hours_per_year=pool.total(accelerators * pool.operation("gpu_task_share"))
        * HOURS_PER_YEAR,
        own_job_weeks=overall("own_job_weeks"),
        cluster_outages_per_year=overall("cluster_outages_per_year"),
        cluster_outage_weeks=overall("cluster_outage_days") / DAYS_PER_WEEK,
        grid_swing=overall("grid_swing"),
        grid_memory=overall("grid_memory"),
        audit_interval_weeks=max(round(overall("audit_interval_weeks")), 1),
        pue=overall("pue"),
        joules_per_inference=0.0,
        grid_g_co2e_per_kwh=pool.mean(pool.of_country("grid_gco2_per_kwh")),
        # a site brings its own solar and batteries, so power is lost only where they fail too
        site_power_share=pool.mean(network * (reliable + backup * (1.0 - reliable))),
        site_grid_share=pool.mean(reliable),
        site_backup_share=pool.mean(backup),
        outages_per_year=pool.mean(pool.operation("outages_per_year")),
        outage_weeks=pool.mean(pool.operation("outage_days")) / DAYS_PER_WEEK,
        site_watts=overall("site_watts"),
        electricity_usd_per_kwh=pool.mean(pool.of_country("electricity_usd_per_kwh")),
        unit_kwh_per_exam=pool.by_modality("unit_kwh_per_exam"),
        sites_per_week=pool.total(pool.operation("rollout_sites_per_week") * pool.millions),
    )
