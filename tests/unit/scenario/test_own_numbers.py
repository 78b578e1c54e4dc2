"""A CSV file of one's own numbers becomes overrides, or every wrong cell of it is said."""

from pathlib import Path

import pytest

from sim.baseline.build import world_and_inputs
from sim.errors import ScenarioError
from sim.scenario.files import resolved_yaml
from sim.scenario.own_numbers import read_numbers
from sim.scenario.tree import Budget
from sim.studies.fill_in import write_numbers
from sim.studies.names import load_scenario

SCENARIOS = Path(__file__).parents[3] / "scenarios"
HEAD = "region,variable,value,low,high,unit,year,source,status\n"
DENSITY = "readers per million people"
ROW = f"Kenya,readers_per_million.dermatologist,0.6,0.4,0.9,{DENSITY},2026,our count,published\n"


def written(folder: Path, text: str, *, page: str = "overrides: my.csv\n") -> Path:
    (folder / "my.csv").write_text(text, encoding="utf-8")
    for shipped in ("tiny.yaml", "east_africa.yaml"):
        (folder / shipped).write_bytes((SCENARIOS / shipped).read_bytes())
    file = folder / "mine.yaml"
    file.write_text(f"extends: east_africa.yaml\n{page}", encoding="utf-8")
    return file


def said(file: Path, **options: bool) -> list[str]:
    with pytest.raises(ScenarioError) as caught:
        load_scenario(file, **options)
    lines = str(caught.value).replace(f"{file.parent}/", "").splitlines()
    return lines[1:] if "problems:" in lines[0] else lines


@pytest.mark.parametrize("separator", [",", ";"])
def test_its_rows_are_overrides_by_name_code_and_income_group(
    tmp_path: Path, separator: str
) -> None:
    text = (
        HEAD
        + ROW
        + "LIC,dermoscopy.need_per_1000,12,9,15,exams per 1000 people and year,,a\
 survey,\n\n#KEN,population,1,,,persons,,not yet,\nall,dermoscopy.reading_minutes,6,,,minutes per\
 exam,,a survey,\n"
    )
    file = written(tmp_path, "\ufeff" + text.replace(",", separator))
    found = load_scenario(file).overrides
    assert set(found) == {
        "KEN.readers_per_million.dermatologist",
        "dermoscopy.need_per_1000.LIC",
        "dermoscopy.reading_minutes",
    }
    kenya = found["KEN.readers_per_million.dermatologist"]
    assert (kenya.value, kenya.low, kenya.high, kenya.status) == (0.6, 0.4, 0.9, "published")
    datum = world_and_inputs(load_scenario(file), draw=None)[1].used[
        "KEN.readers_per_million.dermatologist"
    ]
    assert (datum.year, datum.source, datum.unit) == ("2026", "our count", DENSITY)


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ("variable,", "varable,", "my.csv:1: unknown column 'varable'. Did you mean 'variable'?"),
        ("unit,", "source,", "my.csv:1: columns named twice: source."),
        (
            "0.6",
            '"0,6"',
            "my.csv:2: column value: found '0,6'; must be a number such as 1200 or 0.4",
        ),
        ("0.6", "60%", "my.csv:2: column value: found '60%'; must be a number"),
        ("0.6", "nan", "my.csv:2: column value: found 'nan'; must be a number"),
        ("0.6", "", "my.csv:2: column value: empty; every number needs it."),
        ("0.9,", "0.9,,", "my.csv:2: 10 cells, but the heading has 9."),
        (
            "0.6",
            "0.3",
            "my.csv:2: overrides.KEN.readers_per_million.dermatologist: value 0.3 is not within",
        ),
        (
            "Kenya",
            "Kenia",
            "my.csv:2: overrides.Kenia.readers_per_million.dermatologist: no such baseline value "
            "in this scenario. Did you mean 'KEN.readers_per_million.dermatologist'?",
        ),
        (
            DENSITY,
            "per 100,000".replace(",", " "),
            "my.csv:2: overrides.KEN.readers_per_million.dermatologist.unit: found 'per 100 000'; "
            f"the table has '{DENSITY}': convert the number.",
        ),
        ("0.9", "1e9", "my.csv:2: overrides.KEN.readers_per_million.dermatologist.high: must be"),
        (
            "published",
            "publisht",
            "my.csv:2: overrides.KEN.readers_per_million.dermatologist.status: found 'publisht'; "
            "must be 'measured', 'published', 'assumed' or 'calibrated'. Did you mean 'published'?",
        ),
        ("2026", "26", "my.csv:2: overrides.KEN.readers_per_million.dermatologist.year: found 26"),
        ("our count", "our\x1bcount", "my.csv:2: character U+001B is no text."),
        ("our count", '"our count', "my.csv:2: not readable as CSV: unexpected end of data."),
    ],
)
def test_what_is_wrong_is_said_by_line_and_column(
    tmp_path: Path, old: str, new: str, expected: str
) -> None:
    found = said(written(tmp_path, (HEAD + ROW).replace(old, new)))
    assert any(line.startswith(expected) for line in found), found


def test_all_wrong_cells_are_said_at_once_each_number_once(tmp_path: Path) -> None:
    text = HEAD + ROW.replace("0.6", "x") + ROW.replace("our count", "")
    assert [line.split(": found")[0] for line in said(written(tmp_path, text))] == [
        "my.csv:2: column value",
        "my.csv:3: column source: empty; every number needs it.",
        "my.csv:3: column variable: 'Kenya.readers_per_million.dermatologist' is already given on "
        "line 2.",
    ]
    text = HEAD + ROW + ROW.replace("Kenya", "KEN")
    assert said(written(tmp_path, text))[0].endswith("is already given at my.csv:2.")


