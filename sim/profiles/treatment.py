"""What is done to one training besides the counts: every factor, each with its control level."""

from typing import Literal, Self

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, model_validator

Share = float
"""A share between 0 and 1."""


class Treatment(BaseModel):
    """Levels of all factors of one run; a field left out is at its control level.

    Each field is a column of the runs.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True)

    noise: Share = Field(default=0.0, ge=0, le=0.5)
    """Share of labels that one reading gets wrong."""
    corrupted: Share = Field(default=0.0, ge=0, le=1)
    """Share of training images replaced by a blank frame of their own mean colour."""
    reading: Literal["single", "consensus", "adjudicated"] = "single"
    """``consensus``: two readings, cases where they differ are dropped. ``adjudicated``: a third
    reading decides them."""
    duplicates: Share = Field(default=0.0, ge=0, lt=1)
    """Share of training studies that are copies of others of their group and class."""
    synthetic: float = Field(default=0.0, ge=0)
    """Generated studies per real one, from a generator trained on the same real ones."""
    synthetic_for: Literal["held", "all"] = "held"
    """Whose studies are generated: of groups with real ones, or ``all``. What a group without any
    looks like nobody can learn: it gets the average of the others, under its name."""
    pretraining_steps: int = Field(default=0, ge=0)
    """Steps of self-supervised training on unlabelled images before the labels are used."""
    pretraining_own: Share = Field(default=0.5, ge=0, le=1)
    """Share of the unlabelled images that are of the plan's first group."""
    mitigation: Literal["none", "reweighted", "balanced", "group_dro"] = "none"
    """What the training does about unequal groups; see ``mitigation.py``."""
    width: float = Field(default=1.0, gt=0)
    """Channels of the network, as a multiple of the plan's."""
    precision: Literal["fp32", "tf32", "bf16"] = "fp32"
    """Numbers that the network computes with; ``tf32`` on CUDA only."""
    batch: float = Field(default=1.0, gt=0)
    """Images per step, as a multiple of the plan's; the images in all stay the same."""

    @model_validator(mode="after")
    def _is_meaningful(self) -> Self:
        if self.reading != "single" and not self.noise:
            raise ValueError("a second reading changes nothing where 'noise' is 0")
        if self.synthetic_for != "held" and not self.synthetic:
            raise ValueError("'synthetic_for' needs 'synthetic' above 0")
        if self.pretraining_own != CONTROL_OWN and not self.pretraining_steps:
            raise ValueError("'pretraining_own' needs 'pretraining_steps' above 0")
        return self

    @property
    def words(self) -> str:
        """Return name and level of each factor that is not at its control, as in a run's id."""
        changed = self.model_dump(exclude_defaults=True)
        first = {"noise": self.noise, "corrupted": self.corrupted}  # always named, as ever
        return "_".join(
            f"{name}{value:g}" if isinstance(value, int | float) else f"{name}-{value}"
            for name, value in (first | changed).items()
        )


CONTROL_OWN = 0.5
OF_GROUP = ("n_own", "n_other", "n_total")
"""Columns of the runs that are counts, and no group's name: each depends on the row's group."""
CONTROL = Treatment()
"""Nothing done: clean labels, real images, plain training from scratch."""
CORRUPTIONS = frozenset({"noise", "corrupted", "reading", "duplicates"})
"""Factors that change the real studies themselves."""
OF_NETWORKS = frozenset(
    {"corrupted", "synthetic", "synthetic_for", "pretraining_steps", "pretraining_own"}
    | {"width", "precision", "batch"}
)
"""Factors that change pixels, or a network and how it is trained."""
OF_SMALL_NETWORKS = frozenset({"pretraining_steps", "pretraining_own", "width"})
"""Factors of networks that start from nothing: of a published one they are what they are."""
FACTORS: tuple[str, ...] = tuple(Treatment.model_fields)
"""Columns of the runs that hold the treatment."""


def alike(runs: pd.DataFrame) -> dict[str, int]:
    """Return how many treated runs there are, and how many are like their control in what else.

    ``commit``, ``threads``: state of the code, and CPU threads; ``both``. A seed does not give the
    same network to the last digit under another code or number of threads.
    """
    one = runs.drop_duplicates("run_id")
    same = ["seed", *sorted({c for c in map(str, one) if c.startswith("n_")} - {*OF_GROUP})]
    state = ["commit", "threads"]
    off = treated(one)
    pairs = one[off].merge(one.loc[~off, [*same, *state]], on=same, suffixes=("", "_control"))
    equal = {name: pairs[name] == pairs[f"{name}_control"] for name in state}
    counts = equal | {"both": equal["commit"] & equal["threads"]}
    return {"treated": len(pairs)} | {name: int(one.sum()) for name, one in counts.items()}


def treated(runs: pd.DataFrame) -> NDArray[np.bool_]:
    """Return, for each row of the runs, whether any factor is off its control."""
    control = CONTROL.model_dump()
    off = [(runs[name] != control[name]).to_numpy(np.bool_) for name in FACTORS]
    return np.asarray(np.logical_or.reduce(off))
