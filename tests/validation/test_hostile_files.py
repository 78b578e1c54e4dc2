"""Files changed at random: each is refused with file, line and key, or runs to a report.

Scenarios, overlays, targets and profiles as people bring them, with numbers, words, lists and
characters put where they do not belong. No traceback, no endless loop, no message without end.
"""

import faulthandler
import json
import re
from collections.abc import Callable, Iterator
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from ruamel.yaml import YAML
from typer.testing import CliRunner

from sim.calibration.question import read_question
from sim.cli import app
from sim.errors import ScenarioError
from sim.learning.response import MEASURED
from tests.targets_file import SCENARIO, TARGETS

pytestmark = pytest.mark.slow

ENDLESS_S = 600.0
LONGEST_MESSAGE = 50_000
EXTRA = """
gate: {by: group, margin: 0.1, mitigate: true}
annotation: {reading: adjudicated, order: balanced}
training: {flexible_weeks: 4, preemption: true}
capacity_calendar:
- {of: imaging, share: 0.5, from_week: 50, to_week: 3, regions: [KEN], modalities: [dermoscopy]}
- {of: readers, share: 0, year: 2028, until: 2029, professions: [dermatologist]}
supplies:
- modality: dermoscopy
  regions: [KEN]
  exams_per_year: {value: 9000, low: 8000, high: 9999, source: made up}
  usd_per_exam: {value: 2, low: 1, high: 4, source: made up}
policy_steps:
- {kind: agreement, year: 2027, regions: [KEN]}
- {kind: carbon_cap, year: 2027, t_co2e_per_year: 3}
backlog: {imaging: {KEN.dermoscopy: 100}}
levers: {scanner: {max_per_year: 3}, site: {allowed: false}}
weekly: {detail: cell, stations: [imaging]}
overrides:
  KEN.population: {value: 5.0e+7, low: 4.0e+7, high: 6.0e+7, source: made up}
  dermoscopy.need_per_1000: {value: 3, sample: [2, 3, 5], source: made up}
  groups.urban.reach: {value: 0.4, source: made up}
uncertainty: {draws: 2, replications: 1, seed: 1}
"""
OVERLAY = "overrides:\n  KEN.urban_share: {value: 0.3, low: 0.2, high: 0.4, source: made up}\n"
QUICK = ("regions=[KEN, RWA]", "uncertainty={draws: 1, replications: 1}",
         "horizon={decide_years: 1, score_years: 2, warm_up_years: 0}")  # fmt: skip
REPORTS = 25

Tree = dict[str, Any]
Path_ = tuple[str | int, ...]

odd_numbers = st.sampled_from(
    [0, -1, 100, 1, 0.5, -0.0, 1e300, -1e300, 1e-300, float("nan"), float("inf"), 2**63, 10**40]
)
odd_words = st.sampled_from(
    ["", " ", "NA", "null", "~", "65+", "65-", "KEN", "LIC", "all", "plan", "a" * 5_000, "\x1b[2J",
     "\u202eabc", "ጤና", "../x.yaml", "/etc/passwd", "yes", "1e400", "urban_share", "2027-01-01",
     "{{x}}"]
)  # fmt: skip
odd = st.one_of(
    odd_numbers, odd_words, st.none(), st.booleans(), st.just([]), st.just({}),
    st.lists(odd_words, max_size=3), st.dictionaries(odd_words, odd_numbers, max_size=3),
    st.floats(), st.integers(), st.text(max_size=20),
)  # fmt: skip


@pytest.fixture(autouse=True)
def _no_endless_loop() -> Iterator[None]:
    """End the tests, with the place in the code, where one does not end."""
    faulthandler.dump_traceback_later(10 * ENDLESS_S, exit=True)
    yield
    faulthandler.cancel_dump_traceback_later()


def plain(text: str) -> Tree:
    return YAML(typ="safe", pure=True).load(text)


def paths(tree: object, at: Path_ = ()) -> Iterator[Path_]:
    """Yield the place of every value of a tree."""
    if at:
        yield at
    if isinstance(tree, dict | list):
        parts = tree.items() if isinstance(tree, dict) else enumerate(tree)
        for key, value in parts:
            yield from paths(value, (*at, key))


@st.composite
def changed(draw: st.DrawFn, tree: Tree) -> Tree:
    """Return a tree with one to three of its values replaced, removed, repeated or renamed."""
    tree = deepcopy(tree)
    for _ in range(draw(st.integers(1, 3))):
        *above, last = draw(st.sampled_from(list(paths(tree))))
        parent: Any = tree
        for key in above:
            parent = parent[key]
        match draw(st.sampled_from(["replace", "replace", "remove", "rename", "repeat"])):
            case "replace":
                parent[last] = draw(odd)
            case "remove":
                del parent[last]
            case "rename" if isinstance(parent, dict):
                parent[draw(odd_words)] = parent.pop(last)
            case _:
                if isinstance(parent, list):
                    parent.append(deepcopy(parent[last]))
        if not tree:
            break
    return tree


