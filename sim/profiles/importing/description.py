"""What no table of runs says, in a file beside it: ``profile.yaml``."""

from collections.abc import Mapping
from pathlib import Path
from typing import Literal, Self

from pydantic import Field, field_validator, model_validator

from sim.domain.bounds import SHARE, Bounds
from sim.errors import ScenarioError, listed, nearest
from sim.profiles.treatment import FACTORS
from sim.scenario.problems import validated
from sim.scenario.spec import Line, Share, Spec, Text
from sim.scenario.tree import Node, read_tree

DESCRIPTION = "profile.yaml"
GROUP = "{group}"
"""In the name of a column: there is one for every group."""
RUN = "{run}"
"""In the name of a project of codecarbon: the run's own name."""
WORDS = ("run", "group")
"""Columns of text."""
NEEDED = {
    "seed": Bounds(0, 1e9, "as a whole number"),
    "own": Bounds(0, 1e9, "training studies of the row's group"),
    "auc": SHARE,
    "sensitivity": SHARE,
    "specificity": SHARE,
    "test_positives": Bounds(1, 1e9, "cases"),
    "test_negatives": Bounds(1, 1e9, "cases"),
    "samples_trained": Bounds(1, 1e15, "images seen in training"),
}
"""Columns of numbers that every table has."""
ENERGY = {
    "seconds": Bounds(1e-6, 1e9, "s"),
    "cpu_kwh": Bounds(0, 1e9, "kWh"),
    "gpu_kwh": Bounds(0, 1e9, "kWh"),
    "ram_kwh": Bounds(0, 1e9, "kWh"),
}
"""What training drew; from codecarbon where the folder has its table."""
INFERENCE = {f"inference_{name}": bounds for name, bounds in ENERGY.items()}
"""The same of the images that were scored."""
IMAGES = {"inference_images": Bounds(1, 1e12, "images")}
KNOWN_BY_SOME = {
    "auc_variance": Bounds(0, 0.25, "squared AUC"),
    "local_sensitivity": SHARE,
    "local_specificity": SHARE,
    "calibration_error": SHARE,
}
"""Columns that a table may have."""
OF_RUN_BY_SOME = {"cpu_load": SHARE}
"""The same, of all groups of a run: the mean share of the machine's cores that were busy."""
OF_GROUPS = ("own", "auc", "sensitivity", "specificity", "test_positives", "test_negatives")
"""Those that each group of a run has its own of; ``KNOWN_BY_SOME`` are such too."""
NUMBERS = NEEDED | ENERGY | INFERENCE | IMAGES | KNOWN_BY_SOME | OF_RUN_BY_SOME
COLUMNS = (*WORDS, *NUMBERS, *FACTORS)


class CaseCount(Spec):
    """Images, one of each patient or lesion, of a group in all."""

    positives: int = Field(ge=1, le=10**9)
    negatives: int = Field(ge=1, le=10**9)


class WithoutImages(Spec):
    """How well group and covariates alone guess: a model that beats it has seen the image."""

    features: tuple[Line, ...] = Field(min_length=1, max_length=50)
    """What it guesses from, such as the group."""
    pooled: Share
    """AUC over all groups."""
    within: Mapping[str, Share]
    """AUC within each group; 0.5 where it guesses from the group alone."""


class Flops(Spec):
    """Floating-point operations of one image."""

    training: float = Field(gt=0, le=1e18)
    """Of one pass in training, forward and backward."""
    inference: float = Field(gt=0, le=1e18)


class Stated(Spec):
    """What an image costs when it is scored, where runs did not measure it."""

    joules: float = Field(ge=0, le=1e9)
    seconds: float = Field(gt=0, le=1e6)
    source: Text
    """How it is known."""


class Projects(Spec):
    """Which rows of codecarbon's table are of which run."""

    column: Literal["project_name", "run_id", "experiment_id"] = "project_name"
    """Column that names the run."""
    training: str = RUN
    """What stands there for a training; ``{run}`` is the run's name."""
    inference: str | None = None
    """What stands there when its test images are scored, such as ``{run}-test``."""


