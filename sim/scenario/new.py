"""A scenario to begin with: commented, valid, and short to run."""

import json
from collections.abc import Sequence
from datetime import UTC, datetime
from importlib.resources import files
from pathlib import Path
from string import Template
from typing import get_args

from sim.atomic import replace_file, require_place
from sim.errors import ScenarioError, nearest
from sim.scenario.spec import Modality

PROFILES = {
    "dermoscopy": "dermoscopy_encoder_site",
    "chest_xray": "chest_xray_encoder",
    "fundus": "fundus_encoder_age",
}
"""Shipped profile of each modality that one was measured on; that of dermoscopy for all others,
because it alone has two places."""
PROFESSIONS = {"dermoscopy": "dermatologist", "fundus": "ophthalmologist"}
"""Who reads; radiologists where another does not."""
WORDS = {"chest_xray": "chest X-ray", "ct": "CT", "mri": "MRI", "fundus": "fundus photography"}
"""Modalities in a sentence, where not by their name."""
MODALITIES: tuple[str, ...] = get_args(Modality)


def write_new(
    file: Path,
    *,
    regions: Sequence[str],
    modality: str,
    budget_usd: float,
    names: Sequence[str] = (),
) -> Path:
    """Write a scenario to begin with, and return its path.

    Parameters
    ----------
    regions : codes, as ``regions`` of a scenario.
    budget_usd : US dollars a year.
    names : of the regions in words, for title and question; their codes when not given.

    Raises
    ------
    ScenarioError
        Where the file exists, or the modality is unknown.
    """
    if file.exists() or file.is_symlink():
        raise ScenarioError(f"{file} exists already; give another name.")
    if modality not in MODALITIES:
        hint = nearest(modality, MODALITIES)
        raise ScenarioError(
            f"modality: found '{modality}'.{hint} Allowed: {', '.join(MODALITIES)}."
        )
    require_place(file)
    text = new_scenario(regions, modality, budget_usd, ", ".join(names or regions))
    replace_file(file, lambda stream: stream.write(text.encode()))
    return file


def new_scenario(regions: Sequence[str], modality: str, budget_usd: float, where: str) -> str:
    """Return a scenario to begin with, as YAML; ``where`` says in words where it is."""
    template = files("sim.scenario").joinpath("templates", "new.yaml").read_text("utf-8")
    words = WORDS.get(modality, modality)
    measured = PROFILES.get(modality)
    return Template(template).substitute(
        title=json.dumps(f"{words[0].upper()}{words[1:]} in {where}"[:120], ensure_ascii=False),
        question=f"Where should new money for {words} in {where} go?",
        regions=f"[{', '.join(regions)}]",
        first=regions[0],
        modality=modality,
        profession=PROFESSIONS.get(modality, "radiologist"),
        start=datetime.now(UTC).year + 1,
        budget=f"{budget_usd:.6g}",
        profile=measured or PROFILES["dermoscopy"],
        transport="The profile was measured on this kind of image, in other places than these."
        if measured
        else f"No profile was measured on {words}; that of skin lesions stands in: an assumption.",
    )