def written(tree: object) -> str:
    """Return a tree as YAML on many lines, nothing left out."""
    if isinstance(tree, dict) and tree:
        return "{" + ",\n".join(f"{json.dumps(k)}: {written(v)}" for k, v in tree.items()) + "}"
    if isinstance(tree, list) and tree:
        return "[" + ",\n".join(map(written, tree)) + "]"
    if isinstance(tree, float):
        return repr(tree).replace("inf", ".inf").replace("nan", ".nan")
    return json.dumps(tree)


@st.composite
def texts(draw: st.DrawFn, text: str) -> str:
    """Return a file changed by value, or by character."""
    if draw(st.booleans()):
        return written(draw(changed(plain(text))))
    at = draw(st.integers(0, len(text)))
    dropped = draw(st.integers(0, 12))
    return text[:at] + draw(st.text(max_size=6)) + text[at + dropped :]


def told(*words: str) -> tuple[int, str]:
    """Run a command; return its exit code and what it said of errors."""
    result = CliRunner().invoke(app, list(words), catch_exceptions=False)
    return result.exit_code, result.stderr


def assert_well_told(code: int, said: str, name: str) -> None:
    """Check that a file is taken, or refused with exit code 2, its name, a line and a key."""
    assert code in (0, 2), said
    assert len(said) < LONGEST_MESSAGE
    if code == 2:
        head, *others = said.removeprefix("error: ").strip().splitlines()
        for line in others or [head]:
            place = rf".*{re.escape(name)}(:\d+)?: .+"
            assert re.fullmatch(rf"{place}|and [\d,]+ more\.", line), said


def many(count: int) -> Callable[[Any], Any]:
    return settings(max_examples=count, suppress_health_check=list(HealthCheck))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("hostile")


@many(500)
@given(text=texts(SCENARIO + EXTRA))
def test_a_scenario_is_taken_or_refused_in_words(folder: Path, text: str) -> None:
    path = folder / "scenario.yaml"
    path.write_bytes(text.encode("utf-8", "surrogatepass"))
    assert_well_told(*told("validate", str(path)), "scenario.yaml")


@many(150)
@given(text=texts(OVERLAY))
def test_an_overlay_is_taken_or_refused_in_words(folder: Path, text: str) -> None:
    (folder / "over.yaml").write_bytes(text.encode("utf-8", "surrogatepass"))
    path = folder / "base.yaml"
    path.write_text(f"{SCENARIO}overlays: [over.yaml]\n", encoding="utf-8")
    code, said = told("validate", str(path))
    assert_well_told(code, said.replace("over.yaml", "base.yaml"), "base.yaml")


@many(200)
@given(text=texts(TARGETS))
def test_targets_are_taken_or_refused_in_words(folder: Path, text: str) -> None:
    (folder / "here.yaml").write_text(SCENARIO, encoding="utf-8")
    path = folder / "targets.yaml"
    path.write_bytes(text.encode("utf-8", "surrogatepass"))
    try:
        question = read_question(path)
    except ScenarioError as error:
        assert_well_told(error.exit_code, str(error), "targets.yaml")
    else:
        for one in question.unknowns:
            assert one.low <= one.mode <= one.high


FIT: Tree = json.loads((MEASURED / "dermoscopy_sex" / "fit.json").read_text(encoding="utf-8"))


@many(150)
@given(fit=changed(FIT))
def test_a_profile_is_taken_or_refused_in_words(folder: Path, fit: Tree) -> None:
    mine = folder / "mine"
    mine.mkdir(exist_ok=True)
    (mine / "fit.json").write_text(json.dumps(fit), encoding="utf-8")
    path = folder / "own.yaml"
    path.write_text(f"{SCENARIO}profile: ./mine\n", encoding="utf-8")
    code, said = told("validate", str(path))
    assert code in (0, 2), said
    assert code == 0 or re.search(r"fit\.json(:\d+)?: ", said)


@pytest.mark.filterwarnings("ignore:Glyph")  # a script that the figures' font does not have
def test_what_is_taken_runs_to_a_report(folder: Path) -> None:
    path, finished = folder / "taken.yaml", []

    @many(2_000)
    @given(text=texts(SCENARIO + EXTRA))
    def runs(text: str) -> None:
        if len(finished) >= REPORTS:
            return
        path.write_bytes(text.encode("utf-8", "surrogatepass"))
        changes = [word for change in QUICK for word in ("--set", change)]
        if told("validate", str(path), *changes)[0] == 0:
            out = folder / f"run{len(finished)}"
            code, said = told("run", str(path), "--out", str(out), "--workers", "1", *changes)
            assert code in (0, 2, 3), said
            if code == 0:
                assert (out / "report.html").is_file()
                finished.append(text)

    runs()
    assert len(finished) == REPORTS
