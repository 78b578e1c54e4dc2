"""The catalogue of items in every region: prices, lead times, lives, capacities and bounds."""

import numpy as np

from sim.baseline.pool import READER_OF, Pool
from sim.baseline.supplies import EXAMS_OF_A_UNIT, bought_for, most_units, usd_per_exam
from sim.domain.levers import LEVERS, Catalogue, Floats, Item, LeverName
from sim.scenario.schema import LeverBounds
from sim.units import HOURS_PER_YEAR, MINUTES_PER_HOUR, WATTS_PER_KW, WEEKS_PER_YEAR


def catalogue(pool: Pool) -> Catalogue:
    """Return what can be bought in every region, and what it costs and does."""
    scopes = {
        "": ("",),
        "modality": pool.modalities,
        "profession": pool.professions,
        "group": tuple(pool.scenario.groups),
        "lender": tuple(
            f"{one.by}.{profession}"
            for one in pool.scenario.tele_reading
            for profession in pool.professions
        ),
        "supply": bought_for(pool),
    }
    items = tuple(
        Item(name, scope) for name, lever in LEVERS.items() for scope in scopes[lever.scope]
    )
    columns = {
        name: np.stack([_price(pool, item, name) for item in items], axis=1)
        for name in ("capex_usd", "running_usd_per_year", "lead_time_weeks", "lifetime_years")
    }
    return Catalogue(
        items=items,
        capex_usd=columns["capex_usd"],
        running_usd=columns["running_usd_per_year"],
        lead_weeks=np.round(columns["lead_time_weeks"]).astype(np.int64),
        life_years=np.maximum(np.round(columns["lifetime_years"]), 1).astype(np.int64),
        capacity=np.stack([_capacity(pool, item) for item in items], axis=1),
        max_per_year=np.stack([_maximum(pool, item) for item in items], axis=1),
        also_share=np.stack([_also_share(pool, item) for item in items], axis=1),
    )


def _price(pool: Pool, item: Item, variable: str) -> Floats:
    if item.lever == "supplies":
        return _of_supplies(pool, item, variable)
    values = _of_tables(pool, item, variable)
    if variable == "capex_usd" and item.what.imported:
        values = values * pool.operation("import_price_factor")
    if item.lever == "reader" and variable in ("capex_usd", "running_usd_per_year"):
        here = reader_task_share(pool, item.scope)
        values = values * (here + (1.0 - here) * pool.operation("reader_other_time_paid_share"))
    if item.lever == "site" and variable == "running_usd_per_year":
        values = values + grid_usd_of_a_site(pool)
    if item.is_one_each and variable in ("capex_usd", "running_usd_per_year"):
        # it covers a country; a pooled region needs one for each of its own
        return pool.total(values)
    return _of_lender(pool, item, pool.mean(values))


def _of_supplies(pool: Pool, item: Item, variable: str) -> Floats:
    """Return a value of supplies, shape (r,): the scenario has their price, as of what is short.

    They come as they are paid for, and last the year.
    """
    if variable == "capex_usd":
        # where none can be bought, no price matters
        return EXAMS_OF_A_UNIT * np.nan_to_num(usd_per_exam(pool, item.scope), nan=1.0)
    fixed = {"lifetime_years": 1.0, "capacity": EXAMS_OF_A_UNIT}
    return np.full(len(pool.who.regions), fixed.get(variable, 0.0))


def _of_lender(pool: Pool, item: Item, values: Floats) -> Floats:
    """Return values by region, shape (r,): of tele-reading everywhere those of who reads."""
    lender = item.scope.partition(".")[0]
    if item.what.scope != "lender" or lender not in pool.who.regions:
        return values
    return np.full_like(values, values[pool.who.regions.index(lender)])


def _of_tables(pool: Pool, item: Item, variable: str) -> Floats:
    """Return a value of an item by country; the tables know no groups and no lenders."""
    scope = "" if item.what.scope in ("group", "lender") else item.scope
    return pool.each(lambda _, group: pool.inputs.lever(item.lever, variable, scope, group))


ALSO_SHARE: dict[LeverName, str] = {
    "scanner": "scanner_care_share",
    "reader": "annotation_protected_share",
    "gpu_server": "gpu_server_pretraining_share",
}
"""Which value says what share of a lever's cost its second stage bears."""


def _also_share(pool: Pool, item: Item) -> Floats:
    """Return the share of an item's cost that its second stage bears, shape (r,)."""
    if item.what.also is None:
        return np.zeros(len(pool.who.regions))
    return pool.mean(pool.operation(ALSO_SHARE[item.lever]))


