"""The report in other languages: French is complete, English is as it was, names stay."""

import ast
import re
from html import unescape
from io import BytesIO
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from babel.messages.catalog import Catalog
from babel.messages.pofile import read_po
from pypdf import PdfReader
from typer.testing import CliRunner

from reports import render, retelling, words, write_report
from reports.export import DICTIONARY, tables_of
from reports.language import language_named, languages, misfits, numeral, percentage, speaking
from reports.measuring_page import measuring_figure, measuring_rows, measuring_sentence
from reports.messages import EVENTS, messages, write_catalogue
from reports.pdf import _weasyprint, write_pdf
from reports.retelling import asked_words, exchange_words, note_words, plan_words
from reports.uncertainties import driver_rows, driver_sentence, regret_figure, sobol_section
from sim.cli import app
from sim.errors import LanguageError, RunFolderError
from sim.studies.claims import CLAIM_COLUMNS, CLAIMS
from sim.studies.difference import DIFFERENCE_COLUMNS
from sim.studies.knowledge import DRIVER_COLUMNS, TOPIC, UNKNOWN
from sim.studies.manifest import Finished
from sim.studies.measuring import EVERYWHERE, MEASURING_COLUMNS
from sim.studies.result import StudyResult
from sim.studies.robustness import NOT_ROBUST
from tests.unit.reports.test_page import (
    ALTERNATIVES,
    FRONTIER,
    GAIN,
    ITEMS,
    MISSED,
    NOWHERE,
    RING_FENCE,
    SHARED,
    VARIATIONS,
)

Finishing = tuple[Path, StudyResult]
DIFFERENCE = pd.DataFrame(
    [("the plan", 0.02, 0.01, 0.03, 2.0, 5, "before"),
     ("data", -0.01, -0.02, 0.0, -1.0, 5, "before")],
    columns=[*DIFFERENCE_COLUMNS, "against"],
)  # fmt: skip
SOBOL = pd.DataFrame(
    [("reach", 4, 0.4, 0.1, 0.7, 0.5, 0.2, 0.8, 512),
     ("chance", 1, 0.3, 0.0, 0.6, 0.4, 0.1, 0.7, 512)],
    columns=["what", "unknowns", "first", "first_low", "first_high", "total", "total_low",
             "total_high", "runs"],
)  # fmt: skip
ROOT = Path(__file__).parents[3]
FRENCH = ROOT / "reports" / "languages" / "fr.po"
HEAD = 'msgid ""\nmsgstr ""\n"Language: {}\\n"\n"Content-Type: text/plain; charset=utf-8\\n"\n\n'


@pytest.fixture(scope="module")
def known() -> Catalog:
    """Return every message that reports can say."""
    return messages()


@pytest.fixture(scope="module")
def french() -> Catalog:
    """Return the French catalogue."""
    return read_po(BytesIO(FRENCH.read_bytes()), abort_invalid=True)


def text_of(page: str) -> str:
    """Return what stands on a page."""
    return unescape(re.sub(r"<[^<>]+>", " ", page.partition("</style>")[2]))


def plain_texts(catalogue: Catalog) -> list[str]:
    """Return English texts that say otherwise, and are long enough to be nobody's name."""
    return [
        str(one.id)
        for one in catalogue
        if isinstance(one.id, str)
        and one.id.count(" ") > 1
        and one.string != one.id
        and not re.search(r"[{%<\n]", one.id)
    ]


def keys(catalogue: Catalog) -> set[tuple[object, object]]:
    """Return context and English text of every message."""
    return {(one.context, one.id) for one in catalogue if one.id}


def test_french_says_every_message_and_no_other(known: Catalog, french: Catalog) -> None:
    assert len(keys(known)) > 900
    assert keys(known) == keys(french)
    for message in french:
        said = message.string if isinstance(message.string, tuple) else (message.string,)
        assert all(said), message.id
        assert not message.fuzzy


def test_french_leaves_open_what_english_does(french: Catalog) -> None:
    assert [wrong for message in french if message.id and (wrong := misfits(message))] == []


