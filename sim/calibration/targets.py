"""Read a file of targets: inputs that may move, and figures to match."""

from collections.abc import Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Literal, Self

from pydantic import Field, field_validator, model_validator

from sim.calibration.outputs import EVERYWHERE, OUTPUTS, Scope
from sim.errors import LONGEST_NAME, ScenarioError, cut, listed
from sim.scenario.problems import Problem, unknown, validated
from sim.scenario.spec import Modality, Share, Spec, Text
from sim.scenario.tree import Node, read_tree

OutputName = Literal[
    "exams_per_1000",
    "wait_weeks",
    "share_arrived",
    "share_reneged",
    "share_unread",
    "dataset_share",
]


class Parameter(Spec):
    """An input that may move, and how far."""

    low: float | None = None
    """Lowest value to try; of the baseline tables when not given."""
    high: float | None = None
    """Highest value to try; of the baseline tables when not given."""
    why: str = Field("", max_length=500)
    """Why it may move, or why by more than the tables say; required where a value is published."""

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        if self.low is not None and self.high is not None and not self.low < self.high:
            raise ValueError(f"low {self.low:g} is not below high {self.high:g}")
        return self


class Target(Spec):
    """A published figure that the baseline has to match."""

    output: OutputName
    """What it is a figure of."""
    region: str
    """Region of the scenario, or ``all``."""
    modality: Modality | None = None
    """Modality; all of the scenario's together when not given."""
    among: tuple[str, ...] = Field((), max_length=250)
    """For a share of data: regions that it is a share of; all, from outside too, when not given."""
    year: int | None = Field(None, ge=1950, le=2100)
    """Calendar year of the figure."""
    value: float
    """The figure."""
    low: float
    """Lowest that the truth may be, at 95 percent: error, and difference of definitions."""
    high: float
    """Highest that the truth may be, at 95 percent."""
    source: Text = Field(min_length=3, max_length=500)
    """Who published it, and how low and high were chosen."""

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        if not self.low <= self.value <= self.high or self.low == self.high:
            reason = f"value {self.value:g} is not within {self.low:g} to {self.high:g}"
            raise ValueError(f"{reason}, a range that is not empty")
        if wrong := OUTPUTS[self.output].bounds.broken_by(self.low, self.value, self.high):
            raise ValueError(wrong)
        return self

    @property
    def scope(self) -> Scope:
        """What the output is taken over."""
        return Scope(self.region, self.modality, self.among)

    @property
    def name(self) -> str:
        """Short name for tables and messages."""
        among = f"of {'+'.join(self.among)}" if self.among else ""
        return " ".join(filter(None, (self.output, self.region, self.modality, among)))


class Targets(Spec):
    """A file of targets."""

    scenario: str
    """Scenario file in the same folder, whose baseline is matched."""
    parameters: Mapping[str, Parameter] = Field(min_length=1, max_length=30)
    """Inputs that may move, by dotted name as in ``overrides``."""
    targets: tuple[Target, ...] = Field(min_length=1, max_length=100)
    """Published figures."""
    discrepancy: Share = 0.1
    """What the model leaves out, as a share of each figure (one standard deviation)."""
    years: int = Field(1, ge=1, le=10)
    """Years that are simulated after the warm-up; outputs are taken over all of them."""

    @field_validator("targets")
    @classmethod
    def _given_once(cls, targets: tuple[Target, ...]) -> tuple[Target, ...]:
        names = [target.name for target in targets]
        if twice := sorted({name for name in names if names.count(name) > 1}):
            raise ValueError(f"given twice: {listed(twice)}")
        return targets


def read_targets(file: Path) -> tuple[Targets, Node]:
    """Return the targets in a file, and the file as a tree for the places of later problems.

    Raises
    ------
    ScenarioError
        With every problem of the file, each with its line, its key and what is allowed.
    """
    tree = read_tree(file)
    if not isinstance(tree.value, dict):
        raise ScenarioError(f"{tree.place}: a file of targets is a mapping of keys to values.")
    return validated(Targets, tree, file=str(file)), tree


def scope_problems(
    targets: Targets, tree: Node, regions: tuple[str, ...], modalities: tuple[str, ...]
) -> Iterator[Problem]:
    """Yield what is wrong with the regions and modalities that targets name."""
    for at, target in enumerate(targets.targets):
        wanted = {"region": (target.region, (*regions, EVERYWHERE))}
        wanted |= {f"among.{i}": (name, regions) for i, name in enumerate(target.among)}
        if target.modality is not None:
            wanted["modality"] = (target.modality, modalities)
        for key, (name, allowed) in wanted.items():
            if name not in allowed:
                yield _problem(
                    tree,
                    at,
                    key,
                    f"'{cut(name, LONGEST_NAME)}' is not in the scenario.",
                    name,
                    allowed,
                )
        if target.modality is not None and not OUTPUTS[target.output].by_modality:
            reason = f"{target.output} is known for all modalities together only; leave it out."
            yield _problem(tree, at, "modality", reason)
        if target.among and target.output != "dataset_share":
            reason = f"belongs to dataset_share, not to {target.output}."
            yield _problem(tree, at, "among", reason)
        elif target.among and target.region not in (*target.among, EVERYWHERE):
            yield _problem(tree, at, "among", f"must hold '{target.region}' itself.")


def _problem(
    tree: Node, at: int, key: str, reason: str, name: str = "", allowed: tuple[str, ...] = ()
) -> Problem:
    path: tuple[str | int, ...] = ("targets", at, *key.split(".")[:1])
    place = tree.descend(path)[0].place
    if not allowed:
        return Problem(place, f"targets.{at}.{key}", reason)
    return Problem(place, f"targets.{at}.{key}", f"{reason} ", partial(unknown, name, allowed))