def _capacity(pool: Pool, item: Item) -> Floats:
    if item.lever == "scanner":
        return exams_of_a_unit(pool, item.scope)
    if item.lever == "reader":
        return pool.mean(hours_of_a_reader(pool, item.scope))
    if item.lever == "steward":
        return pool.mean(records_of_a_steward(pool))
    if item.lever == "curator":
        return pool.mean(studies_of_a_curator(pool))
    return _price(pool, item, "capacity")


def _maximum(pool: Pool, item: Item) -> Floats:
    if item.is_one_each:
        return np.ones(len(pool.who.regions))
    bounds = pool.scenario.levers.get(item.lever, LeverBounds())
    stated = np.full(len(pool.who.regions), np.inf)
    if bounds.max_per_year is not None:
        stated = np.full(len(pool.who.regions), bounds.max_per_year)
    if item.lever == "supplies":
        stated = np.minimum(stated, most_units(pool, item.scope))
    elif bounds.max_per_year is None:  # else the tables' limit is replaced, and no run reads it
        stated = _most_of_tables(pool, item)
    if item.what.scope == "lender":
        stated = np.minimum(stated, _hours_to_sell(pool, item))
    return stated * bounds.allowed


def _most_of_tables(pool: Pool, item: Item) -> Floats:
    """Return the most units of an item that a year may buy, by people, at least one, shape (r,)."""
    people = pool.millions
    if item.what.scope == "group":
        people = people * pool.share_of_group(item.scope)
    rate = _of_tables(pool, item, "max_per_year")
    return _of_lender(pool, item, np.maximum(np.floor(pool.total(rate * people)), 1.0))


def _hours_to_sell(pool: Pool, item: Item) -> Floats:
    """Return the whole hours a week that today's readers of the lender have, shape (r,).

    None for a region that they may not read for.
    """
    lender, _, profession = item.scope.partition(".")
    if lender not in pool.who.regions:
        return np.zeros(len(pool.who.regions))
    own = hours_of_readers(pool)[:, pool.professions.index(profession)] / WEEKS_PER_YEAR
    serves = {one.by: one.serves for one in pool.scenario.tele_reading}[lender]
    allowed = np.array([region in serves for region in pool.who.regions])
    return np.asarray(_of_lender(pool, item, np.floor(own)) * allowed)


def exams_of_a_unit(pool: Pool, modality: str) -> Floats:
    """Return the exams in a year of a working unit for the modality's task, (r,).

    Today's and bought ones do as many: the rest of their exams are other care.
    """
    exams = pool.of_modality(modality, "exams_per_unit_year")
    return pool.mean(exams * pool.of_modality(modality, "indication_share"))


def hours_of_a_reader(pool: Pool, profession: str) -> Floats:
    """Return the hours in a year that a specialist reads the scenario's modalities, (country,).

    Today's and those whom a plan trains are the same people: the rest of their time is other care.
    """
    hours = pool.operation("reader_hours_per_year") * pool.operation("reader_presence_share")
    return np.asarray(hours * reader_task_share(pool, profession))


def hours_of_readers(pool: Pool) -> Floats:
    """Return hours a year that today's specialists read the scenario's modalities, (r, p)."""
    columns = [
        pool.total(
            pool.of_country(f"readers_per_million.{profession}")
            * pool.millions
            * hours_of_a_reader(pool, profession)
        )
        for profession in pool.professions
    ]
    return np.stack(columns, axis=1)


def reader_task_share(pool: Pool, profession: str) -> Floats:
    """Return the share of a specialist's reading that is the scenario's modalities, (country,)."""
    mine = [m for m in pool.modalities if READER_OF[m] == profession]
    shares = [
        pool.of_modality(m, "reader_task_share") * pool.of_modality(m, "indication_share")
        for m in mine
    ]
    return np.asarray(np.minimum(np.sum(shares, axis=0), 1.0))


def grid_usd_of_a_site(pool: Pool) -> Floats:
    """Return the dollars that a site pays for electricity of the grid in a year, (country,)."""
    hours = HOURS_PER_YEAR * pool.of_country("facility_reliable_electricity_share")
    kwh = hours * pool.overall("site_watts") / WATTS_PER_KW
    return np.asarray(kwh * pool.of_country("electricity_usd_per_kwh"))


def records_of_a_steward(pool: Pool) -> Floats:
    """Return the records in a year of a full-time steward of these modalities, (country,)."""
    hours = pool.each(lambda _, group: pool.inputs.lever("steward", "capacity", "", group))
    return hours * MINUTES_PER_HOUR / pool.operation("documentation_minutes")


def studies_of_a_curator(pool: Pool) -> Floats:
    """Return the studies in a year of a full-time curator of these modalities, (country,)."""
    hours = pool.each(lambda _, group: pool.inputs.lever("curator", "capacity", "", group))
    return hours * MINUTES_PER_HOUR / pool.operation("curation_minutes")
