"""One bought unit is one of today's: same hours, same capacity, in the tables and in a run."""

from dataclasses import replace

import numpy as np
import pytest

from sim.baseline.world import World
from sim.domain.levers import LEVERS
from sim.domain.plan import Plan
from sim.pipeline.run import simulate
from sim.planning.rules import baseline
from sim.scenario.spec import Override
from sim.units import DAYS_PER_YEAR, HOURS_PER_YEAR
from tests.scenarios import build_world, scenario
from tests.small_world import at_once, changed, fixed_response, small_world

MORE = 60
DRAW = 7
"""A draw in which nothing is at its central value: the same people even so."""
KENYA = {"regions": ("KEN",), "modalities": {"dermoscopy": 0.5, "fundus": 0.5}}


def kenya(**overrides: float) -> World:
    given = {
        name.replace("__", "."): Override(value=value, source="made up for a test")
        for name, value in overrides.items()
    }
    return build_world(scenario(**KENYA, overrides=given), draw=DRAW)


def millions(world: World) -> float:
    return float(world.care.population.sum()) / 1e6


@pytest.mark.parametrize(
    ("lever", "scope", "variable", "today"),
    [
        ("reader", "dermatologist", "KEN__readers_per_million__dermatologist",
         lambda world: world.care.reader_hours_per_year[0, 0]),
        ("reader", "ophthalmologist", "KEN__readers_per_million__ophthalmologist",
         lambda world: world.care.reader_hours_per_year[0, 1]),
        ("scanner", "fundus", "KEN__scanners_per_million__fundus",
         lambda world: (world.care.units * world.care.exams_per_unit_day)[0, 1] * DAYS_PER_YEAR),
    ],
)  # fmt: skip
def test_so_many_more_bought_are_a_country_with_so_many_more(lever, scope, variable, today) -> None:
    few, many = (kenya(**{variable: per_million}) for per_million in (2.0, 4.0))
    more = 2.0 * millions(few)
    if lever == "scanner":
        more = float((many.care.units - few.care.units)[0, 1])
    capacity = few.catalogue.capacity[0, few.catalogue.index(lever, scope)]
    assert today(many) - today(few) == pytest.approx(more * capacity)


def test_data_staff_are_counted_in_full_time_posts_today_too() -> None:
    share = 0.1
    few, many = (
        kenya(data_staff_task_share=share, stewards_per_million=count, curators_per_million=count)
        for count in (1.0, 3.0)
    )
    posts = 2.0 * millions(few) * share
    for lever, name in (("steward", "steward_studies_per_year"),
                        ("curator", "curator_studies_per_year")):  # fmt: skip
        capacity = few.catalogue.capacity[0, few.catalogue.index(lever)]
        difference = getattr(many.data, name)[0] - getattr(few.data, name)[0]
        assert difference == pytest.approx(posts * capacity)


def test_accelerators_are_counted_in_hours_that_trainings_may_use() -> None:
    few, many = (
        kenya(gpu_task_share=0.5, KEN__gpu_h100_equivalents_per_million=count)
        for count in (1.0, 2.0)
    )
    hours = many.compute.owned_gpu_hours_per_year - few.compute.owned_gpu_hours_per_year
    assert hours[0] == pytest.approx(millions(few) * 0.5 * HOURS_PER_YEAR)


@pytest.mark.parametrize(("paid", "part"), [(1.0, 1.0), (0.0, 0.25), (0.5, 0.625)])
def test_the_price_of_a_reader_is_that_of_the_hours_or_of_the_whole_post(
    paid: float, part: float
) -> None:
    shares = {"dermoscopy__reader_task_share": 0.25}
    whole = kenya(**shares, reader_other_time_paid_share=1.0)
    world = kenya(**shares, reader_other_time_paid_share=paid)
    i = world.catalogue.index("reader", "dermatologist")
    for name in ("capex_usd", "running_usd"):
        price, of_post = (getattr(one.catalogue, name)[0, i] for one in (world, whole))
        assert price == pytest.approx(part * of_post)
    assert world.catalogue.capacity[0, i] == whole.catalogue.capacity[0, i]


def more_today(world: World, lever: str) -> World:
    """Return a world that has ``MORE`` of what a lever buys today, in its first region."""
    catalogue, care, data = world.catalogue, world.care, world.data
    first = np.array([1.0, 0.0])
    scopes = {"scanner": "dermoscopy", "reader": "dermatologist"}
    added = first * MORE * catalogue.capacity[:, catalogue.index(lever, scopes.get(lever, ""))]
    match lever:
        case "scanner":
            units = care.units + MORE * first[:, None]
            return changed(world, "care", units=units)
        case "reader":
            hours = care.reader_hours_per_year + added[:, None]
            return changed(world, "care", reader_hours_per_year=hours)
        case "steward" | "curator":
            name = f"{lever}_studies_per_year"
            return changed(world, "data", **{name: getattr(data, name) + added})
        case _:
            hours = world.compute.owned_gpu_hours_per_year + added
            return changed(world, "compute", owned_gpu_hours_per_year=hours)


HAVE_TODAY = ("scanner", "reader", "steward", "curator", "gpu_server")
"""Levers of which a country has some today. Of the others there are none without a plan (sites,
audits, agreements), or they are bought by the hour, the study or the person, whoever does it."""


@pytest.mark.parametrize("lever", HAVE_TODAY)
def test_a_run_cannot_tell_what_was_bought_from_what_is_there(lever: str) -> None:
    world = at_once(small_world())
    lasting = np.full_like(world.catalogue.life_years, 10_000)
    world = changed(world, "catalogue", life_years=lasting)
    world = changed(world, "care", trainee_loss_share=0.0)
    case = scenario(years=2, warm_up=0)
    nothing = baseline(world, case)
    scope = {"scanner": "dermoscopy", "reader": "dermatologist"}.get(lever, "")
    plan = nothing.plus(0, world.catalogue.index(lever, scope), units=MORE)  # type: ignore[arg-type]

    def cells(where: World, what: Plan) -> np.ndarray:
        made = replace(what, catalogue=where.catalogue)
        run = simulate(where, made, fixed_response(), scenario=case, seed=1, replication=0)
        names = ("exams", "read_by_human", "unread", "labelled")
        return np.stack([run.records.cells[name] for name in names])

    bought, there = cells(world, plan), cells(more_today(world, lever), nothing)
    np.testing.assert_allclose(bought, there, rtol=0, atol=1.0)
    if lever != "gpu_server":  # no network is asked for its work here
        assert not np.array_equal(bought, cells(world, nothing))


def test_every_lever_is_weighed_against_today() -> None:
    none_today = {"outreach", "tele_reading", "annotation", "synthesis", "pretraining",
                  "federation", "gpu_hours", "audit", "site", "agreement"}  # fmt: skip
    where_stated = {"supplies"}  # tests/property/test_supplies.py
    assert set(LEVERS) == set(HAVE_TODAY) | none_today | where_stated
