"""The table of docs/validation_table.md has the comparisons that the tests make, and no others."""

from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from tests.validation import (
    test_data_study_level,
    test_imaging_ciw,
    test_imaging_closed_forms,
    test_imaging_patient_level,
    test_reading_ciw,
    test_reading_exam_level,
)

TABLE = Path(__file__).parents[2] / "docs" / "validation_table.md"
CONFIGURATIONS: Mapping[str, Mapping[str, object]] = {
    "Ciw": test_imaging_ciw.STATIONS,
    "Ciw, reading": test_reading_ciw.DESKS,
    "Erlang A": test_imaging_closed_forms.STATIONS,
    "Erlang A, hard:": test_imaging_closed_forms.HARD,
    "Markov chain, two classes": test_imaging_closed_forms.CLASSES,
    "patient level": test_imaging_patient_level.CASES,
    "exam level": test_reading_exam_level.CASES,
    "study level": test_data_study_level.CASES,
}


def rows() -> list[list[str]]:
    lines = TABLE.read_text(encoding="utf-8").splitlines()[2:]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]


def named() -> Iterator[str]:
    for reference, configurations in CONFIGURATIONS.items():
        for name in configurations:
            joined = reference if reference.endswith(":") else f"{reference},"
            yield f"{joined} {name}, load"


def test_every_configuration_has_its_rows_and_every_row_a_configuration() -> None:
    expected = list(named())
    shown = {row[0].rpartition(" ")[0] for row in rows()}
    assert [name for name in expected if name not in shown] == []
    others = ("Erlang C", "M/D/1", "Markov chain", "fluid")  # named where they are tested
    assert [name for name in shown if name not in expected and not name.startswith(others)] == []


def test_every_difference_is_within_its_margin() -> None:
    for configuration, measure, *numbers in rows():
        reference, ours, difference, margin = map(float, numbers)
        assert abs(difference) < margin, (configuration, measure)
        assert ours - reference == pytest.approx(difference, abs=2e-3 * abs(reference) + 1e-3)
