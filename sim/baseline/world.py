"""Today's world of one draw, as arrays over region, modality and group."""

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from typing import Annotated, Any, get_type_hints

import numpy as np
from numpy.typing import NDArray

from sim.domain.holdings import Performance
from sim.domain.levers import Catalogue, Floats

REGION = "first axis: region"
ByRegion = Annotated[Floats, REGION]
"""Values whose first axis is the region; the others are the same everywhere."""


@dataclass(frozen=True, slots=True)
class Care:
    """Need, reach, imaging and reading today.

    Axes: r region, m modality, g group, p profession of readers.
    """

    population: ByRegion
    """Persons in the first scored year, shape (r, g)."""
    growth_per_year: ByRegion
    """Growth of people, and of need with them, from one year to the next, shape (r,)."""
    need_per_year: ByRegion
    """Exams needed in the first scored year, independent of any plan, shape (r, m, g)."""
    reach: ByRegion
    """Share of need that comes for an exam, shape (r, m, g)."""
    units: ByRegion
    """Imaging units installed, whole numbers, shape (r, m)."""
    units_per_facility: Floats
    """Units that share one waiting list, rounded to whole units, shape (m,)."""
    exams_per_unit_day: ByRegion
    """Exams that a working unit can take in a day, all seven days, shape (r, m)."""
    failures_per_week: ByRegion
    """Breakdowns of a working unit per week, shape (r, m)."""
    repairs_per_week: ByRegion
    """Repairs of a broken unit per week, shape (r, m)."""
    supplied_exams_per_year: ByRegion
    """Exams that supplies suffice for without any purchase, shape (r, m); infinity: no limit."""
    weeks_in_store: ByRegion
    """Weeks of supplies that stores hold at most, shape (r, m)."""
    priority: NDArray[np.int64]
    """Class in which each group waits for an exam, 0 urgent and 1 routine, shape (g,)."""
    patience_weeks: Floats
    """Mean time that a person waits for an exam before giving up, shape (m,)."""
    report_patience_weeks: Floats
    """Mean time after which an unread exam is of no more use to the patient, shape (m,)."""
    reader_hours_per_year: ByRegion
    """Reading hours of today's specialists, protected hours included, shape (r, p)."""
    trainee_loss_share: float
    """Share of specialists in training who do not finish it."""
    protected_share: ByRegion
    """Share of reader hours kept for annotation, shape (r,)."""
    reading_minutes: Floats
    """Minutes to read an exam without AI, shape (m,)."""
    ai_minutes_ratio: Floats
    """Reader minutes per exam read with AI, relative to without, shape (m,)."""
    reader_of: tuple[int, ...]
    """Profession index of each modality, length m."""
    prevalence: ByRegion
    """Share of exams with the disease, shape (r, m)."""
    reader_sensitivity: Floats
    """Sensitivity of today's readers, shape (m,)."""
    reader_specificity: Floats
    """Specificity of today's readers, shape (m,)."""
    true_positive_usd: ByRegion
    """Cost of confirming a true positive reading, US dollars, shape (r, m)."""
    false_positive_usd: ByRegion
    """Cost of ruling out a false positive reading, US dollars, shape (r, m)."""

    @property
    def reader(self) -> Performance:
        """How well today's readers read, each of shape (m,)."""
        return Performance(self.reader_sensitivity, self.reader_specificity)

    def growth(self, years: int) -> Floats:
        """Return people of every scored year, relative to those of the first, shape (y, r)."""
        return np.stack([self.growth_until(year) for year in range(years)])

    def growth_until(self, year: int) -> Floats:
        """Return people of one scored year, 0 the first, relative to those of that, shape (r,)."""
        return np.asarray((1.0 + self.growth_per_year) ** year)

    def people(self, years: int) -> Floats:
        """Return persons of every scored year, shape (y, r, g); groups keep their shares."""
        return np.asarray(self.population * self.growth(years)[:, :, None])


