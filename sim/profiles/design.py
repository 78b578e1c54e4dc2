"""Which trainings a measurement consists of, and how each of them is identified."""

import re
from collections.abc import Iterable, Mapping, Sequence
from itertools import compress, product
from pathlib import Path
from typing import Annotated, Literal, NamedTuple, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from sim.errors import ProfileError, ScenarioError, listed
from sim.profiles.treatment import (
    CONTROL,
    CONTROL_OWN,
    OF_NETWORKS,
    OF_SMALL_NETWORKS,
    Share,
    Treatment,
)
from sim.scenario.problems import schema_problems, stop_if
from sim.scenario.tree import read_tree


class Cell(NamedTuple):
    """One training: how many studies of each group, which seed, what is done to it."""

    counts: tuple[int, ...]
    """Training studies per group, in the order of the plan's ``groups``."""
    seed: int
    treatment: Treatment = CONTROL
    task: str = ""
    """Name of the task; empty in a plan of one."""

    @property
    def run_id(self) -> str:
        """Name of the run, unique within a plan."""
        counts = "-".join(map(str, self.counts))
        of = f"{self.task}_" if self.task else ""
        return f"{of}n{counts}_{self.treatment.words}_seed{self.seed}"


class Contrast(BaseModel):
    """Treatments tried at the same counts, each against the untreated run of its seed."""

    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True)

    counts: tuple[tuple[int, ...], ...] = Field(min_length=1)
    """Training studies per group, in the order of the plan's ``groups``."""
    levels: tuple[Treatment, ...] = Field(min_length=1)
    """What is tried; a field left out is at its control level."""
    seeds: int = Field(default=3, ge=1)
    """Repetitions. May change later."""

    def of_groups(self, kept: Sequence[bool]) -> dict[str, object] | None:
        """Return the contrast's fields without some groups, ``None`` where nothing is left."""
        counts = dict.fromkeys(tuple(compress(each, kept)) for each in self.counts)
        # a single group has no own share of a pool: all of it is its own
        alone = sum(kept) == 1
        levels = [x for x in self.levels if not alone or x.pretraining_own == CONTROL_OWN]
        some = [each for each in counts if any(each)]
        return {"counts": some, "levels": levels, "seeds": self.seeds} if some and levels else None

    def cells(self, seed: int) -> Iterable[Cell]:
        """Return the runs of one seed, the control of each count first."""
        if seed < self.seeds:
            levels = (CONTROL, *self.levels)
            yield from (Cell(counts, seed, level) for counts in self.counts for level in levels)


class ClinicalTask(BaseModel):
    """What one task of a plan changes in it; a field left out is the plan's."""

    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True)

    task: str
    """The task, in words."""
    label: str | None = None
    positive: tuple[str, ...] | None = None
    label_lists: bool | None = None
    prevalence: Share | None = Field(default=None, gt=0, lt=1)
    where: Mapping[str, tuple[str, ...]] | None = None
    counts: tuple[int, ...] | None = None
    contrasts: tuple[Contrast, ...] | None = None


class Encoder(BaseModel):
    """A network that turned images into features and is not trained here."""

    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True)

    name: str
    """Name and version."""
    pretraining: str
    """What it was trained on, and whether these images can be among it."""
    image_px: int = Field(ge=1)
    """Side of the images that it was shown, pixels."""
    flops: float = Field(ge=0)
    """Floating-point operations per image."""
    joules: float = Field(ge=0)
    """Energy per image, of the whole machine."""
    seconds: float = Field(ge=0)
    """Time per image."""
    power_source: Literal["measured", "nameplate", "model", "default"]
    """How the power is known: the weakest of its parts."""
    alone: bool
    """Whether nothing else ran meanwhile; with other work beside it an image is charged more."""
    hardware: str
    """What it ran on."""


