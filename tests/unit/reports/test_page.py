"""The report is one page that needs nothing else, the same bytes for the same study."""

import re
from collections.abc import Callable
from dataclasses import replace
from functools import cache
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy.stats import ttest_rel

import reports.policy as policy_report
from reports import figures, render, words, write_report
from reports.glossary import glossary
from reports.headline import headline, preferred_rules
from reports.policy import cells_against_nothing
from reports.purchase_tables import first_year, purchases_by_item
from reports.references import bibtex, references
from sim.errors import RunFolderError
from sim.pipeline.records import EXAM_COSTS
from sim.planning.rules import label_of
from sim.scenario.files import read_scenario
from sim.scenario.schema import Scenario
from sim.studies.alternatives import ALTERNATIVE_COLUMNS, SHARED_COLUMNS
from sim.studies.attribution import GAIN_COLUMNS
from sim.studies.certificate import ITEM_COLUMNS, VARIATION_COLUMNS
from sim.studies.comparison import last_years
from sim.studies.frontier import FRONTIER_COLUMNS
from sim.studies.plans import Candidate
from sim.studies.result import StudyResult
from sim.studies.ring_fence import RING_FENCE_COLUMNS
from sim.studies.store import open_store
from tests.unit.studies.small_study import candidates

Finished = tuple[Path, StudyResult]
FIGURES = ("equity", "money", "coverage", "cascade", "energy", "timeline", "marginal")
LOADED_FROM = {"src", "srcset", "href", "xlink:href", "data", "action", "poster"}
"""Attributes that make a browser fetch something."""
WITHIN = ("#", "data:image/png;base64,")
"""How a link begins that stays on the page."""
STUDIES = ("planned", "one_draw", "unplanned", "nothing")