@dataclass(frozen=True, slots=True)
class Data:
    """The data chain today: from archive to annotated studies."""

    digital_share: ByRegion
    """Share of exams that reach a digital archive, shape (r,)."""
    documented_share: ByRegion
    """Share of archived studies that is documented where it is made, shape (r,)."""
    steward_studies_per_year: ByRegion
    """Records documented in a year by today's stewards, shape (r,)."""
    curator_studies_per_year: ByRegion
    """Studies curated in a year by today's curators, shape (r,)."""
    rejected_share: Floats
    """Share of studies rejected in curation, shape (m,)."""
    annotation_minutes: Floats
    """Specialist minutes to label a study, all its readings together, shape (m,)."""
    label_noise: Floats
    """Share of wrong labels after them, shape (m,)."""
    leave_share: ByRegion
    """Share of studies that may leave the region today, shape (r,)."""
    agreement_share: ByRegion
    """Share that may leave under a data-sharing agreement, shape (r,)."""
    local_studies: ByRegion
    """Annotated public studies that come from the region, shape (r, m)."""
    public_studies: Floats
    """Annotated public studies from outside all regions of the scenario, shape (m,)."""
    federation_worth: float
    """Worth of a study that is trained on where it lies, relative to one that is shared."""
    synthetic_worth: float
    """Worth of a synthetic study, relative to a real one."""
    synthetic_limit: float
    """Most synthetic studies that count, as a multiple of the real ones of a place."""
    synthetic_minimum: float
    """Labelled real studies of a place that a generator needs for training."""
    storage_usd_per_study_year: Floats
    """Cost of keeping a study in the archive for a year, US dollars, shape (m,)."""


@dataclass(frozen=True, slots=True)
class Compute:
    """Training, deployment and their energy."""

    gpu_hours_base: float
    """GPU-hours of one training, whatever the number of studies."""
    gpu_hours_per_1000_studies: float
    """Further GPU-hours per thousand studies trained on."""
    gpu_watts: float
    """Nameplate draw of one GPU, W."""
    gpus: float
    """Rented GPUs that one training runs on."""
    gpu_failures_per_week: float
    """Failures that interrupt a training, per week of running."""
    checkpoint_weeks: float
    """Weeks between checkpoints of a training."""
    federation_gpu_factor: float
    """GPU-hours per federated study, relative to a shared one."""
    mitigation_gpu_share: float
    """GPU-hours of a mitigation, as a share of the training that it follows."""
    mitigation_sensitivity_gain: float
    """What a mitigation adds to sensitivity in the places that it is made for; about 0."""
    generator_gpu_hours: float
    """GPU-hours of one training of a generator."""
    pretraining_gpu_hours: float
    """GPU-hours of a full pre-training on images without labels."""
    pretraining_efficiency: float
    """Labelled studies that one is worth after a full pre-training on half own images."""
    pretraining_per_decade: float
    """Ratio of that worth per tenfold compute."""
    pretraining_own_share: float
    """Ratio of that worth where all images are of one's own place, against none."""
    owned_gpu_hours_per_year: ByRegion
    """GPU-hours of each region's own accelerators that its trainings may use, shape (r,)."""
    own_job_weeks: float
    """Longest time that a job may take on the regions' own accelerators, weeks."""
    cluster_outages_per_year: float
    """Outages of a whole cluster in a year."""
    cluster_outage_weeks: float
    """Mean length of an outage of a cluster, weeks."""
    grid_swing: float
    """Spread of the grid's carbon intensity from week to week, relative to its mean."""
    grid_memory: float
    """Correlation of that intensity between one week and the next."""
    audit_interval_weeks: int
    """Weeks between audits of a release that does not yet read everywhere."""
    pue: float
    """Power usage effectiveness of the data centre, at least 1."""
    joules_per_inference: float
    """Measured energy of one inference, J."""
    grid_g_co2e_per_kwh: ByRegion
    """Grid intensity, shape (r,)."""
    site_power_share: ByRegion
    """Share of deployment sites with working power and network, shape (r,)."""
    site_grid_share: ByRegion
    """Share of hours with power from the grid at a site, long outages apart, shape (r,)."""
    site_backup_share: ByRegion
    """Share of a site's hours that its own solar power and batteries cover, shape (r,)."""
    outages_per_year: ByRegion
    """Long outages of power or network in a region per year, shape (r,)."""
    outage_weeks: ByRegion
    """Mean length of a long outage, weeks, shape (r,)."""
    site_watts: float
    """Draw of a deployment site, W, while it is on."""
    electricity_usd_per_kwh: ByRegion
    """Price of electricity of the grid, US dollars, shape (r,)."""
    unit_kwh_per_exam: Floats
    """Energy of the imaging unit per exam, kWh, shape (m,)."""
    sites_per_week: ByRegion
    """Most sites that can go live in a week, shape (r,)."""


