"""The measured response: error of a group, given the data that a model was trained on.

Reads a profile's ``fit.json``; everything else is arithmetic. docs/model.md §4.
"""

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from sim.domain.bounds import SHARE, Bounds
from sim.domain.holdings import Holdings, Performance
from sim.errors import ProfileError, nearest
from sim.learning.scaling import effective, power_law
from sim.streams import keys, uniforms

Floats = NDArray[np.float64]

MEASURED = Path(__file__).parents[1] / "profiles" / "measured"
"""Folder of the profiles that come with the package."""
FROZEN_BEYOND = 3.0
"""Multiple of the measured range beyond which the frozen answer no longer improves."""
SCHEMA = 1
"""Version of ``fit.json`` that this module reads."""
LAW = {
    "floor": SHARE,
    "scale": Bounds(0.0, 1e6, "error"),
    "power": Bounds(1e-3, 10.0, "without a unit"),
    "kappa": SHARE,
    "limit": Bounds(1.0, 1e9, "studies"),
    "offset": Bounds(1e-6, 1e6, "studies"),
}
"""Bounds of the law's parameters, see ``scaling.power_law``."""
PARAMETERS = tuple(LAW)
MEASUREMENTS = {
    "specificity": SHARE,
    "measured_max": Bounds(1.0, 1e9, "studies"),
    "joules_per_training_sample": Bounds(0.0, 1e9, "J"),
    "joules_per_inference": Bounds(0.0, 1e9, "J"),
}
"""Bounds of what else a simulation takes from a profile."""
FACTORS = (
    "noise_exponent",
    "double_reading_gain",
    "uncurated_quality",
    "synthetic_worth",
    "synthetic_limit",
    "synthetic_without_own",
    "pretraining_efficiency",
    "pretraining_per_decade",
    "pretraining_own_share",
    "mitigation_sensitivity_gain",
    "mitigation_gap_change",
    "local_threshold_gain",
)
"""Keys of ``Profile.factors``; docs/profiles.md says what each number means.

``synthetic_worth`` may be below 0, as measured; ``synthetic_limit`` is then not measured.
"""


@dataclass(frozen=True, slots=True)
class Factor:
    """What one treatment of the training data or of the training was worth, as measured."""

    value: float | None
    """Median over draws; ``None`` when no run measured it."""
    low: float | None
    high: float | None
    """With ``low``: 95% interval of a bootstrap over seeds."""
    status: str
    """``measured``; ``not resolved``: the interval holds ``null``; ``not measured``: no runs."""
    runs: int
    """Runs with the treatment, controls not counted."""
    null: float = 0.0
    """Value of no effect."""
    unit: str = ""
    draws: tuple[float, ...] = ()
    """Bootstrap draws, one answer each; empty when not measured."""
    seeds: int = 0
    """Fewest seeds behind a treatment; an interval over fewer than three says nothing."""


NOT_MEASURED = Factor(None, None, None, "not measured", 0)


@dataclass(frozen=True, slots=True)
class Profile:
    """A fitted measurement of one clinical task, as the simulation sees it."""

    name: str
    task: str
    modality: str
    data: str
    """``real`` or ``phantom``: what the images were."""
    specificity: float
    """Specificity on pooled validation at which sensitivity was read."""
    draws: Mapping[str, Floats]
    """Bootstrap draws of the error 1 - sensitivity: ``PARAMETERS``, each of shape (draws,).

    ``floor`` and ``scale`` are means over the measured groups: a cell of the simulation is a
    place, not one of the measured sites.
    """
    measured_max: float
    """Largest effective number of training studies measured."""
    kappa_interval: tuple[float, float]
    """95% interval of kappa."""
    kappa_identified: bool
    """False when the interval covers nearly all of [0, 1]: then the data do not say."""
    runs: int
    baseline_auc: float
    """AUC within groups of guessing from group and covariates, without images."""
    joules_per_training_sample: float
    joules_per_inference: float
    flops_per_training_sample: float
    joules_per_flop: float
    power_source: str
    """``measured``, ``nameplate`` or ``default``: how power is known."""
    hardware: str
    best_form: str = ""
    """Form that predicts the largest counts of sensitivity best when fitted without them."""
    factors: Mapping[str, Factor] = field(default_factory=dict)
    """What else was measured: every name of ``FACTORS``, ``NOT_MEASURED`` where there is no run."""

    @property
    def size(self) -> int:
        """Number of bootstrap draws."""
        return len(self.draws["kappa"])