class Description(Spec):
    """What the runs are of, and how the tables beside it are to be read."""

    name: Line = Field(max_length=100)
    """Name of the profile."""
    task: Text
    """Clinical task, in words."""
    modality: Line
    """Imaging modality."""
    citation: Text
    """Where the images come from, and their licence."""
    data: Literal["real", "phantom"]
    """Whether the images are of patients."""
    group_attribute: Line
    """What tells groups apart, such as sex."""
    groups: Mapping[Line, CaseCount] = Field(min_length=1, max_length=20)
    """Groups that were trained and tested on, with their cases in all."""
    not_estimable: Mapping[Line, CaseCount] = Field({}, max_length=20)
    """Groups with too few cases, which are counted and not scored."""
    prevalence: float = Field(gt=0, lt=1)
    """Share of positives in every training set."""
    specificity: float = Field(gt=0, lt=1)
    """Specificity on pooled validation cases at which the one threshold is set."""
    folds: int = Field(1, ge=1, le=1000)
    """Sets of test cases, which seeds take in turn; 1: all runs are tested on the same cases."""
    without_images: WithoutImages
    """AUC of guessing from group and covariates, without any image."""
    flops: Flops
    """Floating-point operations of an image."""
    processor_power: Literal["measured", "nameplate", "model", "default"]
    """How the processor's power is known, which no table of codecarbon says: a counter was read
    (``measured``, such as RAPL), or rated power and a rule (``nameplate``), or a ``default``."""
    hardware: Line | None = None
    """What the runs were made on; from codecarbon where the folder has its table."""
    country: str | None = Field(None, pattern="^[A-Z]{3}$")
    """ISO code of the grid; from codecarbon where its table says one."""
    kg_co2e_per_kwh: float | None = Field(None, ge=0, le=5)
    """Intensity of the grid; where it is given, emissions are energy times this."""
    inference: Stated | None = None
    """What an image costs when it is scored, where neither table says it."""
    runs: Line = "runs.csv"
    """Table of the runs, or MLflow's folder or database, in the folder of this file."""
    emissions: Line = "emissions.csv"
    """Table of codecarbon, if there is one."""
    emissions_of: Projects = Projects()
    """Which of its rows are of which run."""
    columns: Mapping[str, Line] = {}
    """What columns are called in the table of runs, where they are not called as here. With
    ``{group}`` in the name there is one column for every group."""

    @field_validator("columns")
    @classmethod
    def _known(cls, columns: Mapping[str, str]) -> Mapping[str, str]:
        for name in columns:
            if name not in COLUMNS:
                raise ValueError(f"no column '{name}'.{nearest(name, COLUMNS)} {_allowed()}")
        return columns

    @model_validator(mode="after")
    def _agree(self) -> Self:
        both = sorted(set(self.groups) & set(self.not_estimable))
        if both:
            raise ValueError(f"not_estimable: {listed(both)} is in 'groups' too")
        if set(self.without_images.within) != set(self.groups):
            raise ValueError(
                f"without_images.within: must name the groups {listed(list(self.groups))}"
            )
        for name in (self.runs, self.emissions):
            if Path(name).is_absolute() or ".." in Path(name).parts:
                raise ValueError(f"'{name}' must lie in the folder of this file")
        return self


def _allowed() -> str:
    return f"Allowed: {', '.join(COLUMNS)}"


def read_description(folder: Path) -> tuple[Description, Node]:
    """Return what ``profile.yaml`` of a folder says, and its tree for the places of problems.

    Raises
    ------
    ScenarioError
        With every problem of the file, each with its line, its key and what is allowed.
    """
    file = folder / DESCRIPTION
    if not file.exists():
        raise ScenarioError(
            f"{file}: not found. It says what the runs are of; docs/profiles.md, 'Runs of your "
            "own', has one to copy."
        )
    tree = read_tree(file)
    if not isinstance(tree.value, dict):
        raise ScenarioError(f"{tree.place}: a description is a mapping of keys to values.")
    return validated(Description, tree, file=str(file)), tree