def test_french_is_set_as_french_is(french: Catalog) -> None:
    """No straight apostrophe or quote, and a space that does not break before a high sign."""
    for message in french:
        for text in message.string if isinstance(message.string, tuple) else (message.string,):
            if message.id:
                plain = re.sub(r"<[^<>]*>|\{[^{}]*\}|%\(\w+\)s|exam_costs: \w+", "", text)
                assert not re.search(r"['\"]| [;:!?%»]|« |\w[;!?»]", plain), text


def test_the_catalogue_is_as_the_command_writes_it(french: Catalog, tmp_path: Path) -> None:
    file = tmp_path / "fr.po"
    file.write_bytes(FRENCH.read_bytes())
    count, done = write_catalogue(file, "")
    assert count == done == len(keys(french))
    assert file.read_bytes() == FRENCH.read_bytes()


def test_every_event_of_the_pipeline_is_a_message() -> None:
    sources = "".join(
        file.read_text("utf-8") for file in (ROOT / "sim" / "pipeline" / "processes").glob("*.py")
    )
    logged = set(re.findall(r'log(?:_all)?\((?:cals, )?"([^"]+)"|Order\(\s*"([^"]+)"', sources))
    assert {one or other for one, other in logged} <= set(EVENTS)


def test_a_french_page_says_nothing_that_french_has_words_for(
    planned: Finishing, french: Catalog
) -> None:
    page = render(planned[1], language="fr")
    assert '<html lang="fr">' in page
    text = text_of(page)
    assert len(plain_texts(french)) > 400
    assert [one for one in plain_texts(french) if one in text] == []
    assert "all regions" not in text
    assert "Où le prochain dollar aide le plus" in text
    assert re.search(r"\d,\d\u202f%", text)
    assert not re.search(
        r"\d\.\d+%", text.partition("Les données d\u2019entrée et leurs sources")[0]
    )


def test_answers_of_other_questions_are_in_french(planned: Finishing, french: Catalog) -> None:
    claims = pd.DataFrame(
        [(one.name, one.says, "there is one region", 0.1, 0.0, 0.2, "share of need", "confirmed", 5,
          "nothing can be bought there") for one in CLAIMS],
        columns=list(CLAIM_COLUMNS),
    )  # fmt: skip
    answers = {
        "gain": {"gain": GAIN},
        "ring_fence": {"ring_fence": RING_FENCE, "ring_fence_missed": NOWHERE},
        "frontier": {"frontier": FRONTIER, "frontier_missed": MISSED},
        "alternatives": {"alternatives": ALTERNATIVES, "shared_money": SHARED},
        "certificate": {"stable_items": ITEMS, "variations": VARIATIONS},
        "claims": {"claims": claims},
        "difference": {"difference": DIFFERENCE},
    }
    text = text_of(render(planned[1], answers, language="fr"))
    assert [one for one in plain_texts(french) if one in text] == []
    assert "ce qui y contribue le plus\u00a0: le plan, +2,00 points" in text
    assert "alternative 1 à moins de 5\u202f%" in text
    assert f"{len(CLAIMS)} confirmée" in text


def test_what_is_not_known_is_said_in_french(french: Catalog) -> None:
    reached = pd.DataFrame(
        [("survey of reach", "rural", 4, 0.02, 0.01, 0.03, 0.5, 90_000.0, 2e4, 1e4, 4e4, True, 8),
         ("audit of labels", EVERYWHERE, 1, 0.0, 0.0, 0.0, 0.0, np.nan, 1e4, 5e3, 2e4, False, 8)],
        columns=list(MEASURING_COLUMNS),
    )  # fmt: skip
    leads = pd.DataFrame(
        [(TOPIC, "reach", "reach", 4, 0.5, 0.3, 0.7, 0.1, 8),
         (UNKNOWN, "groups.rural.reach", "reach", 1, 0.0, 0.0, 0.1, 0.2, 8)],
        columns=list(DRIVER_COLUMNS),
    )  # fmt: skip
    regrets = pd.DataFrame(
        [("plan", 0.01, 0.0, 0.02, 0.03, 0.5, 1.0), ("baseline", 0.0, 0.0, 0.0, 0.0, 0.5, 0.5)],
        columns=["plan", "regret", "low", "high", "largest", "best", "near"],
    )
    with speaking("fr"):
        page = sobol_section({"sobol": SOBOL})
        first, paying = measuring_sentence(reached), measuring_rows(reached, "ede")
        said = [
            page["sentence"], page["figure"], page["rows"].to_html(), first, paying.to_html(),
            driver_sentence(leads), driver_rows(leads, TOPIC).to_html(), regret_figure(regrets),
            measuring_figure(reached), measuring_sentence(reached.tail(1)),
        ]  # fmt: skip
    text = unescape(" ".join(said))
    assert [one for one in plain_texts(french) if one in text] == []
    assert "recours et hasard\u202f; 30\u202f% de sa variance" in page["sentence"]
    assert "0,40 (0,10 à 0,70)" in text
    assert "enquête sur le recours, rural. " in first
    assert "audit des étiquettes" in list(paying["mesure"])
    assert "\u202f: recours (thème)." in text.replace("\u00a0", "\u202f")


