"""The policy report: one self-contained HTML page from a finished study."""

from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

import pandas as pd
from jinja2 import Environment, PackageLoader, StrictUndefined, Template

from reports import figures, words
from reports.answer import answer_box
from reports.certificate_page import certificate_section
from reports.claims_page import claims_section
from reports.country_maps import is_mapped, map_of_run
from reports.gain import difference_section, gain_section
from reports.glossary import glossary
from reports.headline import headline, preferred_rules
from reports.language import (
    ENGLISH,
    gettext,
    language_named,
    ngettext,
    npgettext,
    numeral,
    pgettext,
    speaking,
)
from reports.language import gettext as _
from reports.matrix import matrix
from reports.purchase_tables import first_year, purchases_by_item
from reports.references import bibtex, references
from reports.retelling import (
    claim_told,
    exchange_words,
    note_words,
    plan_words,
    warning_words,
)
from reports.ring_fence_page import ring_fence_section
from reports.scenario_tables import calendar_rows, supply_rows
from reports.stages import stages
from reports.timeline import timeline
from reports.trade_offs import alternatives_section, frontier_section
from reports.uncertainties import sobol_section, unknowns
from sim.answers.intervals import A_CHANGE_OF_SHARE, FEWEST_DRAWS, t_interval
from sim.domain.levers import Stage
from sim.pipeline.records import ENERGY_BASIS, EXAM_COSTS
from sim.planning.limits import yearly_budget
from sim.studies.ai_quality import DOUBLED, SENSITIVITY
from sim.studies.answer_folder import Tables, answers_of
from sim.studies.comparison import WORTHWHILE, last_years, years_looked_at
from sim.studies.manifest import REPORT, Finished, report_in
from sim.studies.plans import foreseen
from sim.studies.result import StudyResult, load
from sim.studies.store import add_report

TOP = 10
"""Rows of the marginal ranking in the page; the folder's table has all."""


def write_report(folder: Path | str, language: str = ENGLISH) -> Path:
    """Write ``report.html`` into a run folder and return its path.

    Parameters
    ----------
    language : of its words and numbers, see ``reports.language``; the page of another language
        than English has that in its name: ``report.fr.html``.

    Raises ``RunFolderError`` when the folder is not a finished study or cannot be written, and
    ``LanguageError`` for a language that there is not.
    """
    code = language_named(language).code
    name = REPORT if code == ENGLISH else report_in(code)
    return add_report(Finished.at(folder), page_of(folder, language), name=name)


def page_of(folder: Path | str, language: str = ENGLISH) -> str:
    """Return the report of a run, with the answers to further questions that lie in its folder."""
    result = load(folder)
    return render(result, answers_of(folder, result), language)


def render(
    result: StudyResult,
    answers: Mapping[str, Tables] | None = None,
    language: str = ENGLISH,
) -> str:
    """Return the report of a study as one HTML page that needs nothing else.

    Parameters
    ----------
    answers : to further questions, see ``sim.studies.answer_folder``; none when not given.
    language : of its words and numbers, see ``reports.language``.
    """
    with speaking(language) as spoken:
        shown = content(result) | further(result, answers or {}) | {"language": spoken.code}
        return page_template("policy.html.j2").render(**shown)


