"""Answers to further questions about a run: kept beside it, read again, replaced when stale."""

import re
from dataclasses import replace
from pathlib import Path
from shutil import copytree, rmtree

import pytest
from pypdf import PdfReader
from typer.testing import CliRunner, Result

import sim
from reports.export import DICTIONARY, tables_of
from reports.pdf import write_pdf
from reports.policy import page_of
from sim.cli import answer, app
from sim.domain.levers import LEVERS
from sim.errors import AnswerError
from sim.studies import answer_folder
from sim.studies.answer_folder import answers_of, policies_of
from sim.studies.batch import Design
from sim.studies.manifest import ANSWERS
from sim.studies.provenance import provenance
from sim.studies.result import load
from tests.unit.studies.small_study import execute_small, sample_small, small_scenario

ROOT = Path(__file__).parents[3]
TINY = ROOT / "scenarios" / "tiny.yaml"
KEPT = {"scanner", "outreach", "reader"}
FEW = ("--searches", "3", "--runs", "50", "--workers", "1")
ASKED = re.findall(
    r"equiscan (answer [\w-]+|claims) ", (ROOT / "Makefile").read_text(encoding="utf-8")
)
"""Commands of ``make answers``, in its order."""
QUICKER = {
    "answer stages": FEW,
    "answer frontier": ("--runs", "50", "--workers", "1"),
    "answer ring-fence": ("--top", "1", "--runs", "50", "--workers", "1"),
    "answer alternatives": ("--runs", "50", "--workers", "1"),
} | dict.fromkeys(
    ("answer matrix", "claims", "answer certificate", "answer gain"), ("--workers", "1")
)
"""What makes commands quick enough for a test."""


def called(*words: str) -> Result:
    return CliRunner().invoke(app, words, env={"COLUMNS": "80", "TERMINAL_WIDTH": "80"})


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small run of a real country, and what stages are worth there."""
    out = tmp_path_factory.mktemp("run") / "small"
    overrides = [
        "regions=[KEN]",
        "policies=[baseline, by_need, plan]",
        "uncertainty.draws=5",  # the fewest of which the page says what is not known
        "search.effort=60",
        "horizon={decide_years: 1, score_years: 1, warm_up_years: 0}",
        f"levers={{{', '.join(f'{n}: {{allowed: false}}' for n in LEVERS if n not in KEPT)}}}",
    ]
    sim.study(TINY, overrides=overrides).run(out)
    found = called("answer", "stages", str(out), *FEW)
    assert found.exit_code == 0, found.stderr
    lines = [line for line in found.stdout.splitlines() if not line.startswith("Report:")]
    assert max(map(len, lines)) <= 80
    assert "of 4 coalitions were searched; for 100% no worthwhile gain is left open" in (
        " ".join(found.stdout.split())
    )
    return out


def test_an_answer_is_a_section_of_the_report_and_tables_in_a_folder(made: Path) -> None:
    page = (made / "report.html").read_text(encoding="utf-8")
    assert 'id="stages"' in page
    assert page.count('aria-labelledby="stages-caption"') == 1
    tables = answers_of(made, load(made))["stages"]
    assert tuple(tables) == ANSWERS["stages"]
    assert set(tables["stage_value"]["who"]) == {"all", "KEN", "urban", "rural"}
    assert len(tables["coalitions"]) == 4


def test_answers_of_another_form_are_left_out_of_a_report(
    made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Their tables lack columns that the page shows."""
    copy = Path(copytree(made, tmp_path / "copy"))
    assert "stages" in answers_of(copy, load(copy))
    monkeypatch.setattr(answer_folder, "FORM", answer_folder.FORM + 1)
    assert not answers_of(copy, load(copy))
    assert 'id="stages"' not in page_of(copy)


@pytest.mark.slow  # that the page has it, and that paper has the page, is tested quickly
def test_an_answer_is_on_paper_too(made: Path, tmp_path: Path) -> None:
    pytest.importorskip("weasyprint", exc_type=OSError, reason="Pango is not installed")
    file = write_pdf(made, tmp_path / "report.pdf")
    text = "".join(page.extract_text() for page in PdfReader(file).pages)
    assert "What every stage is worth" in text


def test_the_other_answers_rest_on_it(made: Path, tmp_path: Path) -> None:
    copy = Path(copytree(made, tmp_path / "copy"))
    for words, said in (
        (("answer", "matrix"), "Importance: no rank correlation"),
        (("claims",), "C1: CONFIRMED. A few countries"),
    ):
        says(copy, words, said)
    page = (copy / "report.html").read_text(encoding="utf-8")
    assert "<image" not in page  # of pixels, which paper would not show
    for section in ("matrix", "claims"):
        assert f'<h2 id="{section}">' in page
    assert "nan" not in page.split('<h2 id="claims">')[1].split("<h2")[0].split()
    asked = ("stages", "matrix", "claims")
    assert tuple(answers_of(copy, load(copy))) == asked
    every_column_is_described(copy, asked)
    # stages of other settings replace the answer, and what rests on that is none of this run's
    before = answers_of(copy, load(copy))["stages"]["coalitions"]
    assert called("answer", "stages", str(copy), "--searches", "1", *FEW[2:]).exit_code == 0
    kept = answers_of(copy, load(copy))
    assert tuple(kept) == ("stages",)
    assert before["searched"].sum() > kept["stages"]["coalitions"]["searched"].sum() == 1
    page = (copy / "report.html").read_text(encoding="utf-8")
    assert 'id="stages"' in page
    assert 'id="matrix"' not in page


