"""Exports of sites of statistics become overlays with source, year and unit."""

import json
from pathlib import Path
from shutil import copy

import pytest
from ruamel.yaml import YAML
from typer.testing import CliRunner

from sim.baseline.data_import import factor_of, import_overlay, read_export
from sim.cli import app
from sim.domain.bounds import Bounds
from sim.errors import ScenarioError
from sim.studies.names import load_scenario

URBAN = "Urban population (% of total population)"
WORLD_BANK = f"""\ufeff"Data Source","World Development Indicators",

"Last Updated Date","2026-07-01",

"Country Name","Country Code","Indicator Name","Indicator Code","2022","2023","2024",
"Rwanda","RWA","{URBAN}","SP.URB.TOTL.IN.ZS","17.7","17.9","",
"Romania","ROM","{URBAN}","SP.URB.TOTL.IN.ZS","54","54.5","54.7",
"Kosovo","XKX","{URBAN}","SP.URB.TOTL.IN.ZS","","","",
"World","WLD","{URBAN}","SP.URB.TOTL.IN.ZS","56","57","57.5",
"""
API = [
    {"page": 1, "total": 1},
    [
        {
            "indicator": {"id": "SP.POP.TOTL", "value": "Population, total"},
            "country": {"id": "NA", "value": "Namibia"},
            **{"countryiso3code": "NAM", "date": "2024", "value": 3030131, "unit": ""},
        }
    ],
]
WHO = """IndicatorCode,Indicator,SpatialDimValueCode,Location,Period,Dim1,FactValueNumeric,\
FactValueNumericLow,FactValueNumericHigh,Value
X,Radiologists (per 100 000 population),KEN,Kenya,2021,Both sexes,0.5,0.4,0.7,0.5 [0.4-0.7]
X,Radiologists (per 100 000 population),KEN,Kenya,2021,Female,0.2,,,0.2
X,Radiologists (per 100 000 population),KEN,Kenya,2019,Both sexes,0.3,,,0.3
"""
OECD = """STRUCTURE,REF_AREA,Reference area,MEASURE,Measure,UNIT_MEASURE,Unit of measure,\
TIME_PERIOD,OBS_VALUE,UNIT_MULT
DATAFLOW,MEX,Mexico,CTS,Computed tomography scanners,10P6HB,"Per 1,000,000 inhabitants",2023,0.67,1
DATAFLOW,OECD,OECD,CTS,Computed tomography scanners,10P6HB,"Per 1,000,000 inhabitants",2023,2.8,1
"""
OWID = """Entity,Code,Year,Share with electricity (%)
Kosovo,OWID_KOS,2021,99.5
Kosovo,OWID_KOS,2022,100
World,OWID_WRL,2022,91
Africa,,2022,57
"""


def written(tmp_path: Path, name: str, text: str) -> Path:
    file = tmp_path / name
    file.write_text(text, encoding="utf-8")
    return file


def overrides(file: Path) -> dict[str, dict[str, object]]:
    loaded = YAML(typ="safe").load(file.read_text(encoding="utf-8"))
    return dict(loaded["overrides"])


def test_the_last_year_of_a_wide_table_of_the_world_bank(tmp_path: Path) -> None:
    file, out = written(tmp_path, "wb.csv", WORLD_BANK), tmp_path / "urban.yaml"
    found = import_overlay("worldbank", file, "urban_share", out, countries=["RWA", "ROU", "XKX"])
    assert overrides(out) == {
        "ROU.urban_share": {
            "value": 0.547,
            "status": "published",
            "source": f"World Bank: {URBAN}, 2024; wb.csv",
        },
        "RWA.urban_share": {
            "value": 0.179,
            "status": "published",
            "source": f"World Bank: {URBAN}, 2023; wb.csv",
        },
    }
    assert found.times == 0.01
    assert found.missing == ("XKX",)
    assert found.unmatched == ("WLD",)


def test_a_country_na_of_the_api_is_no_empty_cell(tmp_path: Path) -> None:
    file, out = written(tmp_path, "pop.json", json.dumps(API)), tmp_path / "pop.yaml"
    import_overlay("worldbank", file, "population", out)
    assert overrides(out)["NAM.population"]["value"] == 3_030_131


def test_the_who_gives_ranges_and_several_values_a_year(tmp_path: Path) -> None:
    file, out = written(tmp_path, "who.csv", WHO), tmp_path / "readers.yaml"
    variable = "readers_per_million.radiologist"
    with pytest.raises(ScenarioError, match=r"2 values of KEN in 2021: .* --where"):
        import_overlay("who", file, variable, out)
    import_overlay("who", file, variable, out, where={"Dim1": "Both sexes"})
    one = overrides(out)[f"KEN.{variable}"]
    assert (one["value"], one["low"], one["high"]) == (5.0, 4.0, 7.0)


