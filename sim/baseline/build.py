"""Build the world of one draw from the tables: countries pooled into the scenario's regions."""

from collections.abc import Callable

import numpy as np

from sim.baseline import tables
from sim.baseline.inputs import Inputs
from sim.baseline.members import Members, members
from sim.baseline.world import Care, Compute, Data, World
from sim.domain.lever import Catalogue, Floats, Item, LeverName
from sim.scenario.schema import PRIORITIES, Scenario
from sim.units import DAYS_PER_WEEK, DAYS_PER_YEAR, MINUTES_PER_HOUR, WEEKS_PER_YEAR

READER_OF = {
    "dermoscopy": "dermatologist",
    "fundus": "ophthalmologist",
    "chest_xray": "radiologist",
    "mammography": "radiologist",
    "ct": "radiologist",
    "mri": "radiologist",
}
"""Profession that reads a modality."""
IMPORTED: tuple[LeverName, ...] = ("scanner", "site")
"""Levers whose price carries freight and duty."""
PERSONS_PER_MILLION = 1e6
GPU = "H100"


def build_world(scenario: Scenario, *, draw: int | None, purpose: str = "judge") -> World:
    """Return the world of one draw; ``draw=None`` takes every central value.

    Notes
    -----
    Counts of people and things add up over the countries of a region; rates and prices are means
    weighted by population.
    """
    return world_and_inputs(scenario, draw=draw, purpose=purpose)[0]


def world_and_inputs(
    scenario: Scenario, *, draw: int | None, purpose: str = "judge"
) -> tuple[World, Inputs]:
    """Return the world of one draw, and the register of the inputs that it was built from."""
    inputs = Inputs(scenario, draw, purpose)
    builder = _Builder(scenario, inputs, members(scenario))
    return builder.world(), inputs