@pytest.mark.slow
def test_other_plans_are_looked_for_by_command(made: Path, tmp_path: Path) -> None:
    copy = Path(copytree(made, tmp_path / "copy"))
    says(copy, ("answer", "frontier", "--runs", "50"), "Money spent by the plan: $")
    says(copy, ("answer", "alternatives", "--runs", "150"), "Within 5% of the plan's objective")
    page = (copy / "report.html").read_text(encoding="utf-8")
    for section in ("frontier", "alternatives"):
        assert f'<h2 id="{section}">' in page
    every_column_is_described(copy, ("frontier", "alternatives"))


def test_make_asks_every_answer() -> None:
    known = {f"answer {command.name}" for command in answer.registered_commands}
    assert set(ASKED) == known | {"claims"}
    assert len(ASKED) == len(set(ASKED))


@pytest.mark.slow
def test_all_answers_come_to_the_same_page_in_any_order(made: Path, tmp_path: Path) -> None:
    """Those that rest on stages are refused before; the others are asked before and after it."""
    pages = []
    for name, order in (("made", ASKED), ("reversed", [*reversed(ASKED), *ASKED])):
        run = Path(copytree(made, tmp_path / name))
        rmtree(run / "answers")
        answered = [command for command in order if asks(run, command)]
        assert set(answered) == set(ASKED)
        pages.append((run / "report.html").read_text(encoding="utf-8"))
        every_column_is_described(run, tuple(answers_of(run, load(run))))
    assert pages[0] == pages[1]
    assert set(re.findall(r'<h[23] id="(\w+)">', pages[0])) >= {
        "stages", "matrix", "claims", "certificate", "gain", "ring_fence", "frontier",
        "alternatives", "unknown",
    }  # fmt: skip
    assert "nan" not in pages[0].split()
    for words in (
        ("report", str(run), "--language", "fr"),
        ("export", str(run), "--xlsx", str(tmp_path / "tables.xlsx")),
        ("compare", str(run), str(tmp_path / "made")),
    ):
        found = called(*words)
        assert found.exit_code == 0, found.stderr


def asks(run: Path, command: str) -> bool:
    """Ask a question by its command; whether it was answered, or had to wait for stages."""
    found = called(*command.split(), str(run), *QUICKER.get(command, ()))
    waits = command in ("answer matrix", "claims") and not (run / "answers" / "stages").exists()
    assert found.exit_code == (2 if waits else 0), f"{command}: {found.stderr}"
    return not waits


def says(run: Path, words: tuple[str, ...], said: str) -> None:
    found = called(*words, str(run), "--workers", "1")
    assert found.exit_code == 0, found.stderr
    lines = [line for line in found.stdout.splitlines() if not line.startswith("Report:")]
    assert max(map(len, lines)) <= 80
    assert said in found.stdout


def every_column_is_described(run: Path, asked: tuple[str, ...]) -> None:
    tables = tables_of(run)
    described = tables[DICTIONARY].set_index(["table", "column"])["meaning"]
    new = [name for question in asked for name in ANSWERS[question]]
    assert set(new) <= set(tables)
    assert (described.loc[new] != "").all()


def test_other_plans_than_none_are_refused(tmp_path: Path) -> None:
    scenario = small_scenario().model_copy(update={"policies": ("baseline",)})
    result = execute_small(scenario, tmp_path / "run")
    with pytest.raises(AnswerError, match="compares baseline and makes no plan"):
        policies_of(result, Design(scenario, sample_small))


def test_what_rests_on_stages_asks_for_them_first(made: Path, tmp_path: Path) -> None:
    copy = Path(copytree(made, tmp_path / "copy"))
    rmtree(copy / "answers")
    for words in (("answer", "matrix"), ("claims",)):
        found = called(*words, str(copy))
        assert found.exit_code == 2
        assert "equiscan answer stages" in " ".join(found.stderr.split())


def test_what_is_there_is_read_again(made: Path) -> None:
    files = [path for path in (made / "answers" / "stages").iterdir() if path.is_file()]
    before = [path.stat().st_mtime_ns for path in files]
    assert called("answer", "stages", str(made), *FEW).exit_code == 0
    assert [path.stat().st_mtime_ns for path in files] == before


def test_an_answer_that_is_damaged_is_none(made: Path, tmp_path: Path) -> None:
    copy = Path(copytree(made, tmp_path / "copy"))
    (copy / "answers" / "stages" / "coalitions.parquet").write_bytes(b"PAR1")
    assert answers_of(copy, load(copy)) == {}
    assert called("report", str(copy)).exit_code == 0
    assert 'id="stages"' not in (copy / "report.html").read_text(encoding="utf-8")


def test_an_answer_would_not_be_about_a_run_of_other_code(
    made: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def changed(*given: object) -> object:
        return replace(provenance(*given), code_sha256="other")  # type: ignore[arg-type]

    monkeypatch.setattr(answer_folder, "provenance", changed)
    found = called("answer", "stages", str(made), *FEW)
    assert found.exit_code == 2
    assert "the code has changed since this run was made" in " ".join(found.stderr.split())


def test_a_folder_without_a_run_is_named(tmp_path: Path) -> None:
    found = called("answer", "stages", str(tmp_path / "none"))
    assert found.exit_code == 2
    assert "no run folder at" in found.stderr


def test_a_run_without_answers_has_none(tmp_path: Path) -> None:
    execute_small(small_scenario().model_copy(update={"policies": ("baseline",)}), tmp_path / "run")
    assert answers_of(tmp_path / "run", load(tmp_path / "run")) == {}
