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
"""The accelerator that energy is held against where a study names none."""
HOURS = "-hours"
"""End of the unit of GPU-hours; before it is the GPU."""
FLOP_PER_PARAMETER = 6.0
"""FLOPs of one parameter and patch in training: a multiply-add forward, and twice that backward."""

Range = dict[str, float]
"""A value with ``low`` and ``high``."""


def recipes(energy: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return predicted against published energy of each recipe that has both, with the error.

    Parameters
    ----------
    energy : the ``energy`` section of a fit: ``joules_per_flop`` and ``power_source``.

    Notes
    -----
    ``ratio`` is predicted over published energy. ``implied_utilisation`` needs no measurement: the
    recipe's FLOPs over what its published GPU-hours hold at the GPU's peak. Published hours become
    energy at the GPU's rated power.
    """
    joules = float(energy["joules_per_flop"])
    return [_held(name, joules) for name in _names() if _flop(name) and _published(name)]


def contents() -> list[dict[str, Any]]:
    """Return what each recipe consists of, and the FLOPs that follow, beside published ones.

    Parameters, images, epochs and side are ``None`` where we read no figure. ``counted_flop`` is
    of one image and training pass: ``FLOP_PER_PARAMETER`` for each parameter and patch. It leaves
    out attention between patches, and only networks that see patches can be counted so.
    """
    return [
        {
            "recipe": name,
            **{what: _value(name, what) for what in ("parameters", "images", "synthetic_images")},
            **{what: _value(name, what) for what in ("epochs", "image_px")},
            "passes": _passes(name),
            "counted_flop": counted,
            "published_flop": published,
            "error": counted["value"] / published["value"] - 1 if counted and published else None,
            "sources": _sources(name),
        }
        for name in _names()
        for counted, published in [(_counted(name), _range(name, "flop_per_pass"))]
    ]


def _held(name: str, joules_per_flop: float) -> dict[str, Any]:
    """Hold a recipe that has FLOPs and published hours or energy against its prediction."""
    flop, published = _flop(name) or {}, _published(name) or {}
    predicted = {key: value * joules_per_flop / JOULES_PER_KWH for key, value in flop.items()}
    hours = _of(name, "gpu_hours")
    gpu = _gpu(hours)
    peak, rated = (tables.gpu(gpu, what).value for what in ("peak_flop_per_s", "tdp_w"))
    seconds = hours.value * 3600 if hours else published["value"] * JOULES_PER_KWH / rated
    return {
        "recipe": name,
        "gpu": gpu,
        "flop": flop,
        "predicted_kwh": predicted,
        "published_kwh": published,
        "published_as": f"{gpu}-hours at rated power" if hours else "energy",
        "ratio": {
            "value": predicted["value"] / published["value"],
            "low": predicted["low"] / published["high"],
            "high": predicted["high"] / published["low"],
        },
        "implied_utilisation": {key: value / (seconds * peak) for key, value in flop.items()},
        "sources": _sources(name),
    }


def _flop(name: str) -> Range | None:
    """Return the FLOPs of a training: published per pass where that is so, else counted."""
    return _product(_range(name, "flop_per_pass") or _counted(name), _passes(name))


def _counted(name: str) -> Range | None:
    """Return the FLOPs of a pass, by parameters and patches."""
    parameters, patches = _range(name, "parameters"), _range(name, "patches") or _grid(name)
    if not parameters or not patches:
        return None
    seen = _range(name, "visible_share") or _exactly(1.0)
    decoder = _range(name, "decoder_parameters") or _exactly(0.0)
    working = {key: parameters[key] * seen[key] + decoder[key] for key in parameters}
    return _product(working, patches, _exactly(FLOP_PER_PARAMETER))


def _grid(name: str) -> Range | None:
    """Return how many patches an image is cut into."""
    side, patch = _value(name, "image_px"), _value(name, "patch_px")
    return _exactly((side // patch) ** 2) if side and patch else None


def _passes(name: str) -> Range | None:
    """Return how many images are trained on, each as often as it is."""
    return _range(name, "passes") or _product(_range(name, "images"), _range(name, "epochs"))


def _published(name: str) -> Range | None:
    """Return published energy in kWh, or published hours at the GPU's rated power."""
    hours = _of(name, "gpu_hours")
    if hours is None:
        return _range(name, "train_kwh")
    kilowatts = tables.gpu(_gpu(hours), "tdp_w").value / 1000
    return _product(_range(name, "gpu_hours"), _exactly(kilowatts))


def _gpu(hours: Datum | None) -> str:
    return hours.unit.removesuffix(HOURS) if hours else GPU


def _names() -> list[str]:
    return list(dict.fromkeys(tables.table("recipes").index.get_level_values("recipe")))


def _sources(name: str) -> list[str]:
    return sorted(set(tables.table("recipes").xs(name)["source"]) - {"assumption"})


def _of(name: str, variable: str) -> Datum | None:
    known = tables.table("recipes").xs(name).index.get_level_values("variable")
    return tables.recipe(name, variable) if variable in known else None


def _value(name: str, variable: str) -> float | None:
    datum = _of(name, variable)
    return datum.value if datum else None


def _range(name: str, variable: str) -> Range | None:
    datum = _of(name, variable)
    return {"value": datum.value, "low": datum.low, "high": datum.high} if datum else None


def _exactly(value: float) -> Range:
    return dict.fromkeys(("value", "low", "high"), value)


def _product(*factors: Range | None) -> Range | None:
    """Return the product of some ranges, ``None`` where one is unknown."""
    result = _exactly(1.0)
    for factor in factors:
        if factor is None:
            return None
        result = {key: value * factor[key] for key, value in result.items()}
    return result
