"""Published trainings of large models, held against what this profile's machine would draw.

Energy = FLOPs x joules per FLOP, both counted in the same way. The joules are those of the
machine that measured the profile: on a processor they say nothing about a data-centre GPU.
"""

from collections.abc import Mapping
from typing import Any

from sim.baseline import tables
from sim.baseline.datum import Datum
from sim.units import JOULES_PER_KWH

GPU = "A100"
"""The accelerator that the published hours were counted on."""
TRAININGS = ("DERETFound", "InceptionV3", "ViT")
"""Recipes whose FLOPs can be counted; the others do not say what an image passed through."""


def recipes(energy: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return predicted against published energy of each recipe, with the error.

    Parameters
    ----------
    energy : the ``energy`` section of a fit: ``joules_per_flop`` and ``power_source``.

    Notes
    -----
    ``ratio`` is predicted over published energy. ``implied_utilisation`` needs no measurement: the
    recipe's FLOPs over what its published GPU-hours hold at the GPU's peak. Published hours become
    energy at the GPU's rated power.
    """
    return [_recipe(name, float(energy["joules_per_flop"])) for name in TRAININGS]


def _recipe(name: str, joules_per_flop: float) -> dict[str, Any]:
    per_pass, passes = (tables.recipe(name, what) for what in ("flop_per_pass", "passes"))
    flop = _product(per_pass, passes)
    published, hours = _published(name)
    predicted = {key: value * joules_per_flop / JOULES_PER_KWH for key, value in flop.items()}
    peak = tables.gpu(GPU, "peak_flop_per_s").value
    rated = tables.gpu(GPU, "tdp_w").value
    held = hours * 3600 * peak if hours else published["value"] * JOULES_PER_KWH / rated * peak
    return {
        "recipe": name,
        "flop": flop,
        "predicted_kwh": predicted,
        "published_kwh": published,
        "published_as": "GPU-hours at rated power" if hours else "energy",
        "ratio": {
            "value": predicted["value"] / published["value"],
            "low": predicted["low"] / published["high"],
            "high": predicted["high"] / published["low"],
        },
        "implied_utilisation": {key: value / held for key, value in flop.items()},
        "sources": sorted({per_pass.source, passes.source, _source(name)}),
    }


def _published(name: str) -> tuple[dict[str, float], float]:
    """Return published energy in kWh, and GPU-hours where it was published as these, else 0."""
    hours = _of(name, "gpu_hours")
    if hours is None:
        return _range(tables.recipe(name, "train_kwh")), 0.0
    rated = tables.gpu(GPU, "tdp_w").value / 1000
    return {key: value * rated for key, value in _range(hours).items()}, hours.value


def _source(name: str) -> str:
    return (_of(name, "gpu_hours") or tables.recipe(name, "train_kwh")).source


def _of(name: str, variable: str) -> Datum | None:
    known = tables.table("recipes").xs(name).index.get_level_values("variable")
    return tables.recipe(name, variable) if variable in known else None


def _range(datum: Datum) -> dict[str, float]:
    return {"value": datum.value, "low": datum.low, "high": datum.high}


def _product(first: Datum, second: Datum) -> dict[str, float]:
    return {key: value * _range(second)[key] for key, value in _range(first).items()}
