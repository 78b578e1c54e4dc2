"""One name, one thing: classes, functions and modules of the package, and terms of the glossary."""

import ast
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

from reports.glossary import glossary, glossary_page

ROOT = Path(__file__).parents[2]
SHARED = {
    "step": "what each station does in a week",
    "week_of": "the kernel of each kind of queue",
    "audit": "the station's record, and the control process",
    "serve": "a queue's kernel, and a worker's loop",
    "generate": "the station's kernel, and the network that makes images",
    "warm_up": "of a simulation, and of a machine that is measured",
    "pooled": "studies of a training, and estimates of several profiles",
    "Objective": "of plans, and of a training",
    "Target": "of a calibration, and of a fit",
    "Reading": "the station, and what a meter reads",
    "baseline": "the tables of today, and guesses without an image",
    "figures": "of the report, and of a profile's card",
    "processes": "of SimPy, and workers",
    "reading": "the station, and reading image files",
    "run": "of the simulation, and of a training",
    "training": "of releases in the pipeline, and of networks that are measured",
}
"""Names that the measurement of profiles, the pipeline and executors share with others, and why."""


def modules() -> Iterator[Path]:
    for package in ("sim", "reports"):
        yield from (ROOT / package).rglob("*.py")


def public_names(path: Path) -> Iterator[str]:
    """Yield the public classes and functions that a module defines."""
    for node in ast.parse(path.read_text(encoding="utf-8")).body:
        if isinstance(node, ast.ClassDef | ast.FunctionDef) and not node.name.startswith("_"):
            yield node.name


def shared(places: dict[str, list[str]]) -> dict[str, list[str]]:
    """Return what stands in several places and is no known exception."""
    return {name: found for name, found in places.items() if len(found) > 1 and name not in SHARED}


def test_no_two_public_classes_or_functions_have_one_name() -> None:
    places = defaultdict(list)
    for path in modules():
        if not path.name.startswith("cli"):  # commands are called like what they call
            for name in public_names(path):
                places[name].append(str(path.relative_to(ROOT)))
    assert shared(places) == {}


def test_no_two_modules_have_one_name() -> None:
    places = defaultdict(list)
    for path in modules():
        name = path.parent.name if path.name == "__init__.py" else path.stem
        places[name].append(str(path.relative_to(ROOT)))
    assert shared(places) == {}


def test_the_glossary_is_up_to_date_and_says_where_to_look() -> None:
    page = (ROOT / "docs" / "glossary.md").read_text(encoding="utf-8")
    assert page == glossary_page(), "stale: run `make schema`"
    assert {term.place for term in glossary() if not (ROOT / term.place).exists()} == set()
    terms = [term.term for term in glossary()]
    assert len(set(terms)) == len(terms)