class Page(HTMLParser):
    """What a page links to, its identifiers and its words."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.links: list[str] = []
        self.names: list[str] = []
        self.open: list[str] = []
        self.words: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag not in ("meta", "br", "link"):
            self.open.append(tag)
        values = {name: value or "" for name, value in attrs}
        self.links += [values[name] for name in LOADED_FROM & set(values)]
        self.names += [values["id"]] if "id" in values else []
        self.names += [f"<{tag}>"]

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)
        if self.open and self.open[-1] == tag:
            self.open.pop()

    def handle_data(self, data: str) -> None:
        if not {"style", "svg"} & set(self.open):
            self.words.append(data)


@pytest.fixture(scope="module")
def page_of(request: pytest.FixtureRequest) -> Callable[[str], str]:
    """Return the page of a study, by the name of its fixture; it is drawn once."""
    return cache(lambda study: render(request.getfixturevalue(study)[1]))


@pytest.fixture(params=STUDIES)
def study_name(request: pytest.FixtureRequest) -> str:
    return request.param


@pytest.fixture
def text(study_name: str, page_of: Callable[[str], str]) -> str:
    """Return the page of every study."""
    return page_of(study_name)


def test_a_page_needs_nothing_else(text: str) -> None:
    page = Page(text)
    assert page.open == []  # every element is closed
    assert page.links  # or nothing was looked at
    elsewhere = [link for link in page.links if not link.startswith(WITHIN)]
    assert elsewhere == []
    assert [name for name in page.links if name[0] == "#" and name[1:] not in page.names] == []
    assert not {"<script>", "<link>", "<iframe>", "<img>"} & set(page.names)
    assert "@import" not in text
    used = re.findall(r"url\(([^)]*)\)", text)  # what clips a drawing
    assert used
    assert [name for name in used if name[0] != "#" or name[1:] not in page.names] == []


def test_every_figure_has_one_caption_and_every_name_is_its_own(text: str) -> None:
    names = [name for name in Page(text).names if not name.startswith("<")]
    for figure in FIGURES:
        assert names.count(f"{figure}-caption") == 1
        assert text.count(f'aria-labelledby="{figure}-caption"') == 1
    assert text.count("<svg ") == len(FIGURES)
    twice = {name for name in names if names.count(name) > 1}
    assert twice == set()


def test_a_page_says_who_was_compared_and_where_it_comes_from(
    study_name: str, text: str, request: pytest.FixtureRequest
) -> None:
    _, result = request.getfixturevalue(study_name)
    words = Page(text).words
    said = " ".join(words)
    for policy in result.policies:
        assert label_of(policy) in said
    assert result.scenario.title in said
    assert result.scenario.question in said
    assert words[words.index("AAA.need") :].index("a test") < 12  # its source, in its row
    assert result.provenance.scenario_sha256 in said
    assert all(term.meaning in said for term in glossary() if term.report)
    assert result.provenance.code_version in said
    for key in result.provenance.as_dict():
        assert key.replace("_", " ") in said
    assert headline(result) in said
    assert ("Who is worse off" in said) == ("baseline" in result.policies)
    for row in result.worse_off().itertuples():
        assert f"{row.worse} of {row.draws}" in said


def test_the_bill_has_what_exams_cost_beside_the_plan(planned: Finished) -> None:
    _, result = planned
    found = policy_report.bills(result)
    for account, columns in (("spend_usd", ["plan"]), ("exam_costs_usd", list(EXAM_COSTS))):
        means = result.values(account).set_index("policy")["value"]
        np.testing.assert_allclose(found[columns].sum(axis=1), means.loc[found.index])
    assert found.loc["baseline", ["beside", "above"]].tolist() == [0.0, 0.0]
    assert found.loc["plan", "beside"] > 0
    assert found.loc["plan", "above"] == 0  # of a budget that is not used up
    poor = replace(result, scenario=result.scenario.model_copy(update={"budget_usd_per_year": 0.0}))
    above = policy_report.bills(poor).loc["plan", "above"]
    assert above >= found.loc["plan", "plan"] + found.loc["plan", "beside"] - 1e-6


def test_a_study_that_buys_nothing_has_a_page(nothing: Finished) -> None:
    _, result = nothing
    assert result.plans.empty
    assert "commissioned" not in set(result.events["kind"])
    assert result.policies == ("baseline",)
    assert "Purchases and events" in render(result)


def test_a_page_never_says_nan(text: str) -> None:
    said = " ".join(Page(text).words)
    assert re.findall(r".{0,30}\b(?:nan|NaN|inf|None|NaT)\b.{0,10}", said) == []


def test_without_a_plan_none_is_recommended(unplanned: Finished) -> None:
    said = headline(unplanned[1])
    assert said == "This study compares policies; it makes no plan."


def test_a_study_of_too_few_draws_recommends_nothing(planned: Finished, one_draw: Finished) -> None:
    said = "No plan is shown to beat buying nothing: do not spend on the strength of this study."
    assert headline(planned[1]) == said
    assert headline(one_draw[1]) == said


def test_few_draws_have_no_interval_and_the_page_says_so(
    page_of: Callable[[str], str], study: Callable[..., Finished]
) -> None:
    for few in ("one_draw", "planned"):
        assert "no number here has an interval" in page_of(few)
        assert "no interval of fewer than 5 draws" in page_of(few)
    enough = render(study(draws=5)[1])
    assert "no number here has an interval" not in enough
    assert "no interval" not in enough


def test_equal_results_give_equal_bytes(planned: Finished, page_of: Callable[[str], str]) -> None:
    assert page_of("planned") == render(planned[1])


def test_what_a_user_wrote_is_text_and_not_markup(planned: Finished) -> None:
    scenario = planned[1].scenario.model_copy(update={"title": "<script>alert(1)</script> & co"})
    text = render(replace(planned[1], scenario=scenario))
    assert "<script>" not in text
    assert "&lt;script&gt;alert(1)&lt;/script&gt; &amp; co" in text


def test_a_study_without_additions_says_that_there_are_none(planned: Finished) -> None:
    nothing = replace(planned[1], marginal_values=planned[1].marginal_values.iloc[:0])
    text = render(nothing)
    assert "No addition to the plan could be simulated." in text
    assert 'id="marginal-caption"' not in text


def test_the_report_is_written_into_the_run_folder(
    planned: Finished, page_of: Callable[[str], str], tmp_path: Path
) -> None:
    """Read from the folder again, the study gives the same page."""
    out, _ = planned
    run = tmp_path / "run"
    run.mkdir()
    for file in out.iterdir():
        (run / file.name).write_bytes(file.read_bytes())
    place = write_report(str(run))
    assert place == run / "report.html"
    assert place.read_text(encoding="utf-8") == page_of("planned")
    assert not list(run.glob("*.torn"))


def test_no_report_without_a_finished_study(tmp_path: Path) -> None:
    with pytest.raises(RunFolderError, match="no run folder at"):
        write_report(tmp_path / "nothing")
    assert list(tmp_path.iterdir()) == []


def test_a_report_that_cannot_be_written_says_where(
    planned: Finished, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with open_store(tmp_path, {}) as store:
        store.write_json("summary.json", {})
        store.finish()
    monkeypatch.setattr(policy_report, "load", lambda _: planned[1])
    write_report(tmp_path)
    (tmp_path / "report.html").unlink()
    (tmp_path / "report.html").mkdir()
    with pytest.raises(RunFolderError, match=r"cannot write '.*report\.html'"):
        write_report(tmp_path)


GAIN = pd.DataFrame(
    [
        ("purchases", "care delivery", 0.02, 0.01, 0.03, 0.8, 2e6, 6),
        ("purchases", "curation", 0.005, np.nan, np.nan, 0.2, 1e5, 6),
        ("people", "AAA, group0", 0.025, 0.01, 0.04, 1.0, np.nan, 6),
    ],
    columns=list(GAIN_COLUMNS),
)
RING_FENCE = pd.DataFrame(
    [
        ("no more money", "no more money", 0.0, 0.001, -0.001, 0.003, *[np.nan] * 3, 0.5, "", "",
         *[np.nan] * 3, 6),
        ("anywhere", "anywhere", 2e6, 0.02, 0.01, 0.03, 0.01, 0.005, 0.015, 1.0, "AAA", "site",
         0.02, 0.01, 0.03, 6),
        ("region", "AAA", 2e6, 0.01, -0.01, 0.03, 0.005, -0.005, 0.015, 0.8, "AAA", "site",
         0.02, 0.01, 0.03, 6),
        ("stage", "curation", 2e6, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, "", "", *[np.nan] * 3, 6),
    ],
    columns=list(RING_FENCE_COLUMNS),
)  # fmt: skip
NOWHERE = pd.DataFrame([("region", "BBB")], columns=["kind", "what"])
FRONTIER = pd.DataFrame(
    [
        ("spend_usd", "plan", 0.3, 0.2, 0.4, 2e6, 1e6, 3e6, "", 6),
        ("spend_usd", "baseline", 0.2, 0.1, 0.3, 0.0, 0.0, 0.0, "", 6),
        ("spend_usd", "equal_split", 0.1, 0.1, 0.3, 1e6, 0.0, 2e6, "baseline", 6),
    ],
    columns=list(FRONTIER_COLUMNS),
)
ALTERNATIVES = pd.DataFrame(
    [
        (0.0, "plan", 0.0, 0.3, 0.2, 0.4, 0.0, 0.0, 0.0, True, 6),
        (0.05, "alternative 1 within 5%", 0.4, 0.29, 0.2, 0.4, 0.03, -0.01, 0.07, True, 6),
    ],
    columns=list(ALTERNATIVE_COLUMNS),
)
MISSED = pd.DataFrame({"asked": ["a gap of nothing"]})
SHARED = pd.DataFrame([(0.05, "AAA", "outreach", 2e6, 1e6, 3e6, 7)], columns=list(SHARED_COLUMNS))
ITEMS = pd.DataFrame([("AAA", "site", 1, 1.0, 3.0, 0.5, 1, 9, 10)], columns=list(ITEM_COLUMNS))
VARIATIONS = pd.DataFrame(
    [
        ("as it is", "", 5, "site in AAA", "plan", 0.1, 0.05, 0.15),
        ("seed", "2", 3, "site in AAA", "plan", 0.2, 0.1, 0.3),
    ],
    columns=list(VARIATION_COLUMNS),
)


def test_answers_about_other_plans_are_sections_of_the_page(planned: Finished) -> None:
    answers = {
        "gain": {"gain": GAIN},
        "ring_fence": {"ring_fence": RING_FENCE, "ring_fence_missed": NOWHERE},
        "frontier": {"frontier": FRONTIER, "frontier_missed": MISSED},
        "alternatives": {"alternatives": ALTERNATIVES, "shared_money": SHARED},
        "certificate": {"stable_items": ITEMS, "variations": VARIATIONS},
    }
    text = render(planned[1], answers)
    for section in ("gain", "ring_fence", "frontier", "alternatives", "certificate"):
        assert text.count(f'id="{section}"') == 1
    said = " ".join(Page(text).words)
    assert re.findall(r".{0,30}\b(?:nan|NaN|inf|None|NaT)\b.{0,10}", said) == []
    assert "The plan gains +2.50 points on buying nothing." in said
    assert "1 of 3 plans are bettered by another in both" in said
    assert "With $2 million more over all years, free to go anywhere" in said
    assert "Kept for one region, it brings most in AAA: +1.00 points" in said
    assert "No plan was found for: BBB." in said
    assert "40% of its money can go elsewhere; the 7 plans found so share 50% of it" in said
    assert "No plan was found with: a gap of nothing." in said
    assert "5 of 10" in said
    assert "-0.00" not in text


def test_every_region_and_group_has_its_coverage_and_the_difference_by_draw(
    study: Callable[..., Finished],
) -> None:
    result = study(draws=5)[1]
    table = cells_against_nothing(result, "plan")
    assert len(table) == result.cells.groupby(["region", "group"]).ngroups
    cells = last_years(result.cells)
    row = table.iloc[0]
    own = cells[(cells["region"] == row["region"]) & (cells["group"] == row["group"])]
    drawn = own.groupby(["draw", "policy"])["ec"].mean().unstack("policy")  # noqa: PD010
    found = ttest_rel(drawn["plan"], drawn["baseline"]).confidence_interval(0.95)
    assert (row["low"], row["high"]) == pytest.approx((found.low, found.high))
    assert row["gain"] == pytest.approx(row["covered"] - row["nothing"])
    assert f"Coverage of all {len(table)} regions and groups" in render(result)
    assert cells_against_nothing(result, "baseline").empty


def test_the_first_page_says_what_to_do_first(planned: Finished, nothing: Finished) -> None:
    result = planned[1]
    found = first_year(result, "plan")
    bought = result.plans.query("policy == 'plan' and year == 2027")
    assert (found["year"], found["capital_usd"]) == (2027, pytest.approx(bought["capex_usd"].sum()))
    paid = result.ledger.query("policy == 'plan' and account == 'spend_usd' and year == 2027")
    assert found["spent_usd"] == pytest.approx(paid["value"].sum() / 2)
    assert found["spent_usd"] >= found["capital_usd"]
    assert found["rows"]["capex_usd"].is_monotonic_decreasing
    page = render(result)
    assert page.index("What the plan does first") < page.index('id="money"')
    assert "as simulated, where some comes later or not at all, the plan costs" in page
    table = purchases_by_item(result, "plan")
    spent = result.ledger.query("policy == 'plan' and account == 'spend_usd'")["value"].sum() / 2
    assert table[["capex_usd", "later_usd"]].to_numpy().sum() == pytest.approx(spent)
    assert "does first" not in render(nothing[1])


def test_a_rule_that_is_as_good_as_the_plan_is_shown_with_what_it_does_first(
    study: Callable[..., Finished],
) -> None:
    plan = candidates()["plan"].plan
    alike = {
        "equal_split": Candidate(replace(plan, name="equal_split")),
        "by_need": Candidate(replace(plan, name="by_need"), is_best_rule=True),
    }
    result = study(draws=8, planned=candidates() | alike)[1]
    assert preferred_rules(result) == ["by_need", "equal_split"]
    page = render(result)
    assert "prefer the simpler rule" in page
    assert page.index("What the plan does first") < page.index("What the split by need does first")
    assert "What the equal split does first" not in page
    cost = result.values("spend_usd").set_index("policy").loc["plan"]
    assert cost["low"] <= cost["value"] <= cost["high"]
    told = words.dollars_told(cost["value"], cost["low"], cost["high"])
    assert f"the plan costs {told} in all" in page
    assert told.endswith(")")


def test_the_last_years_are_no_more_than_there_are(planned: Finished) -> None:
    page = render(planned[1])
    assert "last 2 years" in page
    assert "last five years" not in page
    assert "last 5 years" not in page


def test_what_a_scenario_assumes_of_weeks_and_supplies_is_told(planned: Finished) -> None:
    stated = {"value": 20_000, "low": 15_000, "high": 26_000, "source": "<i>our stores</i>"}
    asked = {
        "capacity_calendar": [
            {"of": "readers", "share": 0.2, "from_week": 50, "to_week": 1, "year": 2027},
            {"of": "imaging", "share": 0.5, "until": 2028, "modalities": ["dermoscopy"]},
        ],
        "supplies": [
            {"modality": "dermoscopy", "regions": ["AAA", "BBB"], "exams_per_year": stated}
        ],
        "training": {"preemption": True},
    }
    whole = planned[1].scenario.model_dump() | asked
    result = replace(planned[1], scenario=Scenario.model_validate(whole))
    said = " ".join(Page(render(result)).words)
    for text in (
        "Weeks in which less works", "50 to 1", "from 2027", "imaging units (dermoscopy)",
        "up to 2027", "Supplies of imaging", "20,000 (15,000 to 26,000)", "none can be bought",
        "AAA, BBB", "<i>our stores</i>", "takes the machine from one of a later kind",
    ):  # fmt: skip
        assert text in said, text
    french = " ".join(Page(render(result, language="fr")).words)
    for text in ("Semaines où", "50 à 1", "Consommables pour", "rien ne peut être acheté"):
        assert text in french, text
    plain = " ".join(Page(render(planned[1])).words)
    assert "Weeks in which" not in plain
    assert "Supplies of imaging" not in plain


def test_every_reference_of_the_method_is_listed_and_stands_as_bibtex(planned: Finished) -> None:
    listed = references()
    assert len(listed) == bibtex().count("@") == bibtex().count("\n  title = {")
    assert sum(bool(one.doi) for one in listed) == bibtex().count("doi = {")
    said = " ".join(Page(render(planned[1])).words)
    for one in listed:
        assert " ".join(one.said.split()) in said
    assert "@article{atkinson1970measurement" in said
    assert "equiscan run RUN/scenario.yaml --out NEW" in said


def test_what_repeats_a_report_is_a_scenario_that_is_valid(planned: Finished) -> None:
    again = read_scenario(planned[0] / "scenario.yaml")
    assert again == planned[1].scenario


def test_one_wide_interval_does_not_flatten_the_other_bars() -> None:
    table = pd.DataFrame(
        {
            "region": ["KEN", "KEN", "RWA"],
            "item": ["site", "audit", "site"],
            "ede_gain_per_musd": [0.02, 0.01, 0.005],
            "low": [0.01, -5.0, 0.001],
            "high": [0.03, 5.0, 0.009],
        }
    )
    wide, narrow = (bars_of(one) for one in (table, table.assign(low=0.0, high=0.03)))
    assert len(wide) == len(narrow) == 3
    assert wide[0] > 0.3 * narrow[0]
    lost = table.assign(low=np.nan, high=np.nan)
    assert len(bars_of(lost)) == 3


def bars_of(table: pd.DataFrame) -> list[float]:
    """Return how long the bars of the next dollar are drawn, longest first, in points."""
    drawn = figures.marginal(table)
    paths = re.findall(r'<path d="(M [^"]*?)"[^>]*style="fill: #(?:0072b2|a9bccb)', drawn)
    ends = [[float(x) for x in re.findall(r"[ML] ([-\d.]+) ", path)] for path in paths]
    return sorted((max(xs) - min(xs) for xs in ends), reverse=True)
