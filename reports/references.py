"""What the method rests on: references, as a list and as BibTeX."""

import re
from functools import cache
from importlib.resources import files
from typing import NamedTuple

ENTRY = re.compile(r"@\w+\{(?P<key>\w+),(?P<fields>.*?)\n\}", re.DOTALL)
FIELD = re.compile(r"^ {2}(\w+) = \{(.*)\},?$", re.MULTILINE)


class Reference(NamedTuple):
    """A publication that the method rests on."""

    said: str
    """Authors, year, title and where it appeared."""
    doi: str
    """Empty where there is none."""


@cache
def bibtex() -> str:
    """Return all references as BibTeX."""
    return files("reports").joinpath("templates", "references.bib").read_text("utf-8")


@cache
def references() -> tuple[Reference, ...]:
    """Return all references, in the order of their file."""
    return tuple(_reference(dict(FIELD.findall(one["fields"]))) for one in ENTRY.finditer(bibtex()))


def _reference(fields: dict[str, str]) -> Reference:
    """Return an entry in words.

    >>> _reference({"author": "Roe, A. and Doe, B.", "title": "On it", "year": "1999"})
    Reference(said='Roe, A.; Doe, B. (1999): On it', doi='')
    """
    who = fields["author"].replace(" and others", " et al.").replace(" and ", "; ")
    when = f" ({fields['year']})" if "year" in fields else ""
    where = fields.get("journal") or fields.get("booktitle", "")
    if "volume" in fields:
        where += f" {fields['volume']}"
    return Reference(
        f"{who}{when}: {fields['title']}{f', {where}' if where else ''}", fields.get("doi", "")
    )