def test_what_claims_are_held_against_can_be_told_again() -> None:
    said = set()
    for name in ("claims", "data_claims"):
        tree = ast.parse((ROOT / "sim" / "studies" / f"{name}.py").read_text("utf-8"))
        for node in ast.walk(tree):
            if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "compared":
                said.add(node.value)
            elif isinstance(node, ast.Call) and ast.unparse(node.func) == "not_tested":
                said.add(node.args[1])
    texts = {node.value for node in said if isinstance(node, ast.Constant)}
    assert len(texts) > 20
    assert texts <= set(retelling.CLAIMS)


def test_english_is_the_same_through_a_catalogue_that_says_nothing(
    planned: Finishing, tmp_path: Path
) -> None:
    empty = tmp_path / "en.po"
    write_catalogue(empty, "en")
    assert render(planned[1], language=str(empty)) == render(planned[1])


def test_names_of_the_scenario_stay(planned: Finishing) -> None:
    result = planned[1]
    page = render(result, language="fr")
    assert result.scenario.title in page
    for group in result.scenario.groups:
        assert re.search(rf"<th class=\"n\">{group}</th>", page)


def test_numbers_are_written_as_the_language_does() -> None:
    with speaking("fr"):
        assert numeral("1,934.2") == "1\u202f934,2"
        assert percentage("12.5") == "12,5\u202f%"
        assert words.percent(0.1234) == "12,3\u202f%"
        assert words.dollars(4_256_000) == "4,26 millions USD"
        assert words.dollars(1_500_000) == "1,5 million USD"
        assert words.in_points(0.0123) == "+1,23 point"
        assert words.in_points(-0.0223) == "-2,23 points"
    assert words.percent(0.1234) == "12.3%"
    assert words.dollars(4_256_000) == "$4.26 million"


def test_sentences_of_tables_are_told_again() -> None:
    note = (
        "the best of 7 plans over 23 search draws, found from model, 50% without AI, step 2 by a "
        "search of 1,477 runs; 99% of the money is spent"
    )
    assert note_words(note) == note
    assert plan_words("plan, and all else spent") == "plan, and all else spent"
    with speaking("fr"):
        assert note_words(note) == (
            "le meilleur de 7 plans sur 23 tirages de recherche, trouvé à partir de «\u00a0modèle, "
            "50\u202f% sans IA, pas 2\u00a0» par une recherche de 1\u202f477 simulations\u202f; "
            "99\u202f% de l\u2019argent sont dépensés"
        )
        assert plan_words("model, 50% without AI, step 2, and all else spent") == (
            "modèle, 50\u202f% sans IA, pas 2, et tout le reste dépensé"
        )
        assert exchange_words("gpu_hours for outreach.rural in KEN") == (
            "heures-GPU contre cliniques mobiles (rural), Kenya"
        )
        assert asked_words("Emissions of the whole pipeline at most 50 t CO2e") == (
            "Émissions de toute la chaîne\u00a0: au plus 50 t CO2e"
        )
        assert plan_words("of my own") == "of my own"
        assert words._(NOT_ROBUST) != NOT_ROBUST


def test_the_command_writes_a_page_beside_the_english_one(planned: Finishing) -> None:
    folder = planned[0]
    english = write_report(folder).read_bytes()
    done = CliRunner().invoke(app, ["report", str(folder), "--language", "fr"])
    assert done.exit_code == 0, done.output
    page = folder / "report.fr.html"
    assert page.read_text("utf-8") == render(planned[1], language="fr")
    assert (folder / "report.html").read_bytes() == english
    assert "report.fr.html" in Finished.at(folder).files


