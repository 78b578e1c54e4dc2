"""Every message of reports, collected for those who translate them."""

from collections.abc import Iterator
from importlib.resources import files
from io import BytesIO
from pathlib import Path
from typing import cast

from babel.messages.catalog import Catalog
from babel.messages.extract import extract
from babel.messages.pofile import PoFileError, read_po, write_po

from reports import retelling
from reports.export import columns
from reports.glossary import glossary
from reports.language import ENDING, forms_of
from reports.matrix import RATINGS
from reports.timeline import LASTS
from reports.words import ALL, POWER_WORDS, VERDICTS
from sim.answers.intervals import NO_INTERVAL
from sim.atomic import replace_file, require_place
from sim.baseline import tables
from sim.domain.levers import LEVERS, Stage
from sim.errors import LanguageError
from sim.learning.response import PARAMETERS
from sim.pipeline.records import ENERGY_BASIS, EXAM_COSTS
from sim.pipeline.stations.order import STATIONS
from sim.planning.moves import BUNDLE
from sim.planning.rules import RULES, SEARCHED, THE_RULE, label_of, phrase_of
from sim.scenario.new import MODALITIES, WORDS
from sim.studies import assumptions, knowledge, measuring, robustness, sample
from sim.studies.claims import CLAIMS
from sim.studies.difference import THE_PLAN
from sim.studies.outcomes import OUTCOMES
from sim.studies.provenance import Provenance
from sim.studies.recommendation import ASPECTS, KINDS, NOT_ASSESSED

KEYWORDS = {
    "_": None,
    "gettext": None,
    "ngettext": (1, 2),
    "pgettext": ((1, "c"), 2),
    "npgettext": ((1, "c"), 2, 3),
}
"""Functions that say a message, and which of their arguments it is in."""
STATUSES = ("measured", "published", "imputed", "assumed", "calibrated")
SEARCHES = (
    "proposal",
    "climb",
    "surrogate",
    "final",
    "found",
    "given",
    "none solved",
    "optimal",
    "feasible, not proven",
)
"""What a search looked at, and how the optimisation ended."""
PROFESSIONS = ("dermatologist", "ophthalmologist", "radiologist")
TASKS = (
    "skin lesions by kind",
    "malignant or pre-malignant against benign skin lesion",
    "eye diseases in colour fundus photographs",
    "diabetic retinopathy in a colour fundus photograph",
    "pneumonia in chest X-rays of children of 1 to 5 years",
    "pneumonia against normal chest X-ray, children of 1 to 5 years",
)
"""Clinical tasks of the profiles that ship."""
EVENTS = (
    "carbon cap", "gate opened", "generator", "mitigation", "no release", "tele-reading",
    "power lost", "pre-training", "cluster down", "no training", "fine-tuning", "given up",
    "preempted", "audit", "posts vacant", "release", "commissioned",
)  # fmt: skip
"""What happens in a run, as its table of events says it."""
FURTHER_PARAMETERS = ("level", "kappa of 1 for another task")
"""Of the quality of AI, beside those of the measured law."""
CAUSES = ("as it is", "seed", "profile", "aversion", "floor")
"""What a certificate varies."""
UNITS = (
    "objective", "share of cost", "powers of ten", "share of need", "sensitivity", "real studies",
    "share of patients",
)  # fmt: skip
"""Units of the effects that claims are about."""
HEAD = """\
# Words of Equiscan's reports.
# What stands in braces, or as %(name)s, is put in by the report, and tags stay as they are.
msgid ""
msgstr ""
"Language: {language}\\n"
"Plural-Forms: {plural}\\n"
"MIME-Version: 1.0\\n"
"Content-Type: text/plain; charset=utf-8\\n"
"Content-Transfer-Encoding: 8bit\\n"

"""


def write_catalogue(file: Path, language: str) -> tuple[int, int]:
    """Write the catalogue of a language for translators; return how many messages, how many done.

    A catalogue that lies there is brought up to date: translations of messages that there are stay,
    new messages come empty, those of others go.

    Parameters
    ----------
    language : of a new catalogue, as CLDR spells it: ``es``, ``pt-BR``; one that is there says it.

    Raises
    ------
    LanguageError
        For a file that is no catalogue, and a language that is not known.
    """
    if file.suffix != ENDING:
        raise LanguageError(f"{file}: the name of a catalogue ends in {ENDING}.")
    require_place(file)
    catalogue = _old(file) if file.exists() else Catalog(locale=language.replace("-", "_"))
    if catalogue.locale is None:
        raise LanguageError(
            f"{file}: say which language it is in: --language es; "
            f"'{catalogue.locale_identifier or ''}' is none that is known."
        )
    fresh = messages()
    catalogue.update(fresh, no_fuzzy_matching=True)
    replace_file(file, lambda there: there.write(as_po(catalogue)))
    said = [all(forms_of(message.string or "")) for message in catalogue if message.id]
    return len(said), sum(said)


