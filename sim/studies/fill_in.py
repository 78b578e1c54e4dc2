"""A CSV file of the numbers that a scenario uses, to replace some of them with one's own."""

import csv
import io
from pathlib import Path

from sim.atomic import replace_file, require_free
from sim.baseline.build import world_and_inputs
from sim.baseline.datum import Datum
from sim.errors import ScenarioError
from sim.scenario.own_numbers import COLUMNS, INCOME_GROUPS, OFF
from sim.scenario.schema import Scenario
from sim.studies.names import replaceable_in

FORMULA_SIGNS = ("=", "+", "-", "@")
STATUS = "assumed"
"""Of a number that is changed, until its source is known."""


def write_numbers(scenario: Scenario, file: Path, *, overwrite: bool = False) -> int:
    """Write every baseline number that a scenario uses and may replace; return how many.

    Each row begins with ``#``, so that the file, named under ``overrides``, changes nothing until
    that is taken away and the number, its range and its source are one's own.

    Raises
    ------
    ScenarioError
        Where the file exists already.
    """
    require_free(file, overwrite=overwrite, error=ScenarioError)
    known = replaceable_in(scenario)
    used = world_and_inputs(scenario, draw=None)[1].used
    rows = [_row(name, datum, known[name].unit) for name, datum in used.items() if name in known]
    stream = io.StringIO()
    writer = csv.writer(stream, lineterminator="\n")
    writer.writerows([COLUMNS, *sorted(rows)])
    replace_file(file, lambda there: there.write(stream.getvalue().encode()))
    return len(rows)


def _row(name: str, datum: Datum, unit: str) -> list[str]:
    """Return a number as ``sim.scenario.own_numbers`` reads it, but for the ``#`` before it."""
    region, _, variable = name.partition(".")
    head, _, last = name.rpartition(".")
    if last in INCOME_GROUPS:
        region, variable = last, head
    elif not (len(region) == 3 and region.isupper()):
        region, variable = "all", name
    value, low, high = (f"{number:.12g}" for number in (datum.value, datum.low, datum.high))
    ranged = (low, high) if low != high else ("", "")
    year = datum.year if datum.year.isdigit() else ""
    # a spreadsheet would compute a source that begins so
    source = f"'{datum.source}" if datum.source.startswith(FORMULA_SIGNS) else datum.source
    status = STATUS if datum.status == "imputed" else datum.status
    return [f"{OFF}{region}", variable, value, *ranged, unit, year, source, status, ""]
