"""A Sobol design on what is not known: rows move what they state, and indices are of what ran."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner

import sim
from reports.uncertainties import sobol_section
from sim.answers.sensitivity import sobol_indices
from sim.cli import app
from sim.errors import AnswerError
from sim.executors.executor import executor_of
from sim.pipeline.case import Case
from sim.pipeline.run import simulate_many
from sim.planning.rules import RULES, baseline
from sim.streams import fraction
from sim.studies.answering import Answering
from sim.studies.assumptions import PRICES
from sim.studies.batch import Design, starts_of, unrecorded
from sim.studies.names import load_scenario
from sim.studies.sample import CHANCE, FACTORS, LAW, LEVEL_OF_ERROR, parameter_sample
from sim.studies.sobol import Designed, Rows, Sobol, leads_in, sobol, topics_of_numbers
from sim.studies.totals import People, Totals, measured
from tests.unit.studies.small_study import sample_small, small_scenario

pytest.importorskip("SALib")
FILE = Path(__file__).parents[3] / "scenarios" / "tiny.yaml"
TINY = load_scenario(
    FILE,
    overrides=[
        "regions=[KEN]",
        "horizon.decide_years=1",
        "horizon.score_years=1",
        "horizon.warm_up_years=0",
    ],
)
WORLD = parameter_sample(TINY, None).world
PLANS = {"plan": RULES["by_need"](WORLD, TINY), "baseline": baseline(WORLD, TINY)}
DESIGN = Design(TINY)
POINTS = 16


@pytest.fixture(scope="module")
def found() -> Sobol:
    with executor_of(workers=1) as executor:
        return sobol(DESIGN, Answering(executor), *PLANS.values(), points=POINTS)


def drawn(draw: int, **stated: float) -> dict[str, float]:
    sample = parameter_sample(TINY, draw, stated=stated)
    return {name: one.value for name, one in sample.drawn.items()} | {CHANCE: float(sample.seed)}


def test_a_number_that_is_stated_moves_what_it_names_and_nothing_else() -> None:
    before = drawn(0)
    moved_by = {
        name: one.moved_by or one.unknown for name, one in parameter_sample(TINY, 0).drawn.items()
    } | {CHANCE: CHANCE}
    for number in topics_of_numbers(TINY):
        after = drawn(0, **{number: 0.123})
        moved = {name for name, value in after.items() if value != before[name]}
        assert moved <= {name for name, by in moved_by.items() if by == number}, number
        if number not in (LAW, FACTORS):  # another draw of a fit may have the same constants
            assert moved, number


def test_the_numbers_of_a_draw_make_its_inputs() -> None:
    numbers = [
        n for n in topics_of_numbers(TINY) if n not in (LAW, LEVEL_OF_ERROR, FACTORS, CHANCE)
    ]
    seed = TINY.uncertainty.seed
    stated = {name: fraction(seed, "judge", 3, "input", name) for name in numbers}
    third, made = drawn(3), drawn(0, **stated)
    names = [
        name
        for name, one in parameter_sample(TINY, 0).drawn.items()
        if (one.moved_by or one.unknown) in stated
    ]
    assert len(names) > 20
    assert {name: made[name] for name in names} == {name: third[name] for name in names}


def test_indices_are_of_the_leads_of_all_rows_and_prices_are_left_out(found: Sobol) -> None:
    groups = list(topics_of_numbers(TINY).values())
    assert PRICES not in groups
    assert set(found.table["what"]) == set(groups)
    assert len(found.leads) == POINTS * (len(set(groups)) + 2)
    assert (found.table["runs"] == len(found.leads)).all()
    again = sobol_indices(groups, found.leads["lead"].to_numpy(), seed=1)
    pd.testing.assert_series_equal(
        again.set_index("what")["total"], found.table.set_index("what")["total"]
    )
    page = sobol_section(found.tables)
    assert page["figure"].startswith("<svg ")
    assert len(page["rows"]) == len(found.table)


def test_the_lead_of_a_row_is_what_is_simulated_there() -> None:
    rng = np.random.default_rng(1)
    names = tuple(topics_of_numbers(TINY))
    sampler = Designed(names, rng.random((1, len(names))))
    sample = sampler(TINY, 0, "search")
    quiet = unrecorded(TINY)
    start = starts_of(Design(quiet, sampler), [sample], [0])[0]
    cases = [Case(start, plan, sample.respond()) for plan in PLANS.values()]
    runs = [Totals.of(run) for run in simulate_many(cases, scenario=quiet)]
    people = People.of(sample.world, years=1)
    plan, nothing = (DESIGN.objective.of(measured(one, people, TINY.equity)) for one in runs)
    kept = leads_in(DESIGN, Rows(PLANS["plan"], PLANS["baseline"], names, sampler.rows))
    assert kept.arrays["lead"] == pytest.approx([plan - nothing])


def test_a_lead_that_never_changes_is_refused() -> None:
    with executor_of(workers=1) as executor, pytest.raises(AnswerError, match="the same in all"):
        sobol(DESIGN, Answering(executor), PLANS["plan"], PLANS["plan"], points=POINTS)


def test_samples_of_ones_own_are_refused() -> None:
    own = Design(small_scenario(), sample_small)
    with executor_of(workers=1) as executor, pytest.raises(AnswerError, match="one's own"):
        sobol(own, Answering(executor), *PLANS.values(), points=POINTS)


def test_the_command_prints_the_indices_and_the_report_has_them(tmp_path: Path) -> None:
    run = tmp_path / "run"
    overrides = [
        "regions=[KEN]",
        "policies=[baseline, by_need, plan]",
        "search.effort=50",
        "uncertainty.draws=5",
        "horizon={decide_years: 1, score_years: 1, warm_up_years: 0}",
    ]
    sim.study(FILE, overrides=overrides).run(run)
    words = ["answer", "drivers", str(run), "--against", "baseline", "--workers", "1", "--sobol"]
    done = CliRunner().invoke(app, [*words, str(POINTS)], env={"COLUMNS": "80"})
    assert done.exit_code == 0, done.output
    assert "with others" in done.stdout
    assert "chance" in done.stdout
    assert 'id="sobol-caption"' in (run / "report.html").read_text(encoding="utf-8")
    refused = CliRunner().invoke(app, [*words, "17"])
    assert refused.exit_code == 2
    assert "power of two" in refused.stderr