def test_a_pdf_is_in_the_language(planned: Finishing, tmp_path: Path) -> None:
    try:
        _weasyprint()
    except RunFolderError as error:
        pytest.skip(str(error))
    file = write_pdf(planned[0], tmp_path / "rapport.pdf", language="fr")
    pages = [page.extract_text() for page in PdfReader(file).pages]
    assert f"1 sur {len(pages)}" in pages[0]
    assert "Où va l\u2019argent" in " ".join(pages).replace("\n", " ")


def test_the_data_dictionary_is_in_the_language_and_tables_are_not(planned: Finishing) -> None:
    english, french = (tables_of(planned[0], language) for language in ("en", "fr"))
    meaning = french[DICTIONARY].set_index(["table", "column"])["meaning"]
    assert meaning["cells", "exams"] == "examens réalisés"
    for name in set(english) - {DICTIONARY}:
        pd.testing.assert_frame_equal(english[name], french[name])


def test_a_language_of_ones_own_needs_no_code(planned: Finishing, tmp_path: Path) -> None:
    file = tmp_path / "es.po"
    done = CliRunner().invoke(app, ["translation", str(file), "--language", "es"])
    assert done.exit_code == 0, done.output
    assert "0 of" in done.output
    text = file.read_text("utf-8")
    file.write_text(
        text.replace('msgid "Where the money goes"\nmsgstr ""', 'msgid "Where the money goes"\n'
                     'msgstr "Adónde va el dinero"'), "utf-8",
    )  # fmt: skip
    page = render(planned[1], language=str(file))
    assert '<html lang="es">' in page
    assert "Adónde va el dinero" in page
    assert "Limits of the method" in page  # what it lacks is said in English
    assert re.search(r"\d,\d%", page)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (HEAD.format("xx") + 'msgid "all"\nmsgstr "x"\n', "'xx' is none that is known"),
        ('msgid "all"\nmsgstr "x"\n', "has to say which language"),
        (HEAD.format("es") + 'msgid "all"\nnonsense\n', "mine.po"),
        (HEAD.format("es") + 'msgid "{low} to {high}"\nmsgstr "{low} a {top}"\n', "'{top}'"),
        (HEAD.format("es") + 'msgid "{low} to {high}"\nmsgstr "a {low}"\n', "'{high}' of"),
        (HEAD.format("es") + 'msgid "all"\nmsgstr "<script>x</script>"\n', "'</script>' is not in"),
        (HEAD.format("es") + 'msgid "All %(count)s"\nmsgstr "5% %(count)s"\n', "has to be doubled"),
    ],
)  # fmt: skip
def test_a_catalogue_with_a_fault_is_refused(
    planned: Finishing, tmp_path: Path, text: str, reason: str
) -> None:
    file = tmp_path / "mine.po"
    file.write_text(text, "utf-8")
    done = CliRunner().invoke(app, ["report", str(planned[0]), "--language", str(file)])
    assert done.exit_code == 2
    assert reason in " ".join(done.output.split())


def test_what_is_no_text_or_no_language_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "mine.po"
    file.write_bytes(HEAD.format("es").encode() + b'msgid "all"\nmsgstr "\xff"\n')
    with pytest.raises(LanguageError, match="UTF-8"):
        language_named(str(file))
    with pytest.raises(LanguageError, match="No such file"):
        language_named(str(tmp_path / "none.po"))
    with pytest.raises(LanguageError, match=r"no language 'fra'.*'fr'"):
        language_named("fra")
    assert languages() == ["en", "fr"]


def test_no_file_is_overwritten_that_is_no_catalogue(tmp_path: Path) -> None:
    mine = tmp_path / "mine.po"
    mine.write_text("my notes", "utf-8")
    with pytest.raises(LanguageError, match="is no catalogue"):
        write_catalogue(mine, "es")
    with pytest.raises(LanguageError, match="none that is known"):
        write_catalogue(tmp_path / "new.po", "xx")
    with pytest.raises(LanguageError, match=r"ends in \.po"):
        write_catalogue(tmp_path / "new.txt", "es")
    assert mine.read_text("utf-8") == "my notes"
    assert sorted(tmp_path.iterdir()) == [mine]