def page_template(name: str) -> Template:
    """Return a template whose words and numbers are those of the language."""
    environment = Environment(
        loader=PackageLoader("reports"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        extensions=["jinja2.ext.i18n"],
    )
    environment.install_gettext_callables(  # type: ignore[attr-defined]
        gettext, ngettext, pgettext=pgettext, npgettext=npgettext
    )
    environment.filters |= {
        "percent": words.percent,
        "points": words.points,
        "in_points": words.in_points,
        "dollars": words.dollars,
        "item": words.item_words,
        "number": words.number,
        "numeral": numeral,
        "power": words.power_words,
        "policy": words.label,
        "planned": plan_words,
        "noted": note_words,
        "claimed": claim_told,
        "exchanged": exchange_words,
        "place": words.region_words,
        "places": words.regions_words,
        "word": gettext,
    }
    environment.globals |= {
        name: partial(said, none="-")
        for name, said in (
            ("interval", words.interval), ("span", words.span), ("amounts", words.amounts)
        )
    }  # fmt: skip
    environment.globals |= {"between": words.between, "digits_for": words.digits_for}
    return environment.get_template(name)


def content(result: StudyResult) -> dict[str, Any]:
    """Return everything the page shows, by the names that the template uses."""
    scenario, recommended = result.scenario, _recommended(result)
    spend = spend_by_stage(result, recommended)
    marginal = result.marginal()
    comparisons = result.comparisons()
    cost = result.values("spend_usd").set_index("policy").to_dict("index")[recommended]
    return {
        "scenario": scenario,
        "uncertainty": scenario.uncertainty,
        "fewest_draws": FEWEST_DRAWS,
        "recommended": recommended,
        "headline": headline(result),
        "answer": answer_box(result),
        "verdicts": [words.verdict_words(row) for _, row in comparisons.iterrows()],
        "money_words": words.shares_of_money(spend),
        "total_usd": float(spend.to_numpy().sum()),
        "costs": words.dollars_told(cost["value"], cost["low"], cost["high"]),
        "values": result.values("ede").merge(
            result.values("mean_ec"), on="policy", suffixes=("", "_mean")
        ),
        "worst": result.values("worst_ec").set_index("policy"),
        "purchases": purchases_by_item(result, recommended),
        "first_years": [
            (words.phrase(name), found)
            for name in (recommended, *preferred_rules(result)[:1])
            if (found := first_year(result, name))
        ],
        "calendar": calendar_rows(scenario),
        "supplies": supply_rows(scenario),
        "groups": coverage_by_group(result),
        "covered": cells_against_nothing(result, recommended),
        "people": people_by_region(result),
        "worse_off": result.worse_off(),
        "trained": training_range(result, recommended),
        "top": TOP,
        "looked_at": years_looked_at(scenario),
        "marginal": marginal.head(TOP),
        "marginal_count": len(marginal),
        "losses": result.losses_per_musd(),
        "exchanges": result.bettered(),
        "worthwhile": WORTHWHILE,
        "search": result.search,
        "foreseen": foreseen(result.search),
        "optimisation": result.optimisation.set_index("policy"),
        "robustness": result.robustness.table,
        "warnings": [warning_words(one) for one in result.robustness.changes],
        "floor_ranking": result.ranking_by_floor(),
        "profile": result.profile,
        "quality": quality_of_ai(result),
        "inputs": result.inputs,
        "input_counts": result.inputs["status"].value_counts().to_dict(),
        "ledger": _ledger_rows(result),
        "bills": bills(result),
        "exam_costs": EXAM_COSTS,
        "energy_basis": _energy_basis(result),
        "references": references(),
        "bibtex": bibtex(),
        "terms": [term for term in glossary() if term.report],
        "provenance": result.provenance.as_dict(),
        "figures": _figures(result, recommended, spend),
    }


def further(result: StudyResult, answers: Mapping[str, Tables]) -> dict[str, Any]:
    """Return what the page says of answers to further questions; nothing of one not asked."""
    plans = answers["stages"]["coalition_draws"] if "stages" in answers else None
    sections = {
        "stages": stages,
        "matrix": matrix,
        "certificate": certificate_section,
        "gain": gain_section,
        "difference": difference_section,
        "ring_fence": ring_fence_section,
        "frontier": frontier_section,
        "alternatives": alternatives_section,
        "claims": claims_section,
        "sobol": sobol_section,
    }
    found = {
        name: section(answers[name]) if name in answers else {}
        for name, section in sections.items()
    }
    return found | {"unknown": unknowns(result, plans)}


def quality_of_ai(result: StudyResult) -> dict[str, Any]:
    """Return the sensitivity of AI, what twice the own studies bring, and shares of its variance.

    Nothing where no AI was trained.
    """
    table = result.ai_quality
    if table.empty:
        return {}
    answers, drivers = table[table["status"] == ""], table[table["status"] != ""]
    rows = {row["what"]: row for row in answers.to_dict("records")}
    together = drivers["what"].str.startswith("all ")
    return {
        "sensitivity": rows[SENSITIVITY],
        "doubled": rows[DOUBLED],
        "together": dict(drivers.loc[together, ["status", "value"]].itertuples(index=False)),
        "drivers": drivers[~together],
    }


def spend_by_stage(result: StudyResult, policy: str) -> pd.DataFrame:
    """Return the spend of a policy by region and stage, means over draws, US dollars."""
    ledger = result.ledger
    part = ledger[(ledger["policy"] == policy) & (ledger["account"] == "spend_usd")]
    draws = result.scenario.uncertainty.draws
    table = part.groupby(["region", "item"])["value"].sum().unstack("item") / draws  # noqa: PD010
    stages = [str(stage) for stage in Stage]
    regions = list(dict.fromkeys(result.cells["region"]))
    return table.reindex(index=regions, columns=stages).fillna(0.0)


def bills(result: StudyResult) -> pd.DataFrame:
    """Return what every policy costs and who else pays, means over draws, US dollars.

    Rows are policies; columns ``plan``, those of ``EXAM_COSTS``, ``together``, ``beside``: how much
    more exams cost than where nothing is bought (NaN where that was not simulated), and ``above``:
    by how much both exceed the budget, over the years in which they do.
    """
    ledger, draws = result.ledger, result.scenario.uncertainty.draws
    paid = ledger[ledger["account"].isin(["spend_usd", "exam_costs_usd"])]
    kind = paid["item"].where(paid["account"] == "exam_costs_usd", "plan")
    sums = paid.groupby(["policy", kind], sort=False)["value"].sum() / draws
    table = sums.unstack().reindex(  # noqa: PD010
        index=list(result.policies), columns=["plan", *EXAM_COSTS]
    )
    table = table.fillna(0.0)
    exams = table[list(EXAM_COSTS)].sum(axis=1)
    yearly = paid.groupby(["policy", "year"], sort=False)["value"].sum().unstack("policy") / draws  # noqa: PD010
    yearly = yearly.reindex(columns=table.index).fillna(0.0)
    unknown = pd.Series(float("nan"), index=yearly.index)
    more = yearly.sub(yearly.get("baseline", unknown), axis=0)
    budget = pd.Series(yearly_budget(result.scenario), index=more.index)
    if result.scenario.treasury.carry_over:
        more, budget = more.cumsum(), budget.cumsum()
        above = more.sub(budget, axis=0).clip(lower=0.0).max().to_frame().T
    else:
        above = more.sub(budget, axis=0).clip(lower=0.0)
    return table.assign(
        together=table["plan"] + exams,
        beside=exams - exams.get("baseline", float("nan")),
        above=above.sum(min_count=1),
    )


def coverage_by_group(result: StudyResult) -> pd.DataFrame:
    """Return effective coverage by policy (rows) and group, last years, weighted by people."""
    cells = last_years(result.cells)
    covered = cells.assign(covered=cells["ec"] * cells["population"])
    sums = covered.groupby(["policy", "group"], sort=False)[["covered", "population"]].sum()
    mean = sums["covered"] / sums["population"]
    return pd.DataFrame(mean.unstack("group"))  # noqa: PD010


def cells_against_nothing(result: StudyResult, policy: str) -> pd.DataFrame:
    """Return effective coverage of every region and group in the last years under a policy.

    Columns: region, group, nothing, covered (means over draws, share of need), gain, low and high:
    95% interval of the gain on buying nothing, draw by draw. Empty where that was not simulated.
    """
    columns = ["region", "group", "nothing", "covered", "gain", "low", "high"]
    if policy == "baseline" or "baseline" not in result.policies:
        return pd.DataFrame(columns=columns)
    by = ["region", "group", "draw", "policy"]
    drawn = last_years(result.cells).groupby(by, sort=False)["ec"].mean().unstack("policy")  # noqa: PD010
    rows = []
    for (region, group), part in drawn.groupby(level=["region", "group"], sort=False):
        gain = part[policy] - part["baseline"]
        ends = t_interval(gain, within=A_CHANGE_OF_SHARE)
        rows.append(
            (region, group, part["baseline"].mean(), part[policy].mean(), gain.mean(), *ends)
        )
    return pd.DataFrame(rows, columns=columns)


def people_by_region(result: StudyResult) -> pd.DataFrame:
    """Return people by region (rows) and year (columns), means over draws, and of all together."""
    one = result.cells[result.cells["policy"] == result.policies[0]]
    of_draw = one.groupby(["region", "year", "draw"], sort=False)["population"].sum()
    table = pd.DataFrame(of_draw.groupby(["region", "year"], sort=False).mean().unstack("year"))  # noqa: PD010
    if len(table) > 1:
        table.loc["all regions"] = table.sum()
    return table


def training_range(result: StudyResult, policy: str) -> dict[str, float] | None:
    """Return the fewest and most studies of a training of the run that is shown; None without.

    ``multiple`` is the most over the largest effective number that was measured.
    """
    studies = result.releases.loc[result.releases["policy"] == policy, "studies"]
    if studies.empty:
        return None
    most = float(studies.max())
    multiple = most / float(str(result.profile["measured_max"]))
    return {"fewest": float(studies.min()), "most": most, "multiple": multiple}


def _energy_basis(result: StudyResult) -> dict[str, str]:
    """Return how every use of energy is known; inference as well as the profile knows it."""
    power = words.power_words(str(result.profile["power_source"]))
    basis = {use: _(known) for use, known in ENERGY_BASIS.items()} | {
        "inference": _("joules of the measured profile, whose {power}").format(power=power)
    }
    return {_(use): known for use, known in basis.items()}


def _recommended(result: StudyResult) -> str:
    return "plan" if "plan" in result.policies else result.policies[-1]


def _ledger_rows(result: StudyResult) -> list[dict[str, Any]]:
    names = ("spend_usd", "energy_kwh", "emissions_t_co2e", "unmet_share",
             "wait_weeks", "found", "missed")  # fmt: skip
    tables = {name: result.values(name).set_index("policy") for name in names}
    return [
        {"policy": policy} | {name: table.loc[policy] for name, table in tables.items()}
        for policy in result.policies
    ]


def _figures(result: StudyResult, recommended: str, spend: pd.DataFrame) -> dict[str, str]:
    cells, policies = result.cells, result.policies
    last = last_years(cells)
    by_cell = last.groupby(["policy", "draw", "region", "group"], sort=False)["ec"].mean()
    draws = result.scenario.uncertainty.draws
    accounts = (
        result.ledger.groupby(["policy", "account", "item"], sort=False)["value"].sum() / draws
    )
    shown = {
        "equity": figures.equity_over_time(result.yearly()),
        "money": figures.money(spend),
        "coverage": figures.coverage_by_cell(by_cell.reset_index(), policies),
        "cascade": figures.cascade(last, policies),
        "energy": figures.energy(accounts.reset_index(), policies),
        "timeline": timeline(
            result.events[result.events["policy"] == recommended],
            {
                name: table[table["policy"] == recommended]
                for name, table in result.stations.items()
            },
            start_year=result.scenario.horizon.start_year,
            years=result.scenario.horizon.score_years,
        ),
    }
    if is_mapped(result):
        shown["map"] = map_of_run(result, recommended)
    if len(result.search):
        shown["search"] = figures.search(result.search)
    if len(result.marginal()):
        shown["marginal"] = figures.marginal(result.marginal().head(TOP))
    return shown
