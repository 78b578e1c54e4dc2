"""What tables of a run say in English sentences, in the language of the report.

Tables are the same in every language. Where a cell of theirs is a sentence made from numbers and
names, it was made from one of the forms below; its parts are found again, and said by the
catalogue's form. A sentence that none of the forms made stays English.
"""

import re
from collections.abc import Callable, Iterable
from functools import lru_cache

from reports.language import gettext as _
from reports.language import numeral, percentage
from reports.words import item_words, label, phrase, region_words
from sim.planning.rules import label_of
from sim.studies.robustness import Change

PLANS = (
    "model, {share} without AI",
    "{plan}, and all else spent",
    "{plan}, without what brings nothing",
    "{plan}, step {step}",
    "{plan}, surrogate {step}",
    "at most {share} of the budget",
    "best by {outcome}",
    "found for {stages} without {others}",
    "found for {stages}",
    "alternative {number} within {share}",
    "{outcome} at least {limit} {unit}",
    "{outcome} at most {limit} {unit}",
)
"""Names of plans that searches made."""
NOTES = (
    "the best of {plans} plans over {draws} search draws, found from {start} by a search of {runs} "
    "runs",
    "none of the others is better by {share} with probability {probability}",
    "there is no money",
    "{share} of the money is spent, as nothing more fits: what is bought has to be kept running, "
    "and of the budget of {year} USD {usd} is left",
    "{share} of the money is spent, as nothing more fits: what is bought has to be kept running, "
    "and of the budget up to {year} USD {usd} is left",
    "{share} of the money is spent, as more of what still fits did no better over all search draws",
    "{share} of the money is spent, as nothing that still fits gained anything when it was "
    "simulated",
    "{share} of the money is spent",
    "planned for income groups, shared out to countries by need",
    "bought by gain per dollar",
    "the best of {plans} at random",
    "{runs} runs",
)
"""What a search says of the plan that it found."""
ASKED = (
    "at least {share} of the money {on}",
    "at most {share} of the money {on}",
    "at least USD {usd} {on}",
    "at most USD {usd} {on}",
    "{outcome} at least {limit} {unit}",
    "{outcome} at most {limit} {unit}",
    "no cell worse off than with nothing bought by more than {share} of its need",
    "the budget of every year pays for what exams cost beyond those of today, too",
)
"""What a treasury asks."""
SPENT_ON = (
    "in all",
    "for {who} on {what} in {years}",
    "for {who} on {what}",
    "for {who} in {years}",
    "on {what} in {years}",
    "for {who}",
    "on {what}",
    "in {years}",
)
"""What spending is asked for."""
CLAIMS = (
    "share of the patients in public data sets that the four leading countries hold, less half",
    "of all modalities; data sets of the tables that are counted in patients and whose country is "
    "known",
    "all stages against {stage} alone, the best single one, each with the whole budget",
    "measured change of the gap in sensitivity by mitigation, against one point",
    "the profile has no runs with mitigation",
    "change {change}, over {runs} runs",
    "Shapley value per million dollars of curation and evaluation against the next best",
    "Shapley value per million dollars of curation and evaluation against the next best, {stage}",
    "no good plan buys from both of them, or no other is of use",
    "Shapley value of pre-training against the largest other",
    "Shapley value of pre-training against the largest other, {stage}",
    "pre-training cannot be bought here",
    "1 less the measured worth of a synthetic study in real ones",
    "the profile has no runs with synthetic studies",
    "{runs} training runs with synthetic studies",
    "share of labour in the cost of fine-tuning with annotation, less half",
    "no good plan buys from fine-tuning with annotation",
    "the least worthwhile gain less that of spending all money on computing, by need",
    "no computing can be bought here",
    "gain of computing alone {gain}",
    "half of what curation and evaluation bring with documentation, less all without it",
    "{stages} cannot be bought here",
    "curation and evaluation bring nothing worthwhile here",
    "with documentation {along}, without {apart}",
    "energy of AI reading every exam needed in all scored years, over that of one training",
    "even at {exams} exams a training; inference is that of the measured network, training assumed "
    "for a full-size one",
    "coverage of the worst-off cell: all money to the poorest region, or to the richest",
    "there is one region",
    "nothing can be bought there",
    "{poorest} and {richest}; money split equally over care and the links of AI",
    "Shapley value of aggregation (federated training)",
    "aggregation cannot be bought here",
    "gain by adding synthetic studies where infrastructure is scarce, less where ample",
    "synthetic studies cannot be bought here",
    "synthetic studies bring nothing worthwhile: scarce {scarce}, ample {ample}",
    "scarce {scarce}, ample {ample}",
    "gap in sensitivity between a place with nine tenths of the labelled studies and one with a "
    "tenth, with a tenth of the measured studies, less with all",
    "by the measured law; with all {studies} studies the gap is {gap}; not tested here: a "
    "foundation model against none",
    "sensitivity where all training studies came from elsewhere, below where all are one's own",
    "by the measured law, at {studies} studies; not tested here: a mitigation tuned in one place",
    "by the measured law, at {studies} studies; a threshold of its own changes sensitivity there "
    "by {change}; not tested here: a mitigation tuned in one place",
    "mean coverage: money for the links of AI by need everywhere, or in one region alone",
    "alone in {region}, the richest",
)
"""What claims were held against, and what is noted of it."""
EXCHANGES = (
    "{more} in {there} for {less} in {here}",
    "{more} for {less} in {here}",
    "{more} in {there} for {less}",
    "{more} for {less}",
    "{more} in {there}",
)
"""What was bought for what."""
NUMBER = re.compile(r"[+-]?[\d,]+(\.\d+)?(e[+-]?\d+)?")


