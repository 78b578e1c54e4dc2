"""People and their need grow from year to year; what serves them today stays as it is."""

from dataclasses import replace

import numpy as np
import pytest

from sim.baseline import tables
from sim.baseline.build import world_and_inputs
from sim.baseline.world import World
from sim.pipeline.kernels.counts import Counts
from sim.pipeline.parts import Stations, with_stations
from sim.pipeline.records import Run
from sim.pipeline.state import Flows, State
from sim.pipeline.stations.need import Need
from sim.planning.model import build_model
from sim.planning.solution import solve
from sim.scenario.spec import Override
from sim.studies.totals import People, Totals, cell_table
from tests.scenarios import build_world, scenario
from tests.small_runs import run
from tests.small_world import LAW, changed, small_world

GROWTH = np.array([0.06, -0.04])
GROWING = changed(small_world(population=4e7), "care", growth_per_year=GROWTH)
YEARS = 4


class Still(Need):
    """Need that stays as it is in the first year, whatever the growth."""

    def step(self, state: State, flows: Flows, tick: int) -> None:
        super().step(state, flows, tick)
        assert (self.need_per_week == self.care.need_per_year / 52).all()


def yearly(world: World, *, warm_up: int = 1) -> Run:
    return run(world, case=scenario(years=YEARS, warm_up=warm_up))


def needed(run: Run) -> Counts:
    """Return need by year and region."""
    return run.records.cells["need"].sum(axis=(2, 3))


def test_need_grows_by_the_year_and_compounds() -> None:
    need = needed(yearly(GROWING))
    first = GROWING.care.need_per_year.sum(axis=(1, 2))
    expected = first * (1.0 + GROWTH) ** np.arange(YEARS)[:, None]
    assert (abs(need - expected) < 4.0 * np.sqrt(expected)).all()  # Poisson
    assert (np.diff(need, axis=0) * GROWTH > 0).all()


def test_the_warm_up_is_as_the_first_year_whatever_its_length() -> None:
    """Otherwise a longer warm-up would begin with other queues, of fewer people."""
    crowd = replace(GROWING.care, growth_per_year=np.array([0.5, 0.5]))
    crowd = replace(GROWING, care=crowd)
    for warm_up in (0, 3):
        first = needed(yearly(crowd, warm_up=warm_up))[0]
        expected = crowd.care.need_per_year.sum(axis=(1, 2))
        assert (abs(first - expected) < 4.0 * np.sqrt(expected)).all()


def test_without_growth_every_bit_is_that_of_need_that_stays() -> None:
    still: Stations = with_stations(Still)
    case = scenario(years=YEARS)
    one, other = run(small_world(), case=case), run(small_world(), case=case, stations=still)
    for name, values in one.records.cells.items():
        np.testing.assert_array_equal(values, other.records.cells[name], err_msg=name)
    assert (small_world().care.people(9) == small_world().care.population).all()
    with pytest.raises(AssertionError):
        run(GROWING, case=case, stations=still)


def test_coverage_falls_as_need_outgrows_what_is_there() -> None:
    """Readers are what is short: their exams stay, so that coverage is inversely proportional."""
    cells = yearly(changed(GROWING, "care", units=np.full((2, 1), 1e3))).records.cells
    read, need = (cells[name].sum(axis=(2, 3)) for name in ("read_by_human", "need"))
    np.testing.assert_allclose(read, read[:1].repeat(YEARS, axis=0), rtol=0.01)
    covered = read / need
    expected = covered[0] / (1.0 + GROWTH) ** np.arange(YEARS)[:, None]
    np.testing.assert_allclose(covered, expected, rtol=0.02)


def test_the_optimisation_model_expects_the_same_fall() -> None:
    problem = build_model(GROWING, LAW, scenario(years=YEARS), budget_usd=0.0)
    covered = solve(problem).expected.coverage
    expected = covered[0] / (1.0 + GROWTH[:, None]) ** np.arange(YEARS)[:, None, None]
    np.testing.assert_allclose(covered, expected, rtol=1e-5)


def test_the_table_of_cells_has_the_people_of_every_year() -> None:
    totals, people = Totals.of(yearly(GROWING)), People.of(GROWING, years=YEARS)
    cells = cell_table(totals, people, start_year=2027)
    by_year = cells.groupby(["region", "year"])["population"].sum()
    assert by_year["AAA", 2027] == pytest.approx(4e7)
    assert by_year["AAA", 2030] == pytest.approx(4e7 * 1.06**3)
    assert by_year["BBB", 2030] == pytest.approx(4e7 * 0.96**3)


def test_a_count_grows_from_its_year_to_the_first_and_one_of_the_scenario_does_not() -> None:
    counted, growth = (tables.country("UGA", name) for name in ("population", "population_growth"))
    case = scenario(regions=("UGA",))
    years = case.horizon.start_year - int(counted.year)
    assert years > 0
    people = build_world(case).care.population.sum()
    assert people == pytest.approx(counted.value * (1.0 + growth.value) ** years)
    given = {"UGA.population": Override(value=3e7, source="our own count")}
    world = build_world(scenario(regions=("UGA",), overrides=given))
    assert world.care.population.sum() == pytest.approx(3e7)
    assert world.care.growth_per_year == pytest.approx(growth.value)


def test_draws_of_growth_fill_its_range_and_are_in_the_register() -> None:
    case = scenario(regions=("UGA",))
    known = tables.country("UGA", "population_growth")
    draws = [world_and_inputs(case, draw=draw) for draw in range(40)]
    grown = np.array([world.care.growth_per_year[0] for world, _ in draws])
    assert known.low < grown.min() < known.value < grown.max() < known.high
    assert np.ptp(grown) > 0.5 * (known.high - known.low)
    assert draws[0][1].used["UGA.population_growth"] == known


def test_pooled_countries_grow_as_all_their_people_do() -> None:
    case = scenario(regions=("UGA", "RWA"), by="income_group")
    apart = build_world(case.model_copy(update={"by": "country"})).care
    pooled = build_world(case).care
    people = apart.population.sum(axis=1)
    assert pooled.population.sum() == pytest.approx(people.sum())
    assert pooled.growth_per_year[0] == pytest.approx(apart.growth_per_year @ people / people.sum())
