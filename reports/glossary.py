"""The glossary: every term of ours in a sentence, for documentation and report."""

import csv
from importlib.resources import files
from itertools import groupby
from typing import NamedTuple

HEAD = """# Glossary

Made by `make schema` from `reports/templates/glossary.csv`; do not edit. The last column says
where a term stands in the code or is explained.
"""


class Term(NamedTuple):
    """A term of ours."""

    part: str
    """Heading that it stands under."""
    term: str
    meaning: str
    place: str
    """File or folder, from the root of the repository."""
    report: str
    """``yes`` where the policy report uses the term."""


def glossary() -> tuple[Term, ...]:
    """Return all terms, in the order of the pipeline and of a study."""
    text = (files("reports") / "templates" / "glossary.csv").read_text(encoding="utf-8")
    return tuple(Term(**row) for row in csv.DictReader(text.splitlines()))


def glossary_page() -> str:
    """Return the glossary as Markdown."""
    lines = [HEAD]
    for part, terms in groupby(glossary(), key=lambda term: term.part):
        lines += [f"## {part}\n", "| term | meaning | where |", "| --- | --- | --- |"]
        lines += [f"| **{t.term}** | {t.meaning} | [{t.place}](../{t.place}) |" for t in terms]
        lines.append("")
    return "\n".join(lines)
