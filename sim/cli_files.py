# ruff: noqa: PLC0415 - a command imports what it runs, so that --help answers at once
"""Commands that begin a scenario, and list those that there are."""

from pathlib import Path
from typing import Annotated

import typer

from sim import terminal
from sim.errors import SimError, listed

SHOWN = 5
"""Regions of a scenario that a list names."""


def new(
    file: Annotated[
        Path, typer.Argument(parser=terminal.place, metavar="FILE", help="Scenario to write.")
    ],
    regions: Annotated[
        str, typer.Option(metavar="NAMES", help="Countries or groups: Kenya,RWA or LIC.")
    ],
    modality: Annotated[str, typer.Option(help="What is examined.")] = "dermoscopy",
    budget: Annotated[float, typer.Option(help="US dollars a year.", min=0.0, max=1e12)] = 1e6,
) -> None:
    """Write a commented scenario to begin with."""
    from sim.baseline import tables
    from sim.baseline.members import place_named
    from sim.scenario.new import write_new
    from sim.studies.names import load_scenario

    codes = [place_named(name.strip()) for name in regions.split(",") if name.strip()]
    if not codes:
        raise typer.BadParameter("name a country or a group, such as --regions Kenya,RWA.")
    words = tables.countries()["name"]
    names = [str(words.get(code, code)) for code in codes]
    written = write_new(file, regions=codes, modality=modality, budget_usd=budget, names=names)
    load_scenario(written)
    terminal.say(f"{written} is written, and valid. Put your own numbers in, then:")
    terminal.say(f"  equiscan run {written} --out runs/{written.stem} --dry-run")


def scenarios(
    folder: Annotated[
        Path, typer.Argument(parser=terminal.place, metavar="[DIR]", help="Where scenarios lie.")
    ] = Path("scenarios"),
) -> None:
    """List the scenarios in a folder, with what is wrong with those that are not valid."""
    import pandas as pd

    from sim.errors import ScenarioError
    from sim.studies.names import load_scenario

    if not folder.is_dir():
        raise ScenarioError(f"there is no folder '{folder}'.")
    rows = []
    for file in sorted(path for path in folder.iterdir() if path.suffix in (".yaml", ".yml")):
        row = {"file": file.name, "title": "", "regions": "", "modalities": ""}
        try:
            found = load_scenario(file)
        except SimError as error:
            first, *_more = str(error).splitlines()
            rows.append(row | {"title": f"not valid: {first}"})
            continue
        row |= {"title": found.title, "modalities": ", ".join(found.modalities)}
        rows.append(row | {"regions": listed(found.regions, most=SHOWN)})
    if not rows:
        raise ScenarioError(f"no scenario (a YAML file) lies in '{folder}'.")
    terminal.print_table(pd.DataFrame(rows))
