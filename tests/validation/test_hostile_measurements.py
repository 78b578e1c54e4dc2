"""Measurements that people bring, changed at random: each is refused in words, or fitted.

Descriptions, tables of runs, codecarbon's tables, MLflow's files and measurement plans.
"""

import csv
import json
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from shutil import copytree, rmtree
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sim.errors import ProfileError
from sim.profiles.card.page import write_card
from sim.profiles.design import MeasurementPlan
from sim.profiles.fit.fitting import fit
from sim.profiles.importing.own_runs import import_runs
from sim.scenario.tree import read_tree
from tests.unit.profiles.importing.own_folder import (
    DESCRIPTION,
    own_folder,
    write_csv,
    write_mlflow,
)
from tests.unit.profiles.importing.test_own_runs import WIDE
from tests.validation.test_hostile_files import (
    LONGEST_MESSAGE,
    assert_well_told,
    changed,
    many,
    odd_words,
    texts,
    told,
)

pytestmark = pytest.mark.slow

CARDS = 15
"""Changed folders that were taken and go through fit and card."""
DRAWS = 5
PLAN = Path(__file__).parents[2] / "sim" / "profiles" / "plans" / "dermoscopy.yaml"

odd_cells = st.one_of(
    st.sampled_from(
        [
            "",
            " ",
            "-1",
            "0",
            "1",
            "100",
            "0,5",
            "1e300",
            "nan",
            "inf",
            "0x10",
            "1_000",
            "\u0661",
            "None",
        ]
    ),
    odd_words,
    st.text(max_size=8),
    st.floats().map(str),
    st.floats(0, 1).map(str),
    st.integers(0, 500).map(str),
)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return own_folder(tmp_path_factory.mktemp("hostile") / "mine", version="3.3.2")


@st.composite
def tables(
    draw: st.DrawFn, rows: Sequence[dict[str, object]], most: int = 3
) -> list[dict[str, object]]:
    """Return a table with one or a few cells, rows or columns changed."""
    found = [dict(row) for row in rows]
    for _ in range(draw(st.integers(1, most))):
        name = draw(st.sampled_from(sorted(found[0])))
        at = draw(st.integers(0, len(found) - 1))
        match draw(st.sampled_from(["cell", "cell", "cell", "column", "row", "twice", "name"])):
            case "cell":
                found[at][name] = draw(odd_cells)
            case "column" if len(found[0]) > 1:
                found = [{k: v for k, v in row.items() if k != name} for row in found]
            case "row" if len(found) > 1:
                del found[at]
            case "twice":
                found.append(dict(found[at]))
            case _:
                to = draw(odd_words)
                found = [{(to if k == name else k): v for k, v in row.items()} for row in found]
    return found


def taken(folder: Path, *names: str) -> bool:
    """Import a folder; return whether it was taken, and check the refusal where it was not."""
    out = folder.parent / "out"
    code, said = told("profile", "import", str(folder), "--out", str(out), "--overwrite")
    assert code in (0, 2), said
    assert len(said) < LONGEST_MESSAGE
    if code == 2:
        assert any(name in said.splitlines()[0] for name in names), said
        for line in said.splitlines()[1:]:  # as many problems as there are
            known = any(f"{name}:" in line or f"{name}," in line for name in names)
            assert known or line.startswith("and "), said
    return code == 0


