"""Need times prevalence is what is published of the disease; every number has its place by age."""

from importlib.resources import files
from itertools import combinations
from pathlib import Path

import numpy as np
import pytest

from sim.baseline import check, tables
from sim.baseline.datum import Datum
from sim.errors import TableError
from tests.scenarios import build_world, scenario


def test_need_times_prevalence_lies_where_the_disease_was_published() -> None:
    found = check.burden()
    wrong = found[~found["agrees"]]
    assert wrong.empty, wrong[["modality", "income_group", "product", "low", "high"]]
    assert (found["high"] <= 12.0 * found["low"]).all(), "the stated factor says nothing"
    world = found[found["income_group"] == tables.ANY].set_index("modality")
    assert set(world.index) == {key[0] for key in tables.table("modalities").index}
    people = sum(tables.country(iso3, "population").value for iso3 in tables.countries().index)
    cases = world["product"] * people / 1000.0
    assert cases["chest_xray"] == pytest.approx(10.8e6, rel=0.1)  # WHO: in 2023
    assert cases["mri"] == pytest.approx(1.47e6, rel=0.1)  # IARC: in 2022


def test_over_all_draws_need_times_prevalence_lies_there_too() -> None:
    """Ranges far to one side would move the mean of draws away from what their centres give."""
    for row in check.burden().query("income_group != '*'").itertuples():
        known = [tables.modality(row.modality, each, row.income_group) for each in check.PER_1000]
        mean = np.prod([(one.low + one.value + one.high) / 3.0 for one in known])  # triangular
        assert row.low <= mean <= row.high, (row.modality, row.income_group)


def test_need_times_prevalence_differs_between_income_groups_as_the_disease_does() -> None:
    by_group = check.burden().query("income_group != '*'").groupby("modality")
    for modality, rows in by_group:
        for one, other in combinations(rows.to_dict("records"), 2):
            if max(one["value"], other["value"]) > 1.2 * min(one["value"], other["value"]):
                published, ours = one["value"] > other["value"], one["product"] > other["product"]
                assert published == ours, (modality, one["income_group"], other["income_group"])
    assert set(by_group.groups) == {"chest_xray", "dermoscopy", "mammography", "mri"}


def test_a_world_needs_what_the_tables_say_and_units_and_readers_have_as_much_time_for_it() -> None:
    task, every = (
        build_world(scenario(regions=["KEN"], modalities={"ct": 1.0}, overrides=overrides))
        for overrides in ({}, {"ct.indication_share": {"value": 1.0, "source": "every CT"}})
    )
    share = tables.modality("ct", "indication_share", "LMC").value
    for name in ("need_per_year", "exams_per_unit_day", "reader_hours_per_year"):
        assert getattr(task.care, name) == pytest.approx(share * getattr(every.care, name)), name
    assert (task.care.units == every.care.units).all()
    bought = [
        [item.lever for item in task.catalogue.items].index(of) for of in ("scanner", "reader")
    ]
    assert task.catalogue.capacity[:, bought] == pytest.approx(
        share * every.catalogue.capacity[:, bought]
    )


def test_sources_say_which_of_them_were_opened_again() -> None:
    found = check.by_source()
    numbers = check.numbers()
    read = numbers[(numbers["status"] != "assumed") & (numbers["source"] != "definition")]
    assert found["numbers"].sum() == len(read)
    opened = found["checked"] != ""
    assert opened.is_monotonic_increasing, "those not opened come first"
    assert found[~opened]["numbers"].is_monotonic_decreasing
    assert set(found.loc[opened, "source"]) == set(tables.opened_sources().index)
    assert not (found.loc[opened, ["text", "seen"]] == "").any(axis=None)
    assert (found.loc[~opened, ["text", "seen"]] == "").all(axis=None)
    said = files("sim.baseline").joinpath("tables", "README.md").read_text(encoding="utf-8")
    rest = f"{found.loc[opened, 'numbers'].sum():,} of {len(read):,} numbers"
    assert f"{opened.sum()} sources were opened, on which {rest}" in said
    dated = numbers[numbers["checked"] != ""]
    assert set(dated["source"]) == set(tables.opened_sources().index)
    assert 0 < len(dated) < len(numbers)


def test_every_number_that_was_read_somewhere_rests_on_a_source_that_was_opened() -> None:
    """A row whose source nobody can open is assumed, with a range and the reason."""
    found = check.by_source()
    unseen = found[found["checked"] == ""]
    assert unseen.empty, unseen[["source", "numbers"]]
    numbers = check.numbers()
    published = numbers[(numbers["status"] == "published") & (numbers["source"] != "definition")]
    assert (published["checked"] != "").all()
    assert len(published) > 1000


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ("nobody,2026-11-30,page,7", r"sources\.csv line 2: no table has the source 'nobody'"),
        ("a bok,2026-11-30,page,7", r"'a bok'\. Did you mean 'a book'"),
        ("a book,30.11.2026,page,7", r"line 2, column checked: a day .*'30\.11\.2026'"),
        ("a book,2026-11-30,page,", r"line 2, column seen: empty"),
        ("a book,2026-11-30,p,7\na book,2026-11-30,p,7", r"line 3: 'a book' is there twice"),
    ],
)
def test_a_wrong_row_of_sources_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, row: str, message: str
) -> None:
    book = Datum(1.0, 1.0, 1.0, "W", "2024", "published", "a book", "")
    (tmp_path / "tables").mkdir()
    (tmp_path / "tables" / "sources.csv").write_text(f"source,checked,text,seen\n{row}\n")
    monkeypatch.setattr(tables, "files", lambda _package: tmp_path)
    monkeypatch.setattr(tables, "_rows", lambda _name: {("a",): book})
    with pytest.raises(TableError, match=message):
        tables.opened_sources.__wrapped__()


def test_every_number_is_listed_the_oldest_first() -> None:
    found = check.numbers()
    assert len(found) == sum(len(tables.table(name)) for name in tables.KEYS)
    stated = found["year"].str.extract(r"(\d{4})")[0]
    assert stated.dropna().astype(int).is_monotonic_increasing
    assert stated[stated.isna()].index.equals(found.index[-stated.isna().sum() :])
    alike = found[(found["year"] == "2024") & (found["table"] == "country_values")]
    assert alike["people"].is_monotonic_decreasing
    assert alike["name"].iloc[0].startswith(("IND.", "CHN."))
    lowest = found.set_index("name")["people"]["ct.mttr_days.LIC"]
    assert 0.05 < lowest < 0.15
