"""The baseline tables: every row is sound, every need is met, every wrong cell is named."""

from collections.abc import Iterator
from pathlib import Path

import pandas as pd
import pytest

from sim.baseline import tables
from sim.baseline.build import world_and_inputs
from sim.baseline.datum import Row
from sim.baseline.inputs import public_patients
from sim.errors import TableError
from sim.scenario.schema import TeleReading
from sim.scenario.spec import Override
from tests.scenarios import build_world, scenario

MODALITIES = ("dermoscopy", "chest_xray", "mammography", "ct", "mri", "fundus")
GOOD = {
    "value": "2",
    "low": "1",
    "high": "3",
    "unit": "W",
    "year": "2024",
    "status": "assumed",
    "source": "assumption",
    "note": "a reason",
}


@pytest.fixture
def shelf(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Return an empty folder that the reader takes its tables from."""
    folder = tmp_path / "tables"
    folder.mkdir()
    tables.variables()  # of the package: the bounds of what the folder's rows say
    monkeypatch.setattr(tables, "files", lambda _package: tmp_path)
    forget()
    yield folder
    forget()


def forget() -> None:
    tables._rows.cache_clear()
    tables._look_up.cache_clear()


def write(folder: Path, *rows: dict[str, str]) -> None:
    """Write a ``gpu`` table with ``rows``, by way of pandas so that quoting is another's work."""
    pd.DataFrame([{"gpu": "G", "variable": "tdp_w"} | row for row in rows]).to_csv(
        folder / "gpu.csv", index=False
    )


@pytest.mark.parametrize("name", list(tables.KEYS))
def test_every_row_of_every_table_is_sound(name: str) -> None:
    rows = tables.table(name)
    assert len(rows) > 5
    assert rows.index.is_unique
    assert (rows["low"] <= rows["value"]).all()
    assert (rows["value"] <= rows["high"]).all()
    assert not (rows["status"] == "measured").any(), "measured values live in profiles"


def test_every_variable_has_bounds_and_a_meaning_and_is_in_a_table() -> None:
    for bounds in tables.variables().values():
        assert bounds.lowest <= bounds.highest < float("inf"), bounds
        assert bounds.unit, bounds
        assert bounds.meaning, bounds
    rows = [(name, key) for name in ("modalities", "levers", "operations", "gpu", "datasets")
            for key in tables.table(name).index]  # fmt: skip
    bound = [tables.bounds(name, *key) for name, key in rows]
    bound += [tables.variables()["country_values", name] for name in tables.country_variables()]
    assert None not in bound
    assert set(bound) == set(tables.variables().values())


def test_what_is_imputed_lies_within_bounds() -> None:
    for iso3 in ("VUT", "KEN", "PRK", "USA"):
        for name in tables.country_variables():
            datum = tables.country(iso3, name)
            bounds = tables.variables()["country_values", name]
            assert not bounds.broken_by(datum.low, datum.value, datum.high)


def test_every_variable_is_known_for_every_country() -> None:
    assert len(tables.countries()) >= 195
    for iso3 in tables.countries().index:
        for variable in tables.country_variables():
            datum = tables.country(iso3, variable)
            assert datum.low <= datum.value <= datum.high, (iso3, variable)
            assert datum.source, (iso3, variable)
    assert {tables.country("USA", "population").unit} == {"persons"}


def test_income_groups_are_those_of_the_fiscal_year_that_is_named() -> None:
    known = tables.countries()
    moved = {
        "HIC": ("CRI", "RUS", "BGR", "GUY"),
        "UMC": ("IDN", "PHL", "LKA", "VNM", "JOR", "WSM", "CPV", "FSM", "MNG"),
        "LMC": ("NAM", "TGO", "VEN", "GIN", "ZMB"),
        "LIC": ("ETH", "MOZ", "UGA"),
    }
    for group, countries in moved.items():
        assert set(known.loc[list(countries), "income_group"]) == {group}
    assert dict(known.loc[known["income_year"] != "2027", "income_year"]) == {"TWN": "2023"}


def test_populations_grow_by_the_medium_variant_within_its_range() -> None:
    young, old = (tables.country(iso3, "population_growth") for iso3 in ("NER", "JPN"))
    assert young.low > 0.02
    assert old.high < 0.0
    values = tables.table("country_values")["value"]
    people = values.xs("population", level="variable")
    growth = values.xs("population_growth", level="variable")
    mean = (people * growth).sum() / people[growth.index].sum()
    assert 0.005 < mean < 0.007  # at the weights of today, lower than at those of 2030 to 2040


CERTAIN = {"population", "tdp_w", "peak_flop_per_s"}
"""Counted by census, or printed on the device."""


def test_a_draw_can_move_every_value_that_is_no_definition() -> None:
    for name in ("country_values", "modalities", "levers", "operations", "gpu"):
        rows = tables.table(name).reset_index()
        still = rows[(rows["low"] == rows["high"]) & (rows["source"] != "definition")]
        still = still[~still["variable"].isin(CERTAIN)]
        at_an_end = still["variable"].isin(["urban_share"]) & (still["value"] == 1.0)
        assert still[~at_an_end].empty, still


def test_scanners_of_oecd_members_are_of_2017_or_later_but_for_a_few() -> None:
    rows = tables.table("country_values")
    for variable, others in NOT_READABLE.items():
        there = rows.xs(variable, level="variable")
        read = sorted(set(OECD) - others)
        assert (there.loc[read, "status"] == "published").all()
        assert there.loc[read, "year"].astype(int).min() >= 2017
    for variable in ("scanners_per_million.ct", "scanners_per_million.mri"):
        assert tables.country("TZA", variable).low > 0.04
    assert tables.country("TZA", "scanners_per_million.mri").value == pytest.approx(
        4.7 * 0.0406, 0.02
    )
    assert tables.country("NGA", "readers_per_million.radiologist").value >= 0.5


def test_the_largest_countries_have_counts_of_ct_of_their_own() -> None:
    """China and India, a third of all people, had been imputed."""
    for iso3, year in {"IND": 2019, "CHN": 2015, "USA": 2021, "BRA": 2025, "UGA": 2022}.items():
        datum = tables.country(iso3, "scanners_per_million.ct")
        assert (datum.status, int(datum.year)) == ("published", year), iso3
        assert datum.low < datum.high


OECD = (
    "AUS", "AUT", "BEL", "CAN", "CHE", "CHL", "COL", "CRI", "CZE", "DEU", "DNK", "ESP", "EST",
    "FIN", "FRA", "GBR", "GRC", "HUN", "IRL", "ISL", "ISR", "ITA", "JPN", "KOR", "LTU", "LUX",
    "LVA", "MEX", "NLD", "NOR", "NZL", "POL", "PRT", "SVK", "SVN", "SWE", "TUR", "USA",
)  # fmt: skip
NOT_READABLE = {
    "scanners_per_million.ct": {"CRI"},
    "scanners_per_million.mri": {"COL", "CRI", "DNK", "PRT"},
    "scanners_per_million.mammography": {"CHL", "COL", "CRI", "DEU", "FRA", "GBR", "NLD", "PRT"},
}
"""Members without a readable count of 2017 or later."""


def test_people_are_counted_and_never_imputed() -> None:
    people = [tables.country(iso3, "population") for iso3 in tables.countries().index]
    assert {datum.status for datum in people} == {"published"}
    assert 8.0e9 < sum(datum.value for datum in people) < 8.4e9


def test_a_unit_is_the_same_wherever_a_variable_occurs() -> None:
    for name in ("country_values", "modalities", "operations"):
        units = tables.table(name).groupby("variable")["unit"].nunique()
        assert units[units > 1].empty, name
    own = tables.table("country_values").groupby("variable")["unit"].first()
    group = tables.table("operations").groupby("variable")["unit"].first()
    both = own.index.intersection(group.index)
    assert len(both) > 3
    assert (own[both] == group[both]).all()


def test_region_averages_are_not_passed_off_as_country_values() -> None:
    rows = tables.table("country_values")
    averages = rows[rows["note"].str.contains("not of the country")]
    assert len(averages) > 200
    assert (averages["status"] == "imputed").all()
    group_mean = tables.operation("readers_per_million.ophthalmologist", "LIC")
    syrian = tables.country("SYR", "readers_per_million.ophthalmologist")
    assert (group_mean.status, syrian.status) == ("published", "imputed")
    assert group_mean.value == syrian.value


def test_a_world_is_built_from_every_value_of_the_tables() -> None:
    """Of all countries and examinations, with reach and shares of groups from the tables."""
    groups = {
        name: {"share": f"{name}_share", "reach": f"reach_{name}_share"}
        for name in ("urban", "rural")
    }
    equal = dict.fromkeys(MODALITIES, 1 / len(MODALITIES))
    abroad = (TeleReading(by="KEN", serves=("UGA",)),)
    case = scenario(regions=["all"], groups=groups, modalities=equal, tele_reading=abroad)
    names = set(world_and_inputs(case, draw=None)[1].used)
    # names end in an income group, or begin with a country
    read = {name.rpartition(".")[0] for name in names} | {name.partition(".")[2] for name in names}
    read |= names  # of data sets
    there = {f"{m}.{variable}" for m, variable, _ in tables.table("modalities").index}
    there |= {
        f"{lever}.{variable}" if item == "*" else f"{lever}.{item}.{variable}"
        for lever, item, variable, _ in tables.table("levers").index
    }
    there |= set(tables.country_variables())
    there |= {variable for variable, _ in tables.table("operations").index}
    sets = [name for m in MODALITIES for name in tables.labelled_sets(m)]
    there |= set(map(public_patients, sets))
    assert len(there & names) == len(sets)
    assert there <= read


def test_public_data_count_patients_of_sets_whose_labels_serve_the_task() -> None:
    known = tables.datasets().set_index("dataset")
    serves = known["labels"] == known["modality"].map(tables.TASK_OF)
    counted = known[serves & (known["counted"] == "yes")]
    assert set(counted["unit"]) == {"patients"}
    others = ("Rotterdam EyePACS AIROGS", "CT-RATE", "ChestX-ray14", "MIMIC-CXR", "BraTS 2021")
    assert not serves[list(others)].any(), "glaucoma, chest CT, no tuberculosis, brain MRI"
    equal = dict.fromkeys(MODALITIES, 1 / len(MODALITIES))
    data = build_world(scenario(regions=["all"], modalities=equal)).data
    held = dict(zip(MODALITIES, data.local_studies.sum(axis=0) + data.public_studies, strict=True))
    assert held == pytest.approx(counted.groupby("modality")["value"].sum().to_dict())
    assert (held["dermoscopy"], held["ct"], held["mri"]) == pytest.approx((11_056, 23_745, 1_476))
    kenya, elsewhere = (
        build_world(scenario(regions=regions, modalities={"ct": 1.0})).data
        for regions in (["KEN"], ["all"])
    )
    assert kenya.local_studies.sum() == 0.0
    assert kenya.public_studies.sum() == pytest.approx(held["ct"])
    assert elsewhere.public_studies.sum() == pytest.approx(22_000), "origins that were not read"


def test_what_countries_are_given_is_replaced_where_they_have_no_value_of_their_own() -> None:
    def shares(**values: float) -> list[float]:
        given = {
            name.replace("__", "."): Override(value=value, source="made up for a test")
            for name, value in values.items()
        }
        world = world_and_inputs(scenario(regions=("KEN", "RWA"), overrides=given), draw=None)[0]
        return world.data.digital_share.tolist()

    kenya, rwanda = shares()
    assert shares(digital_share=0.9) == [0.9, 0.9]
    assert shares(digital_share__LMC=0.9) == [0.9, rwanda]
    assert shares(RWA__digital_share=0.9, digital_share=0.8) == [0.8, 0.9]
    assert shares(RWA__digital_share=0.9) == [kenya, 0.9]


def test_reach_may_differ_by_country() -> None:
    groups = {
        name: {"share": f"{name}_share", "reach": f"reach_{name}_share"}
        for name in ("urban", "rural")
    }
    given = {
        "RWA.reach_rural_share": Override(value=0.37, source="made up for a test"),
        "reach_rural_share": Override(value=0.11, source="made up for a test"),
    }
    case = scenario(regions=("KEN", "RWA"), groups=groups, overrides=given)
    reach = world_and_inputs(case, draw=None)[0].care.reach[:, 0]
    assert reach[:, 1].tolist() == [0.11, 0.37]


def test_an_exact_row_wins_over_a_star() -> None:
    assert (
        tables.modality("ct", "need_per_1000", "LIC").value
        < tables.modality("ct", "need_per_1000", "HIC").value
    )
    assert tables.modality("ct", "reading_minutes", "LIC") == tables.modality(
        "ct", "reading_minutes", "HIC"
    )


def test_a_country_without_a_value_shows_where_it_comes_from() -> None:
    kenya = tables.country("KEN", "scanners_per_million.chest_xray")
    assert (kenya.value, kenya.status) == (24.5, "published")
    group, shared = tables.country("KEN", "digital_share"), tables.operation("digital_share", "LMC")
    assert (group.value, group.high) == (shared.value, shared.high)
    assert group.note.startswith("of income group LMC, not of the country")
    rwanda = tables.country("RWA", "readers_per_million.radiologist")
    assert rwanda.status == "imputed"
    assert "3 donors: LIC in Eastern Africa" in rwanda.note


def test_baseline_lists_everything_once() -> None:
    seen = tables.country_table("ETH")
    assert seen.index.is_unique
    assert set(tables.country_variables()) <= set(seen.index)
    assert "outages_per_year" in seen.index
    assert seen["source"].str.len().min() > 0


@pytest.mark.parametrize(
    ("look_up", "message"),
    [
        (lambda: tables.country("KENN", "population"), r"'KENN'.*Did you mean 'KEN'"),
        (lambda: tables.country("KEN", "populaton"), r"'populaton'.*Did you mean 'population'"),
        (lambda: tables.modality("dermoscpy", "need_per_1000", "LIC"), "Did you mean 'dermoscopy'"),
        (lambda: tables.operation("discount", "LIC"), r"operations\.csv.*'discount'"),
        (lambda: tables.lever("scanner", "capex_usd", "radiologist", "LIC"), "there is no row for"),
        (lambda: tables.recipe("RETFound-Green", "colour"), r"RETFound-Green.*'colour'"),
    ],
)
def test_a_wrong_name_is_answered_with_the_nearest(look_up, message: str) -> None:
    with pytest.raises(TableError, match=message):
        look_up()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"status": "guessed"}, r"gpu\.csv line 2, column status: .*'guessed'"),
        ({"unit": ""}, r"line 2, column unit: "),
        ({"source": " "}, r"line 2, column source: "),
        ({"year": ""}, r"line 2, column year: "),
        ({"value": "two"}, r"line 2, column value: .*'two'"),
        ({"value": "nan"}, r"line 2, column value: "),
        ({"low": ""}, r"line 2, columns low and high: an assumed value needs both"),
        ({"low": "2", "high": "2"}, r"line 2, .*an assumed value needs a range"),
        ({"note": ""}, r"line 2, .*needs its reason"),
        ({"value": "4"}, r"line 2, .*value 4 is not within 1 to 3"),
        ({"unit": "share"}, r"line 2, column unit: 'share', but variables\.csv says 'W'"),
        ({"high": "1e300"}, r"line 2: must be from 1 to 100,000 W, got 1e\+300"),
        ({"low": "0"}, r"line 2: must be from 1 to 100,000 W, got 0"),
    ],
)
def test_a_wrong_cell_is_named(shelf: Path, change: dict[str, str], message: str) -> None:
    write(shelf, GOOD | change)
    with pytest.raises(TableError, match=message):
        tables.gpu("G", "tdp_w")


def test_a_repeated_key_and_a_wrong_header_are_named(shelf: Path) -> None:
    write(shelf, GOOD, GOOD)
    with pytest.raises(TableError, match="line 3: G, tdp_w is already on line 2"):
        tables.gpu("G", "tdp_w")
    write(shelf, GOOD | {"colour": "red"})
    with pytest.raises(TableError, match="line 1: the header is"):
        tables.gpu("G", "tdp_w")


def test_a_published_value_without_a_range_repeats_itself(shelf: Path) -> None:
    write(shelf, GOOD | {"status": "published", "low": "", "high": "", "note": ""})
    datum = tables.gpu("G", "tdp_w")
    assert (datum.low, datum.value, datum.high) == (2.0, 2.0, 2.0)


def test_rows_are_frozen_and_closed() -> None:
    with pytest.raises(ValueError, match="extra"):
        Row.model_validate(GOOD | {"colour": "red"})