def rows_of(path: Path) -> list[dict[str, object]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


@many(150)
@given(text=texts(DESCRIPTION))
def test_a_description_is_taken_or_refused_in_words(folder: Path, text: str) -> None:
    place = folder / "profile.yaml"
    place.write_bytes(text.encode("utf-8", "surrogatepass"))
    try:
        taken(folder, "profile.yaml", "runs.csv", "emissions.csv")
    finally:
        place.write_text(DESCRIPTION, encoding="utf-8")


@many(200)
@given(data=st.data())
def test_a_table_of_runs_is_taken_or_refused_in_words(folder: Path, data: Any) -> None:
    place = folder / "runs.csv"
    before = place.read_bytes()
    try:
        write_csv(place, data.draw(tables(rows_of(place))))
        taken(folder, "runs.csv", "emissions.csv", "profile.yaml")
    finally:
        place.write_bytes(before)


@many(150)
@given(data=st.data())
def test_a_table_of_codecarbon_is_taken_or_refused_in_words(folder: Path, data: Any) -> None:
    place = folder / "emissions.csv"
    before = place.read_bytes()
    try:
        write_csv(place, data.draw(tables(rows_of(place))))
        taken(folder, "emissions.csv")
    finally:
        place.write_bytes(before)


@many(150)
@given(at=st.integers(0), cut=st.integers(0, 30), put=st.binary(max_size=8))
def test_torn_tables_are_taken_or_refused_in_words(
    folder: Path, at: int, cut: int, put: bytes
) -> None:
    for name in ("runs.csv", "emissions.csv"):
        place = folder / name
        before = place.read_bytes()
        where = at % len(before)
        try:
            place.write_bytes(before[:where] + put + before[where + cut :])
            taken(folder, "runs.csv", "emissions.csv")
        finally:
            place.write_bytes(before)


@many(60)
@given(at=st.integers(0), text=st.one_of(odd_cells, st.just("1 2 3\n1 x 4\n"), st.just("1 2 x")))
def test_files_of_mlflow_are_taken_or_refused_in_words(
    tmp_path_factory: pytest.TempPathFactory, at: int, text: str
) -> None:
    mine = tmp_path_factory.getbasetemp() / "flow" / "mine"
    if not mine.exists():
        own_folder(mine, description=DESCRIPTION + WIDE)
        (mine / "runs.csv").unlink()
        write_mlflow(mine / "mlruns")
    files = sorted(path for path in (mine / "mlruns").rglob("*") if path.is_file())
    place = files[at % len(files)]
    before = place.read_bytes()
    try:
        place.write_bytes(text.encode("utf-8", "surrogatepass"))
        taken(mine, "mlruns", "emissions.csv")
    finally:
        place.write_bytes(before)


@many(150)
@given(text=texts(PLAN.read_text(encoding="utf-8")))
def test_a_plan_is_taken_or_refused_in_words(folder: Path, text: str) -> None:
    place = folder / "plan.yaml"
    place.write_bytes(text.encode("utf-8", "surrogatepass"))
    out = folder.parent / "measured"
    code, said = told("profile", "measure", "--plan", str(place), "--out", str(out))
    # a plan that is taken has no images here
    if "real images" not in said and "takes no images" not in said:
        assert_well_told(code, said, "plan.yaml")
    assert not out.exists()


def test_what_is_taken_is_fitted_and_has_a_card(folder: Path) -> None:
    place, finished = folder / "runs.csv", list[int]()
    before, rows = place.read_bytes(), rows_of(folder / "runs.csv")
    fits = folder.parent / "out"

    @many(400)
    @given(table=tables(rows, most=1))
    def runs(table: list[dict[str, object]]) -> None:
        if len(finished) < CARDS and table != rows:
            write_csv(place, table)
            if taken(folder, "runs.csv", "emissions.csv", "profile.yaml"):
                fit(fits, draws=DRAWS)
                card = folder.parent / "card.html"
                code, said = told("profile", "card", str(fits), "--out", str(card), "--overwrite")
                assert code == 0, said
                finished.append(len(table))

    try:
        runs()
    finally:
        place.write_bytes(before)
        rmtree(fits, ignore_errors=True)
    assert len(finished) == CARDS


@many(60)
@given(data=st.data())
def test_a_fitted_profile_is_read_or_refused_in_words(folder: Path, data: Any) -> None:
    """What ``profile fit`` reads, and what ``profile card`` reads."""
    good, bad = folder.parent / "good", folder.parent / "bad"
    if not good.exists():
        fit(import_runs(folder, good).folder, draws=DRAWS)
    rmtree(bad, ignore_errors=True)
    copytree(good, bad)
    name = data.draw(st.sampled_from(["fit.json", "measurement.json"]))
    tree = json.loads((good / name).read_text(encoding="utf-8"))
    (bad / name).write_text(json.dumps(data.draw(changed(tree))), encoding="utf-8")
    card = folder.parent / "card.html"
    said = name
    with suppress(ProfileError):
        try:
            write_card(bad, out=card) if name == "fit.json" else fit(bad, draws=1)
        except ProfileError as refusal:
            said = str(refusal)
            raise
    assert name in said
    assert len(said) < LONGEST_MESSAGE


def test_the_shipped_plan_is_as_it_is_read() -> None:
    """What is changed here is whole before: a plan that could not be read would prove nothing."""
    assert MeasurementPlan.load(PLAN).name == "dermoscopy_site"
    assert isinstance(read_tree(PLAN).value, dict)
