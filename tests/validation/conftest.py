"""Writes what the comparisons found as a table, for docs/validation.md."""

from pathlib import Path

import pytest

from tests.validation.equivalence import FOUND

OPTION = "--validation-table"


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(OPTION, type=Path, help="write every comparison to this file")


def pytest_sessionfinish(session: pytest.Session) -> None:
    path = session.config.getoption(OPTION, None)
    if path is None:
        return
    rows = [
        "| reference and configuration | measure | reference | Equiscan | difference | margin |",
        "| --- | --- | --: | --: | --: | --: |",
    ]
    for name, found in FOUND:
        numbers = (
            f"{found.reference:.4g} | {found.ours:.4g} | {found.bias:+.3g} | {found.margin:.3g}"
        )
        rows.append(f"| {name} | {found.measure} | {numbers} |")
    path.write_text("\n".join(rows) + "\n")