def retold(text: str, forms: Iterable[str], said: Callable[[str], str] | None = None) -> str:
    """Return what was made from one of some forms in the language; all else as it is.

    Parameters
    ----------
    said : how the parts are said; a number, or words that the catalogue has, when not given.

    >>> retold("best by wait", ["best by {outcome}"]), retold("mine", ["best by {outcome}"])
    ('best by wait', 'mine')
    """
    for form in forms:
        if found := _pattern(form).fullmatch(text):
            parts = {name: (said or _part)(part) for name, part in found.groupdict().items()}
            return _(form).format(**parts)
    return text


def plan_words(plan: str) -> str:
    """Return how a plan is called: a policy, or one that a search made."""
    return label(plan) if label_of(plan) != plan else retold(plan, PLANS)


def note_words(note: str) -> str:
    """Return what a search says of its plan."""
    return _("; ").join(retold(part, NOTES) for part in note.split("; "))


def asked_words(asked: str) -> str:
    """Return what a treasury asks."""
    return retold(asked, ASKED)


def claim_told(said: str) -> str:
    """Return what a claim was held against, or what is noted of it."""
    return retold(said, CLAIMS)


def exchange_words(exchange: str) -> str:
    """Return what was bought for what."""

    def said(part: str) -> str:
        there = region_words(part)
        return item_words(part) if there == part else there

    return retold(exchange, EXCHANGES, said)


def warning_words(change: Change) -> str:
    """Return that a verdict is another under a variant of the response."""
    said = {name: _(part) for name, part in change._asdict().items()}
    named = {"policy": phrase(change.policy), "baseline": phrase(change.baseline)}
    return _(change.form).format(**said | named)


def _part(text: str) -> str:
    """Return a part of a sentence: a number, a name, or several words apart by commas."""
    if NUMBER.fullmatch(text):
        return numeral(text)
    if text.endswith("%") and NUMBER.fullmatch(text[:-1]):
        return percentage(text[:-1])
    if (there := region_words(text)) != text:
        return there
    if (named := label(text)) != label_of(text):
        return named
    if (whole := _(text)) != text or (whole := retold(text, (*PLANS, *SPENT_ON))) != text:
        return whole
    return ", ".join(map(_, text.split(", ")))


@lru_cache
def _pattern(form: str) -> re.Pattern[str]:
    """Return what finds the open parts of a form."""
    return re.compile(re.sub(r"\\\{(\w+)\\\}", r"(?P<\1>.+?)", re.escape(form)))
