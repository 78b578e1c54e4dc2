"""What ``measurement.json`` must say for its runs to be fitted: checked before anything is."""

import json
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from sim.errors import MOST_SHOWN, ProfileError
from sim.profiles.design import Encoder

Count = int


class _Part(BaseModel):
    model_config = ConfigDict(extra="ignore", frozen=True, strict=True, allow_inf_nan=False)


class _Counted(_Part):
    positives: Count = Field(ge=0)
    negatives: Count = Field(ge=0)


class _Baseline(_Part):
    features: list[str]
    pooled: float = Field(ge=0, le=1)
    within: Mapping[str, float]


class _TaskSaid(_Part):
    cases: Mapping[str, _Counted]
    left_out_images: Mapping[str, _Counted]
    repeated_images: Count = Field(ge=0)
    baseline: _Baseline


class _GroupedTaskSaid(_TaskSaid):
    groups: list[str] = Field(min_length=1)
    not_estimable: list[str]


class _PlanSaid(_Part):
    name: str
    task: str
    modality: str
    citation: str
    group_attribute: str
    groups: list[str] = Field(min_length=1)
    not_estimable: list[str]
    left_out: Mapping[str, str]
    model: Literal["network", "probe", "last_blocks", "fine_tuned", "imported"]
    prevalence: float = Field(gt=0, lt=1)
    specificity: float = Field(gt=0, lt=1)
    folds: int = Field(ge=1)
    tasks: Mapping[str, Mapping[str, Any]]


def read_described(path: Path) -> dict[str, Any]:
    """Return what a folder of runs says of itself.

    Raises ``ProfileError`` with file and key of everything that is missing or cannot be.
    """
    try:
        about = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise ProfileError(
            f"{path}: not found. Measure first: `equiscan profile measure`, or bring runs of your "
            "own: `equiscan profile import`."
        ) from None
    except (OSError, ValueError, RecursionError) as error:
        raise ProfileError(f"{path}: cannot be read ({type(error).__name__}).") from None
    if not isinstance(about, dict):
        raise ProfileError(f"{path}: describes no measurement.")
    wrong = list(_problems(about))
    if wrong:
        raise ProfileError("\n".join(f"{path}: {text}" for text in wrong[:MOST_SHOWN]))
    return about


def _problems(about: Mapping[str, Any]) -> Iterator[str]:
    yield from _of(_PlanSaid, about.get("plan"), "plan.")
    if about.get("encoder") is not None:
        yield from _of(Encoder, about["encoder"], "encoder.")
    elif "encoder" not in about:
        yield "encoder: missing; null where there is none"
    plan = about.get("plan")
    named = plan.get("tasks") if isinstance(plan, dict) else None
    if not named:
        yield from _of(_TaskSaid, about, "")
        if isinstance(plan, dict):
            yield from _without(plan.get("groups"), about)
        return
    tasks = about.get("tasks")
    for name in named:
        one = tasks.get(name) if isinstance(tasks, dict) else None
        yield from _of(_GroupedTaskSaid, one, f"tasks.{name}.")
        if isinstance(one, dict):
            yield from _without(one.get("groups"), one)


def _of(model: type[BaseModel], value: object, prefix: str) -> Iterator[str]:
    try:
        model.model_validate(value)
    except ValidationError as error:
        for one in error.errors(include_url=False):
            key = ".".join(map(str, one["loc"]))
            yield f"{prefix}{key}: {one['msg'][0].lower()}{one['msg'][1:]}".replace(".:", ":")


def _without(groups: object, about: Mapping[str, Any]) -> Iterator[str]:
    """Yield scored groups that stand twice, or of which cases or baseline say nothing."""
    baseline = about.get("baseline")
    within = baseline.get("within") if isinstance(baseline, dict) else None
    named = groups if isinstance(groups, list) else []
    for group, count in Counter(one for one in named if isinstance(one, str)).items():
        if count > 1:
            yield f"groups: '{group}' stands {count} times"
        for key, known in (("cases", about.get("cases")), ("baseline.within", within)):
            if isinstance(known, dict) and group not in known:
                yield f"{key}: says nothing of group '{group}'"