class _Builder:
    """Reads inputs country by country and pools them into regions."""

    def __init__(self, scenario: Scenario, inputs: Inputs, who: Members) -> None:
        self.scenario, self.inputs, self.who = scenario, inputs, who
        self.modalities = tuple(scenario.modalities)
        self.professions = tuple(dict.fromkeys(READER_OF[m] for m in self.modalities))
        self.people = self.of_country("population")
        self.millions = self.people / PERSONS_PER_MILLION

    def world(self) -> World:
        scenario = self.scenario
        return World(
            regions=self.who.regions,
            region_names=self.who.names,
            modalities=self.modalities,
            groups=tuple(scenario.groups),
            professions=self.professions,
            weight=np.array(list(scenario.modalities.values()), dtype=float),
            care=self.care(),
            data=self.data(),
            compute=self.compute(),
            catalogue=self.catalogue(),
            income_rank=self.mean(self.of_country("gdp_per_capita_usd")),
        )

    # pooling -------------------------------------------------------------------------------

    def each(self, value: Callable[[str, str], float]) -> Floats:
        """Return a value of every country, shape (country,)."""
        pairs = zip(self.who.countries, self.who.income_groups, strict=True)
        return np.array([value(iso3, group) for iso3, group in pairs])

    def total(self, values: Floats) -> Floats:
        """Add up over the countries of each region."""
        return np.asarray(self.who.belongs @ values)

    def mean(self, values: Floats) -> Floats:
        """Average over the people of each region."""
        return np.asarray(self.total(values * self.people) / self.total(self.people))

    def per_modality(self, variable: str) -> list[Floats]:
        """Return a table value of every modality, pooled to regions, shape (m, r)."""
        return [self.mean(self.of_modality(m, variable)) for m in self.modalities]

    def of_modality(self, modality: str, variable: str) -> Floats:
        """Return a table value of one modality, by country, shape (country,)."""
        return self.each(lambda _, group: self.inputs.modality(modality, variable, group))

    def of_country(self, variable: str) -> Floats:
        """Return a country variable, shape (country,)."""
        return self.each(lambda iso3, _: self.inputs.country(iso3, variable))

    def by_modality(self, variable: str) -> Floats:
        """Return a table value that does not differ by region, shape (m,)."""
        return np.array([float(values.mean()) for values in self.per_modality(variable)])

    def operation(self, variable: str) -> Floats:
        """Return how services run, by country, shape (country,)."""
        return self.each(lambda _, group: self.inputs.operation(variable, group))

    # parts ---------------------------------------------------------------------------------

    def care(self) -> Care:
        shares = self._group_shares()
        people = self.total(self.people[:, None] * shares)
        ratio = np.array([group.need_ratio for group in self.scenario.groups.values()])
        relative = shares * ratio / (shares * ratio).sum(axis=1, keepdims=True)
        need = [self.of_modality(m, "need_per_1000") / 1000.0 for m in self.modalities]
        reach = np.stack([self._reach(name) for name in self.scenario.groups], axis=1)
        units = [self._units(m) for m in self.modalities]
        hours = self._reader_hours_of_a_post()
        mean = self.by_modality
        return Care(
            population=people,
            need_per_year=np.stack(
                [self.total((rate * self.people)[:, None] * relative) for rate in need], axis=1
            ),
            reach=np.repeat(reach[:, None, :], len(self.modalities), axis=1),
            units=np.stack(units, axis=1),
            units_per_facility=mean("units_per_facility"),
            exams_per_unit_day=np.stack(self.per_modality("exams_per_unit_year"), axis=1)
            / DAYS_PER_YEAR,
            failures_per_week=DAYS_PER_WEEK / np.stack(self.per_modality("mtbf_days"), axis=1),
            repairs_per_week=DAYS_PER_WEEK / np.stack(self.per_modality("mttr_days"), axis=1),
            priority=np.array(
                [PRIORITIES.index(group.priority) for group in self.scenario.groups.values()]
            ),
            patience_weeks=mean("patience_weeks"),
            report_patience_weeks=mean("report_patience_weeks"),
            reader_hours_per_year=self._reader_hours(hours),
            trainee_loss_share=self._overall("trainee_loss_share"),
            hours_per_reader_year=np.repeat(self.mean(hours)[:, None], len(self.professions), 1),
            protected_share=self.mean(self.operation("annotation_protected_share")),
            reading_minutes=mean("reading_minutes"),
            ai_minutes_ratio=np.full(
                len(self.modalities), self.operation("ai_minutes_ratio").mean()
            ),
            reader_of=tuple(self.professions.index(READER_OF[m]) for m in self.modalities),
            prevalence=mean("prevalence"),
            reader_sensitivity=mean("reader_sensitivity"),
            reader_specificity=mean("reader_specificity"),
            true_positive_usd=mean("true_positive_usd"),
            false_positive_usd=mean("false_positive_usd"),
        )

    def _group_shares(self) -> Floats:
        urban = self.of_country("urban_share")
        named = {"urban_share": urban, "rural_share": 1.0 - urban}
        columns = [
            named[group.share]
            if isinstance(group.share, str)
            else np.full(len(self.people), group.share)
            for group in self.scenario.groups.values()
        ]
        return np.stack(columns, axis=1)

    def _reach(self, group: str) -> Floats:
        """Share of a group's need that comes today: the scenario's, or by income group, (r,)."""
        given = self.scenario.groups[group].reach
        if isinstance(given, str):
            return self.mean(self.operation(given))
        return np.full(
            len(self.who.regions), self.inputs.assumption(f"groups.{group}.reach", given)
        )

    def _units(self, modality: str) -> Floats:
        density = self.of_country(f"scanners_per_million.{modality}")
        return np.floor(self.total(density * self.millions))

    def _reader_hours_of_a_post(self) -> Floats:
        return self.operation("reader_hours_per_year") * self.operation("reader_presence_share")

    def _reader_hours(self, hours: Floats) -> Floats:
        """Hours that today's specialists give to the scenario's modalities, shape (r, p)."""
        columns = []
        for profession in self.professions:
            density = self.of_country(f"readers_per_million.{profession}")
            mine = [m for m in self.modalities if READER_OF[m] == profession]
            share = np.sum([self.of_modality(m, "reader_task_share") for m in mine], axis=0)
            columns.append(self.total(density * self.millions * hours * np.minimum(share, 1.0)))
        return np.stack(columns, axis=1)

    def data(self) -> Data:
        staff = self.operation("data_staff_task_share") * self.millions
        local, public = self._public_data()
        return Data(
            digital_share=self.mean(self.of_country("digital_share")),
            documented_share=self.mean(self.operation("documented_share")),
            steward_studies_per_year=self.total(
                staff * self.operation("stewards_per_million") * self._records_of_a_steward()
            ),
            curator_studies_per_year=self.total(
                staff * self.operation("curators_per_million") * self._studies_of_a_curator()
            ),
            rejected_share=self.by_modality("rejected_share"),
            annotation_minutes=self.by_modality("annotation_minutes"),
            label_noise=self.by_modality("label_noise"),
            leave_share=self.mean(self.operation("leave_share")),
            agreement_share=self.mean(self.operation("agreement_share")),
            local_studies=local,
            public_studies=public,
            federation_worth=self._overall("federation_worth"),
            synthetic_worth=self._overall("synthetic_worth"),
            synthetic_limit=self._overall("synthetic_limit"),
            synthetic_minimum=self._overall("synthetic_minimum"),
        )

    def _records_of_a_steward(self) -> Floats:
        hours = self.each(lambda _, group: self.inputs.lever("steward", "capacity", "", group))
        return hours * MINUTES_PER_HOUR / self.operation("documentation_minutes")

    def _studies_of_a_curator(self) -> Floats:
        hours = self.each(lambda _, group: self.inputs.lever("curator", "capacity", "", group))
        return hours * MINUTES_PER_HOUR / self.operation("curation_minutes")

    def _public_data(self) -> tuple[Floats, Floats]:
        """Return public studies from each region (r, m), and from elsewhere (m,)."""
        images_per_study = self.by_modality("images_per_study")
        counted = tables.datasets().query("counted == 'yes'")
        position = {iso3: i for i, iso3 in enumerate(self.who.countries)}
        local = np.zeros((len(self.who.countries), len(self.modalities)))
        public = np.zeros(len(self.modalities))
        for row in counted[counted["modality"].isin(self.modalities)].itertuples():
            m = self.modalities.index(str(row.modality))
            origins = [iso3 for iso3 in str(row.iso3).split("|") if iso3] or [""]
            for iso3 in origins:
                share = float(row.value) / len(origins) / images_per_study[m]  # type: ignore[arg-type]
                if iso3 in position:
                    local[position[iso3], m] += share
                else:
                    public[m] += share
        return self.total(local), public

    def compute(self) -> Compute:
        reliable = self.of_country("facility_reliable_electricity_share")
        network = self.operation("site_network_share")
        overall = self._overall
        gpus = overall("training_gpus")
        backup = self.operation("site_backup_share")
        return Compute(
            gpu_hours_base=overall("training_gpu_hours"),
            gpu_hours_per_1000_studies=overall("training_gpu_hours_per_1000_studies"),
            gpu_watts=self.inputs.gpu(GPU, "tdp_w"),
            gpus=gpus,
            gpu_failures_per_week=overall("gpu_failures_per_gpu_year") * gpus / WEEKS_PER_YEAR,
            checkpoint_weeks=overall("checkpoint_days") / DAYS_PER_WEEK,
            federation_gpu_factor=overall("federation_gpu_factor"),
            mitigation_gpu_share=overall("mitigation_gpu_share"),
            mitigation_sensitivity_gain=overall("mitigation_sensitivity_gain"),
            generator_gpu_hours=overall("generator_gpu_hours"),
            cluster_outages_per_year=overall("cluster_outages_per_year"),
            cluster_outage_weeks=overall("cluster_outage_days") / DAYS_PER_WEEK,
            grid_swing=overall("grid_swing"),
            audit_interval_weeks=max(round(overall("audit_interval_weeks")), 1),
            pue=overall("pue"),
            joules_per_inference=0.0,
            grid_g_co2e_per_kwh=self.mean(self.of_country("grid_gco2_per_kwh")),
            # a site brings its own solar and batteries, so power is lost only where they fail too
            site_power_share=self.mean(network * (reliable + backup * (1.0 - reliable))),
            site_backup_share=self.mean(backup),
            outages_per_year=self.mean(self.operation("outages_per_year")),
            outage_weeks=self.mean(self.operation("outage_days")) / DAYS_PER_WEEK,
            site_watts=overall("site_watts"),
            unit_kwh_per_exam=self.by_modality("unit_kwh_per_exam"),
            sites_per_week=self.total(self.operation("rollout_sites_per_week") * self.millions),
        )

    def _overall(self, variable: str) -> float:
        return float(self.operation(variable).mean())

    # prices --------------------------------------------------------------------------------

    def catalogue(self) -> Catalogue:
        items = (
            *(Item("scanner", modality) for modality in self.modalities),
            Item("outreach"),
            *(Item("reader", profession) for profession in self.professions),
            *(Item(lever) for lever in ("steward", "curator", "annotation", "synthesis")),
            *(Item(lever) for lever in ("gpu_hours", "audit", "site")),
            *(Item(lever) for lever in ("agreement", "federation")),
        )
        columns = {
            name: np.stack([self._price(item, name) for item in items], axis=1)
            for name in ("capex_usd", "running_usd_per_year", "lead_time_weeks", "lifetime_years")
        }
        return Catalogue(
            items=items,
            capex_usd=columns["capex_usd"],
            running_usd=columns["running_usd_per_year"],
            lead_weeks=np.round(columns["lead_time_weeks"]).astype(np.int64),
            life_years=np.maximum(np.round(columns["lifetime_years"]), 1).astype(np.int64),
            capacity=np.stack([self._capacity(item) for item in items], axis=1),
            max_per_year=np.stack([self._maximum(item) for item in items], axis=1),
        )

    def _price(self, item: Item, variable: str) -> Floats:
        values = self.each(
            lambda _, group: self.inputs.lever(item.lever, variable, item.scope, group)
        )
        if variable == "capex_usd" and item.lever in IMPORTED:
            values = values * self.operation("import_price_factor")
        if item.is_one_each and variable in ("capex_usd", "running_usd_per_year"):
            # it covers a country; a pooled region needs one for each of its own
            return self.total(values)
        return self.mean(values)

    def _capacity(self, item: Item) -> Floats:
        if item.lever == "scanner":
            exams = self.per_modality("exams_per_unit_year")
            return exams[self.modalities.index(item.scope)]
        if item.lever == "reader":
            return self.mean(self._reader_hours_of_a_post())
        if item.lever == "steward":
            return self.mean(self._records_of_a_steward())
        if item.lever == "curator":
            return self.mean(self._studies_of_a_curator())
        return self._price(item, "capacity")

    def _maximum(self, item: Item) -> Floats:
        if item.is_one_each:
            return np.ones(len(self.who.regions))
        rate = self.each(
            lambda _, group: self.inputs.lever(item.lever, "max_per_year", item.scope, group)
        )
        most = np.maximum(np.floor(self.total(rate * self.millions)), 1.0)
        bounds = self.scenario.levers.get(item.lever)
        if bounds is None:
            return most
        given = most if bounds.max_per_year is None else np.full_like(most, bounds.max_per_year)
        return given * bounds.allowed