class MeasurementPlan(BaseModel):
    """Training runs: a grid of counts, and contrasts beside it (docs/model.md §4).

    Every group's training count is crossed with every other group's, class prevalence held fixed,
    and all runs of one seed are tested on the same cases. Contrasts change one factor at a time.
    A plan of several ``tasks`` does so for each of them.
    """

    # a group may be called 1
    model_config = ConfigDict(
        extra="forbid", frozen=True, use_attribute_docstrings=True, coerce_numbers_to_str=True
    )

    name: str
    """Name of the profile, and of its folder."""
    task: str
    """Clinical task, in words; of several, what they have in common."""
    model: Literal["network", "probe", "last_blocks", "fine_tuned"] = "network"
    """What is trained: a small ``network`` from scratch on images; a ``probe``: a logistic
    regression on the features of an encoder that stays as it is; from published weights the
    ``last_blocks`` of a public encoder, on its maps before them; or ``fine_tuned``: all of it."""
    starts_from: str = "efficientnet-lite0"
    """Encoder that ``last_blocks`` and ``fine_tuned`` start from."""
    shown_px: int = Field(default=160, ge=32)
    """Side to which images are brought for it, pixels."""
    encoder: Encoder | None = None
    """Whose features they are, where the file of the features does not say it."""
    tasks: Mapping[Annotated[str, Field(pattern="^[a-z][a-z0-9_]*$")], ClinicalTask] = {}
    """Several tasks on the same images, by name; empty: the plan's own is the only one."""
    modality: str
    """Imaging modality."""
    citation: str
    """Where the images come from, and their licence."""
    source: Literal["file", "phantom"] = "file"
    """``file``: real images, named when measuring. ``phantom``: generated, for tests and offline
    use."""
    phantom_shared: Share = Field(default=0.25, ge=0, le=1)
    """Share of what shows the disease that all groups of a phantom have in common: with 1 another
    group's study is worth one's own, with 0 nothing."""
    label: str = "label"
    """Column (array of the npz file) of 0 and 1, or of what ``positive`` lists some of."""
    positive: tuple[str, ...] = ()
    """Values of the label that are positive, all others are negative; empty: it is 0 or 1."""
    label_lists: bool = False
    """Whether a cell of the label is a list, in brackets and quotes or not, such as of findings;
    an image is positive where one of them is."""
    empty_labels: Literal["refused", "left_out", "negative"] = "refused"
    """What an image without a label is: nobody knows, unless the set's own description says it."""
    group_attribute: str = "group"
    """Column that names each image's group."""
    id_column: str = "id"
    """Column that names the patient or lesion; one image of each is used."""
    id_pattern: str | None = None
    """What names the patient within that column, such as ``patient[0-9]+`` of a path: a regular
    expression. Empty: all of it."""
    file_column: str = "file"
    """Column that names the image file; for a folder of images only."""
    covariates: tuple[str, ...] = ()
    """Columns that the baseline without images may use, besides the group."""
    where: Mapping[str, tuple[str, ...]] = {}
    """Rows that are used at all: column, and the values it may have."""
    groups: tuple[str, ...] = Field(min_length=1)
    """Groups that are trained and tested on; a single one measures total data only."""
    not_estimable: tuple[str, ...] = ()
    """Groups with too few positives: counted in every run, never scored."""
    left_out: Mapping[str, str] = {}
    """Groups of the file that are not used, each with the reason."""
    counts: tuple[int, ...]
    """Training studies per group to cross; 0 is no data of that group."""
    seeds: int = Field(default=3, ge=1)
    """Repetitions: initial weights, subsets and, in turn, the test fold. May change later."""
    same_splits_as: str | None = None
    """Name of another plan on the same cases, whose test folds and subsets of training studies this
    one has: what two models reach differs less than folds do. None: the plan's own."""
    folds: int = Field(default=5, ge=3)
    """Parts of the cases: one tests, the next sets the threshold, the rest train."""
    fewest_tested: int = Field(default=20, ge=2)
    """Positives, and negatives, of a group that every fold must test. A group with fewer is not
    estimable, as if it were listed there."""
    contrasts: tuple[Contrast, ...] = ()
    """Factors besides the counts. May change later."""
    prevalence: Share = Field(gt=0, lt=1)
    """Share of positives in every training subset."""
    specificity: Share = Field(default=0.9, gt=0, lt=1)
    """Specificity on pooled validation at which the one threshold is set."""
    grey_bits: int | None = Field(default=None, ge=9, le=16)
    """Bits of greyscale pictures with more than eight, such as 12; the upper eight are used."""
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
    generator_steps: int = Field(default=1_000, ge=1)
    """Optimisation steps of the generator of synthetic studies."""
    pretraining_pool: int = Field(default=900, ge=2)
    """Unlabelled images that self-supervised training sees."""
    device: Literal["auto", "cpu", "cuda"] = "auto"
    """``auto``: CUDA where there is one, else CPU. May change later."""
    threads: int = Field(default=2, ge=1)
    """CPU threads: they change rounding, and so results, as well as time and energy."""
    country: str = "USA"
    """ISO code of the grid that emissions are computed for; assumed, not detected."""

    @model_validator(mode="after")
    def _can_be_run(self) -> Self:
        if 0 not in self.counts or max(self.counts) == 0:
            raise ValueError("counts: must hold 0 (no data of a group) and a positive number")
        if any(0 < n * self.prevalence < 1 or n < 0 for n in self.counts):
            raise ValueError("counts: every one above 0 must hold at least one positive")
        for counts in (c for contrast in self.contrasts for c in contrast.counts):
            if len(counts) != len(self.groups) or not any(counts) or min(counts) < 0:
                raise ValueError(
                    f"contrasts: {listed(list(map(str, counts)))}: name a count of each of "
                    f"{listed(self.groups)}"
                )
        shared = set(self.groups) & (set(self.not_estimable) | set(self.left_out))
        if shared:
            raise ValueError(f"groups: {listed(sorted(shared))}: both used and left out")
        self._check_varied()
        self._check_columns()
        for name in self.tasks:
            self._check_task(name)
        return self

    def _check_task(self, name: str) -> None:
        try:
            self.of_task(name)
        except ValidationError as error:
            first = error.errors(include_url=False)[0]
            raise ValueError(
                f"tasks.{name}: {first['msg'].removeprefix('Value error, ')}"
            ) from None

    def _check_columns(self) -> None:
        """Raise where what is said of columns cannot be meant."""
        if self.label_lists and not self.positive:
            raise ValueError("label_lists: 'positive' must say which of a list's values count")
        try:
            re.compile(self.id_pattern or "")
        except re.error as error:
            raise ValueError(f"id_pattern: no regular expression: {error}") from None

    def _check_varied(self) -> None:
        """Raise where a treatment is of what the model does not have.

        A probe sees features at once, no pixels; a published encoder is as wide as it is, and its
        last blocks see no pixels either.
        """
        without = {
            "probe": OF_NETWORKS,
            "last_blocks": OF_NETWORKS,
            "fine_tuned": OF_SMALL_NETWORKS,
        }
        levels = [level for contrast in self.contrasts for level in contrast.levels]
        varied = {name for level in levels for name in level.model_dump(exclude_defaults=True)}
        if unknown := sorted(varied & without.get(self.model, frozenset())):
            raise ValueError(
                f"model: '{self.model}' cannot vary {', '.join(unknown)}: it has no such part"
            )
        mitigated = {level.mitigation for level in levels} - {"none", "reweighted"}
        if self.model == "probe" and mitigated:
            raise ValueError("model: a probe has no batches: its only mitigation is 'reweighted'")
        if self.model == "last_blocks" and self.source == "phantom":
            raise ValueError("source: a phantom has no maps for 'last_blocks': use 'file'")

    def of_task(self, name: str) -> Self:
        """Return the plan of one of its tasks."""
        own = self.tasks[name].model_dump(exclude_none=True)
        return type(self).model_validate(self.model_dump() | own | {"tasks": {}})

    def by_task(self) -> dict[str, Self]:
        """Return the plan of each task by name; of the only one under no name."""
        return {name: self.of_task(name) for name in self.tasks} or {"": self}

    @classmethod
    def load(cls, path: str | Path) -> Self:
        """Read a plan from YAML.

        Raises ``ScenarioError`` with every problem of the file, each with its line and key.
        """
        tree = read_tree(Path(path))
        if not isinstance(tree.value, dict):
            raise ScenarioError(f"{tree.place}: a plan is a mapping of keys to values.")
        try:
            return cls.model_validate(tree.plain())
        except ValidationError as error:
            stop_if(schema_problems(error, tree, cls.model_json_schema()), file=str(path))
            raise  # not reached: a validation error holds at least one problem

    @property
    def splits_name(self) -> str:
        """Name of the random streams that choose test folds and training studies."""
        return self.same_splits_as or self.name

    @property
    def sees_features(self) -> bool:
        """Whether runs learn from what an encoder made of images, and not from images."""
        return self.model in ("probe", "last_blocks")

    @property
    def data(self) -> Literal["real", "phantom"]:
        """Whether the images are real; shown wherever a result is shown."""
        return "real" if self.source == "file" else "phantom"

    def scoring(self, groups: tuple[str, ...]) -> Self:
        """Return the plan that trains and scores only some of its groups, and counts the others.

        Raises ``ProfileError`` when it would score none.
        """
        if groups == self.groups:
            return self
        if not groups:
            raise ProfileError(f"plan '{self.name}': no group has enough cases to be scored.")
        kept = [name in groups for name in self.groups]
        contrasts = [contrast.of_groups(kept) for contrast in self.contrasts]
        rest = tuple(name for name in self.groups if name not in groups)
        changed = {"groups": groups, "not_estimable": (*self.not_estimable, *rest)}
        raw = self.model_dump() | changed | {"contrasts": [c for c in contrasts if c]}
        return type(self).model_validate(raw)

    def cells(self, task: str = "") -> tuple[Cell, ...]:
        """Return every training once, seed by seed, so that an interrupted plan is balanced.

        No data at all is not a run: its answer is chance, by definition.
        """
        grid = [c for c in product(self.counts, repeat=len(self.groups)) if any(c)]
        cells: list[Cell] = []
        for seed in range(max(self.seeds, *(c.seeds for c in self.contrasts), 0)):
            cells += [Cell(counts, seed) for counts in grid if seed < self.seeds]
            cells += [cell for contrast in self.contrasts for cell in contrast.cells(seed)]
        return tuple(cell._replace(task=task) for cell in dict.fromkeys(cells))