@dataclass(frozen=True, slots=True)
class Response:
    """One draw of the law, a ``Respond``; the first fields are those of ``scaling.power_law``."""

    floor: float
    scale: float
    power: float
    kappa: float
    offset: float
    specificity: float
    """Specificity of the threshold at which sensitivity was read."""
    edge: float = math.inf
    """Effective studies beyond which error stays put; infinite: extrapolated."""
    limit: float = math.inf
    """What all studies of others are worth at most, in own studies."""
    level: float = 1.0
    """Error of the simulated model against the measured network's, 1 = as measured."""

    def effective(self, own: ArrayLike, other: ArrayLike) -> Floats:
        """Return own studies and what others' are worth, at most ``edge``."""
        return np.minimum(effective(own, other, self.kappa, self.limit), self.edge)

    def error(self, own: ArrayLike, other: ArrayLike) -> Floats:
        """Return the error, 0 to 1, after training on own and others' effective studies."""
        law = power_law(
            self.effective(own, other),
            floor=self.floor,
            scale=self.scale,
            power=self.power,
            offset=self.offset,
        )
        return np.clip(self.level * law, 0.0, 1.0)

    def __call__(self, holdings: Holdings) -> Performance:
        """Return what a training makes of its holdings, at the response's one threshold."""
        sensitivity = 1.0 - self.error(holdings.own, holdings.other)
        return Performance(sensitivity, np.full_like(sensitivity, self.specificity))


def draw_response(
    profile: Profile,
    draw: int,
    *,
    kappa_one_weight: float = 0.0,
    level: float = 1.0,
) -> Response:
    """Return the profile's law in one draw of what we do not know.

    Parameters
    ----------
    draw : number of the draw; beyond the profile's own number they repeat.
    kappa_one_weight : share of draws with kappa = 1, for a profile used on another task than its
        own, 0 to 1. Which draws those are depends on the profile and the draw only.
    level : error ratio of the simulated model to the measured network.
    """
    one = {name: float(profile.draws[name][draw % profile.size]) for name in PARAMETERS}
    key = keys(0, 0, "learning/transport", [profile.name])
    if float(uniforms(key, draw)[0, 0]) < kappa_one_weight:
        one |= {"kappa": 1.0, "limit": math.inf}
    return Response(**one, specificity=profile.specificity, level=level)


def central(profile: Profile, *, level: float = 1.0, points: int = 9) -> Response:
    """Return the draw whose errors are nearest to the mean of all draws: one answer for all.

    Constants of the law are fitted together, and their means or medians taken one by one can be
    no law that any run supports, even one worse than chance. Least squares over a grid of own
    and other studies from none to the edge, evenly spread in log(1 + n).

    Parameters
    ----------
    level : error ratio of the simulated model to the measured network.
    points : counts of own, and of other studies.
    """
    counts = np.expm1(np.linspace(0, np.log1p(FROZEN_BEYOND * profile.measured_max), points))
    law = {name: profile.draws[name][:, None, None] for name in PARAMETERS}
    studies = effective(counts[:, None], counts, law.pop("kappa"), law.pop("limit"))
    error = power_law(studies, **law)
    distance = ((error - error.mean(axis=0)) ** 2).sum(axis=(1, 2))
    return draw_response(profile, int(np.argmin(distance)), level=level)


def profile_folder(name_or_path: str | Path) -> Path:
    """Return the folder of a built-in profile by name, or a folder that holds one.

    Raises ``ProfileError`` naming the available profiles when there is no such thing.
    """
    folder = MEASURED / name_or_path
    if not (folder / "fit.json").is_file():
        folder = Path(name_or_path)
    if not (folder / "fit.json").is_file():
        names = available()
        raise ProfileError(
            f"no profile '{name_or_path}': neither built in nor a folder with fit.json."
            f"{nearest(str(name_or_path), names)} Built in: {', '.join(names) or 'none'}."
        )
    return folder