def _old(file: Path) -> Catalog:
    """Return a catalogue that is there; ``LanguageError`` where the file is none."""
    try:
        return read_po(BytesIO(file.read_bytes()), abort_invalid=True)
    except (PoFileError, ValueError) as error:
        raise LanguageError(f"{file} is no catalogue: {error}.") from None


def as_po(catalogue: Catalog) -> bytes:
    """Return a catalogue as text; nothing in it says when it was written."""
    out = BytesIO()
    write_po(out, catalogue, width=100, omit_header=True, ignore_obsolete=True)
    head = HEAD.format(language=catalogue.locale_identifier, plural=catalogue.plural_forms)
    return head.encode() + out.getvalue()


def messages() -> Catalog:
    """Return every message of the templates, of the code, and of what is declared by name."""
    catalogue = Catalog()
    root = files("reports")
    sources = [
        *((one, "python") for one in root.iterdir() if one.name.endswith(".py")),
        *(
            (one, "jinja2.ext:babel_extract")
            for one in (root / "templates").iterdir()
            if one.name.endswith(".j2")
        ),
    ]
    for source, method in sorted(sources, key=lambda pair: pair[0].name):
        content = BytesIO(source.read_bytes())
        options = {"trim_blocks": "true"} if "jinja2" in method else {}
        for _line, message, _comments, context in extract(method, content, KEYWORDS, (), options):
            catalogue.add(message, context=context, locations=[at(source.name)])
    for place, message in declared():
        if message:
            catalogue.add(message, locations=[at(place)])
    for stage in Stage:
        catalogue.add(str(stage), context="narrow", locations=[at("figures.py")])
    return catalogue


def at(place: str) -> tuple[str, int]:
    """Return where a message is said: lines would change with every change of the code."""
    return cast("tuple[str, int]", (place.replace(" ", "_"), None))


def declared() -> Iterator[tuple[str, str]]:
    """Yield messages that are declared once and said by name: where, and what."""
    words = {
        "stages": list(map(str, Stage)),
        "levers": [*(lever.words for lever in LEVERS.values()), BUNDLE, *LEVERS, "several"],
        "modalities": [*WORDS.values(), *(name.replace("_", " ") for name in MODALITIES)],
        "professions": PROFESSIONS,
        "profiles": ["real", *TASKS],
        "policies": [*map(label_of, [*(rule.name for rule in RULES.shipped), *SEARCHED]), THE_RULE],
        "policy phrases": [
            phrase_of(name)
            for name in [*(rule.name for rule in RULES.shipped), *SEARCHED]
            if not phrase_of(name).startswith(THE_RULE[:9])
        ],
        "outcomes": [one.label for one in OUTCOMES.shipped],
        "units": [one.unit for one in OUTCOMES.shipped],
        "verdicts": [*VERDICTS, *VERDICTS.values(), "confirmed", "refuted", "not tested"],
        "variants": [*robustness.VARIANTS.values(), robustness.DEPENDENT, robustness.NOT_ROBUST],
        "statuses": STATUSES,
        "searches": SEARCHES,
        "intervals": [NO_INTERVAL],
        "regions": [ALL, "all regions"],
        "energy": [*ENERGY_BASIS, *ENERGY_BASIS.values(), *POWER_WORDS.values()],
        "exam costs": EXAM_COSTS,
        "stations": list(STATIONS),
        "events": [*EVENTS, *LASTS.values()],
        "topics": sorted(
            {*tables.topics().values(), *sample.TOPICS.values(), knowledge.EVERYTHING}
        ),
        "chance": [sample.CHANCE],
        "measurements": [*measuring.known_measurements()["what"].unique(), measuring.EVERYWHERE],
        "differences": [THE_PLAN],
        "origins": [assumptions.OWN, assumptions.ALIKE, assumptions.ELSEWHERE],
        "law": [*PARAMETERS, *FURTHER_PARAMETERS],
        "aspects": [*ASPECTS, *ASPECTS.values(), *KINDS, *NOT_ASSESSED, "agreements"],
        "ratings": [text for _least, text in RATINGS],
        "causes": CAUSES,
        "claims": [claim.says for claim in CLAIMS],
        "units of claims": UNITS,
        "provenance": [name.replace("_", " ") for name in Provenance.__dataclass_fields__],
        "plans": retelling.PLANS,
        "notes": retelling.NOTES,
        "treasury": [*retelling.ASKED, *retelling.SPENT_ON],
        "tests of claims": retelling.CLAIMS,
        "exchanges": retelling.EXCHANGES,
        "glossary": [
            text for term in glossary() if term.report for text in (term.term, term.meaning)
        ],
        "data dictionary": [text for one in columns() for text in (one.meaning, one.unit)],
    }
    for place, said in words.items():
        for text in said:
            yield place, text