def test_it_stays_in_the_folder_unless_allowed(tmp_path: Path) -> None:
    (home := tmp_path / "home").mkdir()
    (tmp_path / "far.csv").write_text(HEAD + ROW, encoding="utf-8")
    file = written(home, HEAD + ROW, page="overrides: ../far.csv\n")
    assert "'../far.csv' leads out of the scenario's folder" in said(file)[0]
    assert load_scenario(file, allow_outside=True).overrides
    (home / "link.csv").symlink_to(tmp_path / "far.csv")
    file = written(home, HEAD + ROW, page="overrides: link.csv\n")
    assert "leads out of the scenario's folder" in said(file)[0]
    file = written(home, HEAD + ROW, page="overrides: mi.csv\n")
    assert said(file)[0].endswith(f"there is no file 'mi.csv' in '{home}'. Did you mean 'my.csv'?")
    file = written(home, HEAD + ROW, page="overrides: my.txt\n")
    assert "must be a mapping, or the name of a CSV file" in said(file)[0]


def test_overlays_and_changes_of_the_command_line_may_name_it(tmp_path: Path) -> None:
    own = "KEN.readers_per_million.dermatologist"
    page = "overlays: [my.csv]\noverrides: {Kenya.population: {value: 1.0e+7, source: a guess}}\n"
    found = load_scenario(written(tmp_path, HEAD + ROW, page=page)).overrides
    assert set(found) == {own, "KEN.population"}
    tiny = tmp_path / "tiny.yaml"
    row = ROW.replace("Kenya", "Rwanda")
    (tmp_path / "my.csv").write_text(HEAD + row, encoding="utf-8")
    assert load_scenario(tiny, overrides=["overrides=my.csv"]).overrides[f"RWA{own[3:]}"].low == 0.4


def test_a_distribution_is_kept_by_the_page_that_a_run_keeps(tmp_path: Path) -> None:
    text = HEAD.replace("\n", ",distribution\n") + ROW.replace("\n", ",uniform\n")
    kept = """overlays: [my.csv]
overrides:
  KEN.population: {value: 5.0e+7, low: 4.0e+7, high: 7.0e+7, quantiles: {0.1: 4.5e+7, 0.9: 6.0e+7},
    source: made up}
"""
    file = written(tmp_path, text, page=kept)
    scenario = load_scenario(file)
    assert scenario.overrides["KEN.readers_per_million.dermatologist"].distribution == "uniform"
    assert dict(scenario.overrides["KEN.population"].quantiles) == {0.1: 4.5e7, 0.9: 6e7}
    file.write_text(resolved_yaml(scenario), encoding="utf-8")
    assert load_scenario(file) == scenario
    wrong = text.replace("uniform", "normal")
    assert said(written(tmp_path, wrong, page=kept))[0].startswith("my.csv:2: overrides.KEN.reade")
    assert "must rise" in said(written(tmp_path, text, page=kept.replace("6.0e+7", "6.0e+9")))[0]


def test_it_counts_towards_what_a_scenario_may_hold(tmp_path: Path) -> None:
    file = tmp_path / "my.csv"
    rows = "".join(f"KEN,variable{n},1,,,persons,,made up,\n" for n in range(100))
    file.write_text(HEAD + rows, encoding="utf-8")
    with pytest.raises(ScenarioError, match=r"my\.csv:12: more than 50,000 values"):
        read_numbers(file, Budget(values=90))
    with pytest.raises(ScenarioError, match=r"my\.csv: larger than"):
        read_numbers(file, Budget(bytes=1_000))


def test_a_population_grows_from_the_year_that_is_given(tmp_path: Path) -> None:
    row = "KEN,population,50000000,,,persons,{},a census,published\n"

    def people(year: str) -> float:
        scenario = load_scenario(written(tmp_path, HEAD + row.format(year)))
        world = world_and_inputs(scenario, draw=None)[0]
        return float(world.care.population[world.regions.index("KEN")].sum())

    first = load_scenario(written(tmp_path, HEAD + ROW)).horizon.start_year
    assert people("") == people(str(first)) == pytest.approx(5e7)
    assert people(str(first - 5)) > 1.05 * 5e7


def test_the_file_to_fill_in_changes_nothing_until_a_row_is_taken_up(tmp_path: Path) -> None:
    tiny = written(tmp_path, HEAD + ROW).with_name("tiny.yaml")
    scenario = load_scenario(tiny)
    file = tmp_path / "fill.csv"
    count = write_numbers(scenario, file)
    assert count > 50
    assert load_scenario(tiny, overrides=["overrides=fill.csv"]) == scenario
    file.write_text(file.read_text(encoding="utf-8").replace("#", ""), encoding="utf-8")
    taken = load_scenario(tiny, overrides=["overrides=fill.csv"])
    assert len(taken.overrides) == count
    used, before = (world_and_inputs(one, draw=None)[1].used for one in (taken, scenario))
    for name in taken.overrides:
        assert (used[name].value, used[name].low) == pytest.approx(
            (before[name].value, before[name].low)
        )
    with pytest.raises(ScenarioError, match="exists already"):
        write_numbers(scenario, file)


def test_a_source_is_no_formula_in_the_file_to_fill_in(tmp_path: Path) -> None:
    tiny = written(tmp_path, HEAD + ROW).with_name("tiny.yaml")
    own = "overrides.KEN.population={value: 5.0e+7, source: '=1+1'}"
    write_numbers(load_scenario(tiny, overrides=[own]), tmp_path / "fill.csv")
    (row,) = [
        line
        for line in (tmp_path / "fill.csv").read_text(encoding="utf-8").splitlines()
        if line.startswith("#KEN,population,")
    ]
    assert row.split(",")[7] == "'=1+1"
