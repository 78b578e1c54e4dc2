"""Maps show what the tables say, country by country, and equal areas as equal."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from typer.testing import CliRunner

from reports.country_maps import FEWEST, country_values, is_mapped, map_of_run
from reports.country_shapes import class_ends, equal_earth, shapes, window
from reports.data_sets import NOT_STATED, SEVERAL, data_sets_by_country
from reports.policy import render
from sim.baseline import tables
from sim.cli import app
from sim.studies.result import StudyResult

AFRICA = ["KEN", "UGA", "RWA", "TZA", "ETH", "BDI", "SSD", "SOM", "ZMB"]


def area_on_the_page(south: float, north: float, west: float, east: float) -> float:
    """Return the area of a rectangle of the globe on the page, by the shoelace formula."""
    steps = np.linspace(0.0, 1.0, 400)[:, None]
    corners = np.array([[west, south], [east, south], [east, north], [west, north]])
    sides = [a + steps * (b - a) for a, b in zip(corners, np.roll(corners, -1, 0), strict=True)]
    x, y = equal_earth(np.concatenate(sides)).T
    return abs(float(np.dot(x, np.roll(y, -1)) - np.dot(y, np.roll(x, -1)))) / 2.0


@given(south=st.floats(-85.0, 60.0), west=st.floats(-180.0, 120.0))
def test_equal_areas_of_the_globe_are_equal_on_the_page(south: float, west: float) -> None:
    north, east = south + 20.0, west + 50.0
    on_the_globe = np.radians(50.0) * (np.sin(np.radians(north)) - np.sin(np.radians(south)))
    assert area_on_the_page(south, north, west, east) == pytest.approx(on_the_globe, rel=1e-3)


def test_nearly_all_countries_of_the_tables_have_a_shape_in_its_place() -> None:
    known = set(tables.countries().index)
    assert known - set(shapes()) == {"GIB", "TUV"}
    assert {code for code in shapes() if not code.startswith("-")} < known
    for code, (longitude, latitude) in {
        "KEN": (38.0, 0.5), "BRA": (-53.0, -10.0), "MNG": (103.0, 47.0), "AUS": (134.0, -25.0)
    }.items():  # fmt: skip
        ring = shapes()[code][0]
        assert (ring.min(axis=0) < (longitude, latitude)).all()
        assert (ring.max(axis=0) > (longitude, latitude)).all()
    for code, rings in shapes().items():
        for ring in rings:
            assert np.ptp(ring[:, 0]) < 170.0, f"{code} is drawn across the page"


def test_the_page_shows_the_countries_or_all_the_world() -> None:
    left, right, bottom, top = window(AFRICA)
    everywhere = window(list(shapes()))
    assert right - left < 0.3 * (everywhere[1] - everywhere[0])
    nairobi = equal_earth(np.array([[36.8, -1.3]]))[0]
    assert left < nairobi[0] < right
    assert bottom < nairobi[1] < top
    assert window(["USA", "JPN"]) == everywhere


@given(st.lists(st.floats(0.0, 1e6), min_size=1, max_size=40))
def test_every_value_has_a_class(values: list[float]) -> None:
    ends = class_ends(values)
    assert len(ends) > 1
    assert ends == sorted(set(ends))
    assert ends[0] <= min(values) + 1e-9
    assert ends[-1] >= max(values) * (1.0 - 1e-9)


@pytest.fixture(scope="module")
def wide(planned: tuple[Path, StudyResult]) -> StudyResult:
    """Return a small study whose first region stands for many countries."""
    result = planned[1]

    def many(table: pd.DataFrame) -> pd.DataFrame:
        first = table[table["region"] == table["region"].iloc[0]]
        return pd.concat([first.assign(region=code) for code in AFRICA], ignore_index=True)

    return replace(result, cells=many(result.cells), ledger=many(result.ledger))


def test_a_run_of_few_countries_has_no_map(planned: tuple[Path, StudyResult]) -> None:
    assert not is_mapped(planned[1])
    assert 'id="map-caption"' not in render(planned[1])


def test_a_run_of_many_countries_has_one(wide: StudyResult) -> None:
    assert is_mapped(wide)
    assert wide.cells["region"].nunique() > FEWEST
    table = country_values(wide, "plan")
    assert list(table.columns) == ["covered", "spent", "gained"]
    plain = country_values(wide, "baseline")
    assert list(plain.columns) == ["covered", "spent"]
    assert (table["covered"] - plain["covered"]).to_numpy() == pytest.approx(
        table["gained"].to_numpy()
    )
    found = map_of_run(wide, "plan")
    assert found == map_of_run(wide, "plan")
    assert "<image" not in found
    assert len(found) < 400_000
    assert "Gained on buying" in found
    ends = [f"{end:,.3g}" for end in class_ends(list(table["spent"]))]
    assert ends
    for end in ends:
        assert f">{end}<" in found  # outlines are shortened, numbers are not


def test_data_sets_are_counted_once_and_those_of_several_countries_apart() -> None:
    counts = data_sets_by_country()
    known = tables.datasets()
    assert counts.to_numpy().sum() == (known["counted"] == "yes").sum()
    assert list(counts.index[-2:]) == [SEVERAL, NOT_STATED]
    assert counts.loc["IND", "fundus"] == 3
    assert counts.loc[SEVERAL].sum() == (
        known["iso3"].str.contains("|", regex=False) & (known["counted"] == "yes")
    ).sum()  # fmt: skip


def test_their_figure_is_written_and_not_replaced(tmp_path: Path) -> None:
    def called(*words: str) -> tuple[int, str]:
        found = CliRunner().invoke(app, ["data", "map", *words], env={"COLUMNS": "80"})
        return found.exit_code, " ".join(found.output.split())

    file = tmp_path / "sets.svg"
    assert called(str(file))[0] == 0
    text = file.read_text(encoding="utf-8")
    assert "several countries" in text
    code, said = called(str(file))
    assert (code, "exists already" in said) == (2, True)
    code, said = called(str(tmp_path / "sets.gif"))
    assert (code, "a figure is written as svg, png, pdf" in said) == (2, True)
    assert called(str(file), "--overwrite")[0] == 0