def test_oecd_values_are_raised_by_their_multiplier(tmp_path: Path) -> None:
    found = read_export("oecd", written(tmp_path, "oecd.csv", OECD))
    assert found[["iso3", "value", "year"]].to_numpy().tolist()[0] == ["MEX", 6.7, "2023"]
    out = tmp_path / "ct.yaml"
    imported = import_overlay("oecd", tmp_path / "oecd.csv", "scanners_per_million.ct", out)
    assert (imported.times, imported.unmatched) == (1.0, ("OECD",))


def test_codes_of_our_world_in_data(tmp_path: Path) -> None:
    file, out = written(tmp_path, "owid.csv", OWID), tmp_path / "power.yaml"
    found = import_overlay("owid", file, "facility_reliable_electricity_share", out)
    assert overrides(out)["XKX.facility_reliable_electricity_share"]["value"] == 1.0
    assert found.unmatched == ("OWID_WRL",)


@pytest.mark.parametrize(
    ("unit", "bounds", "times"),
    [
        ("per 10 000 population", Bounds(0.0, 1e4, "readers per million people"), 100.0),
        ("per 1,000 inhabitants", Bounds(0.0, 1e4, "readers per million people"), 1_000.0),
        ("GDP per capita (current US$)", Bounds(10.0, 1e6, "US dollars per person and year"), 1.0),
    ],
)
def test_units_in_the_words_of_sites(unit: str, bounds: Bounds, times: float) -> None:
    assert factor_of(unit, bounds) == times


@pytest.mark.parametrize(
    ("unit", "bounds"),
    [
        ("Population (thousands)", Bounds(1e3, 2e9, "persons")),
        ("GDP per capita, PPP (current US$)", Bounds(10.0, 1e6, "US dollars per person and year")),
        ("Number", Bounds(0.0, 1e4, "units per million people")),
    ],
)
def test_a_unit_that_is_not_the_tables_is_asked_for(unit: str, bounds: Bounds) -> None:
    with pytest.raises(ScenarioError, match="--times"):
        factor_of(unit, bounds)


def called(*words: str) -> tuple[int, str]:
    found = CliRunner().invoke(app, ["data", "import", *words], env={"COLUMNS": "80"})
    return found.exit_code, " ".join(found.output.split())


def test_an_overlay_is_read_by_a_scenario_of_its_countries(tmp_path: Path) -> None:
    file, out = written(tmp_path, "wb.csv", WORLD_BANK), tmp_path / "urban.yaml"
    tiny = Path(__file__).parents[3] / "scenarios" / "tiny.yaml"
    asked = [str(file), "--source", "worldbank", "--variable", "urban_share", "--out", str(out)]
    code, said = called(*asked, "--scenario", str(tiny))
    assert code == 0
    assert "1 countries, 2023 to 2023" in said
    for shipped in ("tiny.yaml", "east_africa.yaml"):
        copy(tiny.parent / shipped, tmp_path)
    mine = written(tmp_path, "mine.yaml", "extends: tiny.yaml\noverlays: [urban.yaml]\n")
    assert load_scenario(mine).overrides["RWA.urban_share"].value == 0.179
    code, said = called(*asked)
    assert (code, "exists already; --overwrite replaces it" in said) == (2, True)


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        (["--source", "worldbnk"], "no source 'worldbnk'. Did you mean 'worldbank'?"),
        (["--source", "owid"], "not an export of 'owid'"),
        (["--variable", "urban_shar"], "Did you mean 'urban_share'?"),
        (["--times", "1"], "17.9 looks like percent"),
        (["--where", "Region=x"], "no column 'Region' to choose rows by"),
        (["--where", "Country Code=KEM"], "no 'KEM' in 'Country Code'; it holds ROM, RWA"),
    ],
)
def test_what_cannot_be_imported_is_said(changed: list[str], message: str, tmp_path: Path) -> None:
    file, out = written(tmp_path, "wb.csv", WORLD_BANK), tmp_path / "urban.yaml"
    asked = {"--source": "worldbank", "--variable": "urban_share", "--out": str(out)}
    asked |= {changed[0]: changed[1]}
    words = [word for pair in asked.items() for word in pair]
    code, said = called(str(file), *words)
    assert (code, message in said) == (2, True), said
    assert not out.exists()


def test_a_file_that_is_not_there_is_said(tmp_path: Path) -> None:
    with pytest.raises(ScenarioError, match=r"absent\.csv: cannot be read"):
        read_export("who", tmp_path / "absent.csv")
