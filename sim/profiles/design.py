"""Which trainings a measurement consists of, and how each of them is identified."""

from collections.abc import Mapping
from itertools import product
from pathlib import Path
from typing import Literal, NamedTuple, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator
from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from sim.errors import ProfileError

Share = float
"""A share between 0 and 1."""


class Cell(NamedTuple):
    """One training: how many studies of each group, with what damage done to them, which seed."""

    counts: tuple[int, ...]
    """Training studies per group, in the order of the plan's ``groups``."""
    noise: Share
    """Share of training labels flipped."""
    corrupted: Share
    """Share of training images replaced by a blank frame of their own mean colour."""
    seed: int

    @property
    def run_id(self) -> str:
        """Name of the run, unique within a plan."""
        counts = "-".join(map(str, self.counts))
        return f"n{counts}_noise{self.noise:g}_corrupted{self.corrupted:g}_seed{self.seed}"


class MeasurementPlan(BaseModel):
    """A designed grid of training runs on one task (docs/model.md §4).

    Every group's training count is crossed with every other group's, class prevalence held fixed,
    and all runs of one seed are tested on the same cases.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True)

    name: str
    """Name of the profile, and of its folder."""
    task: str
    """Clinical task, in words."""
    modality: str
    """Imaging modality."""
    citation: str
    """Where the images come from, and their licence."""
    source: Literal["file", "phantom"] = "file"
    """``file``: real images from an npz file. ``phantom``: generated, for tests and offline use."""
    label: str = "label"
    """Array of 0 and 1 in the file."""
    group_attribute: str = "group"
    """Array of the file that names each image's group."""
    id_column: str = "id"
    """Array of the file that names the patient or lesion; one image of each is used."""
    covariates: tuple[str, ...] = ()
    """Arrays that the baseline without images may use, besides the group."""
    groups: tuple[str, ...] = Field(min_length=2)
    """Groups that are trained and tested on."""
    not_estimable: tuple[str, ...] = ()
    """Groups with too few positives: counted in every run, never scored."""
    left_out: Mapping[str, str] = {}
    """Groups of the file that are not used, each with the reason."""
    counts: tuple[int, ...]
    """Training studies per group to cross; 0 is no data of that group."""
    seeds: int = Field(default=3, ge=1)
    """Repetitions: initial weights, subsets and, in turn, the test fold. May change later."""
    folds: int = Field(default=5, ge=3)
    """Parts of the cases: one tests, the next sets the threshold, the rest train."""
    noise: tuple[Share, ...] = ()
    """Shares of flipped labels to try at the largest counts."""
    corrupted: tuple[Share, ...] = ()
    """Shares of blank images to try at the largest counts."""
    damage_seeds: int = Field(default=3, ge=0)
    """Seeds of the runs with noise or corruption."""
    prevalence: Share = Field(gt=0, lt=1)
    """Share of positives in every training subset."""
    specificity: Share = Field(default=0.9, gt=0, lt=1)
    """Specificity on pooled validation at which the one threshold is set."""
    image_px: int = Field(default=32, ge=8)
    """Side of the images after averaging, pixels."""
    widths: tuple[int, ...] = (16, 32, 64, 128)
    """Channels of the network's layers."""
    steps: int = Field(default=500, ge=1)
    """Optimisation steps, the same in every run."""
    batch: int = Field(default=64, ge=2)
    """Images per step."""
    learning_rate: float = Field(default=3e-3, gt=0)
    """Peak of the one-cycle schedule."""
    device: Literal["auto", "cpu", "cuda"] = "auto"
    """``auto``: CUDA where there is one, else CPU."""
    threads: int = Field(default=2, ge=1)
    """CPU threads."""
    country: str = "USA"
    """ISO code of the grid that emissions are computed for; assumed, not detected."""

    @model_validator(mode="after")
    def _can_be_run(self) -> Self:
        if 0 not in self.counts or max(self.counts) == 0:
            raise ValueError("counts must hold 0 (no data of a group) and a positive number")
        if any(0 < n * self.prevalence < 1 or n < 0 for n in self.counts):
            raise ValueError("every count above 0 must hold at least one positive")
        shared = set(self.groups) & (set(self.not_estimable) | set(self.left_out))
        if shared:
            raise ValueError(f"{', '.join(sorted(shared))}: both used and left out")
        return self

    @classmethod
    def load(cls, path: str | Path) -> Self:
        """Read a plan from YAML; every problem is reported at once."""
        try:
            raw = YAML(typ="safe").load(Path(path).read_text(encoding="utf-8"))
            return cls.model_validate(raw)
        except OSError as error:
            raise ProfileError(f"{path}: cannot be read ({error.strerror}).") from None
        except YAMLError as error:
            raise ProfileError(f"{path}: not valid YAML: {error}") from None
        except ValidationError as error:
            lines = [f"  {'.'.join(map(str, e['loc']))}: {e['msg']}" for e in error.errors()]
            raise ProfileError(f"{path}: unusable plan\n" + "\n".join(lines)) from None

    @property
    def data(self) -> Literal["real", "phantom"]:
        """Whether the images are real; shown wherever a result is shown."""
        return "real" if self.source == "file" else "phantom"

    def cells(self) -> tuple[Cell, ...]:
        """Return every training, seed by seed, so that an interrupted plan is balanced.

        No data at all is not a run: its answer is chance, by definition.
        """
        grid = [c for c in product(self.counts, repeat=len(self.groups)) if any(c)]
        most = (max(self.counts),) * len(self.groups)
        damage = [(q, 0.0) for q in self.noise if q] + [(0.0, q) for q in self.corrupted if q]
        cells: list[Cell] = []
        for seed in range(self.seeds):
            cells += [Cell(counts, 0.0, 0.0, seed) for counts in grid]
            if seed < self.damage_seeds:
                cells += [Cell(most, *shares, seed) for shares in damage]
        return tuple(cells)