def load_profile(name_or_path: str | Path) -> Profile:
    """Return a built-in profile by name, or the one in a folder; see ``profile_folder``."""
    folder = profile_folder(name_or_path)
    file, text = folder / "fit.json", ""
    try:
        text = file.read_text(encoding="utf-8")
        return _profile_of(text)
    except (KeyError, TypeError, ValueError, RecursionError) as error:
        raise ProfileError(
            f"{file}{_line_of(error, text)}: cannot be read ({error!r}). "
            "Run `equiscan profile fit` again."
        ) from None


def _line_of(error: Exception, text: str) -> str:
    """Return where in a fit an error is, as ``:LINE``; empty where that is not known."""
    if isinstance(error, json.JSONDecodeError):
        return f":{error.lineno}"
    key = str(error).partition(":")[0].removeprefix("draws of ")
    lines = enumerate(text.splitlines(), start=1)
    return next((f":{number}" for number, line in lines if f'"{key}":' in line), "")


@lru_cache(maxsize=32)  # every sample asks for it
def _profile_of(text: str) -> Profile:
    return _checked(_read(json.loads(text)))


def available() -> tuple[str, ...]:
    """Return the names of the built-in profiles."""
    return tuple(sorted(path.parent.name for path in MEASURED.glob("*/fit.json")))


def _read(fit: Mapping[str, Any]) -> Profile:
    if fit["schema"] != SCHEMA:
        raise ValueError(f"schema {fit['schema']}, not {SCHEMA}")
    sensitivity = fit["fits"]["sensitivity"]
    low, high = sensitivity["interval"]["kappa"]
    within = list(fit["baseline"]["within"].values())
    return Profile(
        name=fit["name"],
        task=fit["task"],
        modality=fit["modality"],
        data=fit["data"],
        specificity=float(fit["specificity"]),
        draws=_draws(sensitivity),
        measured_max=float(sensitivity["measured_max"]["effective"]),
        kappa_interval=(float(low), float(high)),
        kappa_identified=bool(sensitivity["kappa_identified"]),
        runs=int(fit["runs"]),
        baseline_auc=sum(within) / len(within),
        joules_per_training_sample=float(fit["energy"]["joules_per_training_sample"]),
        joules_per_inference=float(fit["energy"]["joules_per_inference"]),
        flops_per_training_sample=float(fit["energy"]["flops_per_training_sample"]),
        joules_per_flop=float(fit["energy"]["joules_per_flop"]),
        power_source=fit["energy"]["power_source"],
        hardware=fit["hardware"],
        best_form=str(sensitivity["comparison"]["best"]),
        factors=_factors(fit.get("factors", {})),
    )


def _checked(profile: Profile) -> Profile:
    """Return the profile; ``ValueError`` where a number in it cannot have been measured."""
    numbers = {name: (bounds, getattr(profile, name)) for name, bounds in MEASUREMENTS.items()}
    wrong = {name: bounds.broken_by(value) for name, (bounds, value) in numbers.items()}
    wrong |= {
        f"draws of {name}": bounds.broken_by(*profile.draws[name]) for name, bounds in LAW.items()
    }
    for name, factor in profile.factors.items():
        if not np.isfinite(factor.draws).all():
            wrong[f"draws of {name}"] = "not all are numbers"
    if found := [f"{name}: {text}" for name, text in wrong.items() if text]:
        raise ValueError("; ".join(found))
    return profile


def _factors(fitted: Mapping[str, Any]) -> Mapping[str, Factor]:
    read = {
        name: Factor(**{**values, "draws": tuple(values["draws"])})
        for name, values in fitted.items()
    }
    return MappingProxyType({name: read.get(name, NOT_MEASURED) for name in FACTORS})


def _draws(fitted: Mapping[str, Any]) -> Mapping[str, Floats]:
    arrays = {name: np.asarray(fitted["draws"][name], dtype=np.float64) for name in PARAMETERS}
    if len({array.shape for array in arrays.values()}) != 1 or not arrays["kappa"].size:
        raise ValueError("draws differ in length or are empty")
    for array in arrays.values():
        array.setflags(write=False)
    return MappingProxyType(arrays)