@dataclass(frozen=True, slots=True, repr=False)
class World:
    """Everything the simulation and the optimisation model need to know about today."""

    regions: tuple[str, ...]
    region_names: tuple[str, ...]
    modalities: tuple[str, ...]
    groups: tuple[str, ...]
    professions: tuple[str, ...]
    weight: Floats
    """Weight of each modality in effective coverage, shape (m,)."""
    care: Care
    data: Data
    compute: Compute
    catalogue: Catalogue
    income_rank: ByRegion
    """Income per head of each region, US dollars, for the concentration index, shape (r,)."""

    def __repr__(self) -> str:
        need, people = self.care.need_per_year.sum(), self.care.population.sum()
        return (
            f"World of {', '.join(self.regions[:8])}{', ...' if len(self.regions) > 8 else ''}; "
            f"{', '.join(self.modalities)}; {', '.join(self.groups)}: {people:,.0f} people who "
            f"need {need:,.0f} exams a year"
        )

    @property
    def shape(self) -> tuple[int, int, int]:
        """Lengths of the region, modality and group axes."""
        return len(self.regions), len(self.modalities), len(self.groups)


def of_regions(world: World, places: NDArray[np.intp]) -> World:
    """Return some regions of a world, by their places; one that is named twice is there twice."""

    def part(name: str) -> Any:
        whole = getattr(world, name)
        hints = get_type_hints(type(whole), include_extras=True)
        chosen = [one.name for one in fields(whole) if _has_regions(hints[one.name])]
        return replace(whole, **{one: getattr(whole, one)[places] for one in chosen})

    catalogue = world.catalogue
    prices = [one.name for one in fields(catalogue) if one.init and one.name != "items"]
    return replace(
        world,
        regions=tuple(world.regions[place] for place in places),
        region_names=tuple(world.region_names[place] for place in places),
        care=part("care"),
        data=part("data"),
        compute=part("compute"),
        catalogue=replace(catalogue, **{one: getattr(catalogue, one)[places] for one in prices}),
        income_rank=world.income_rank[places],
    )


def stacked(worlds: Sequence[World]) -> World:
    """Return worlds of one scenario as one world, whose regions are those of all in turn.

    Stations do not mix regions, so they move all the worlds in one pass. Values that are the same
    in every region keep their shape where the worlds are one and the same; where they differ, as
    between draws, each gets a region axis in front.
    """
    first, regions = worlds[0], [len(world.regions) for world in worlds]
    differ = any(world is not first for world in worlds)

    def part(name: str) -> Any:
        parts = [getattr(world, name) for world in worlds]
        hints = get_type_hints(type(parts[0]), include_extras=True)
        values = {
            one.name: _stacked(
                [getattr(part, one.name) for part in parts],
                regions,
                by_region=_has_regions(hints[one.name]),
                differ=differ,
            )
            for one in fields(parts[0])
        }
        return type(parts[0])(**values)

    return replace(
        first,
        regions=tuple(name for world in worlds for name in world.regions),
        region_names=tuple(name for world in worlds for name in world.region_names),
        care=part("care"),
        data=part("data"),
        compute=part("compute"),
        catalogue=Catalogue.stacked([world.catalogue for world in worlds]),
        income_rank=np.concatenate([world.income_rank for world in worlds]),
    )


def _has_regions(hint: Any) -> bool:
    return REGION in getattr(hint, "__metadata__", ())


def _stacked(
    values: Sequence[Any], regions: Sequence[int], *, by_region: bool, differ: bool
) -> Any:
    if by_region:
        return np.concatenate(values)
    arrays = [np.asarray(value) for value in values]
    # whole numbers, such as the profession that reads a modality, come from the scenario
    if not differ or arrays[0].dtype.kind != "f":
        return values[0]
    return np.repeat(np.stack(arrays), regions, axis=0)
