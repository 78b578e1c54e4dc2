"""What several runs start from: generators and pre-trained weights, made once and kept."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import numpy as np

from sim.atomic import replace_file
from sim.errors import ProfileError
from sim.profiles.design import Cell
from sim.profiles.images.split import split, subset, unlabelled
from sim.profiles.images.training_set import training_set
from sim.profiles.metering.meter import Reading
from sim.profiles.training import generator, pretraining
from sim.profiles.training.bench import FAILURES, Bench, words_of
from sim.profiles.training.network import Weights
from sim.profiles.treatment import CORRUPTIONS, Treatment

KINDS = ("generator", "pretraining")
COST = "cost"
"""Entry of a file beside the weights."""


@dataclass(frozen=True, slots=True)
class Prepared:
    """Something that several runs start from, and what it cost once."""

    name: str
    weights: Weights = field(default_factory=dict)
    cost: Reading = field(default_factory=Reading)
    error: str | None = None
    """Why it could not be made."""

    def require(self) -> None:
        """Raise ``ProfileError`` where it could not be made."""
        if self.error:
            raise ProfileError(f"{self.name} could not be made: {self.error}")

    def save(self, file: Path) -> None:
        """Write it to a file."""
        arrays: Any = {**self.weights, COST: np.array(json.dumps(asdict(self.cost)))}
        replace_file(file, lambda there: np.savez(there, **arrays))


def saved(file: Path, name: str) -> Prepared | None:
    """Return what a file holds, ``None`` where there is none that can be read."""
    try:
        with np.load(file, allow_pickle=False) as archive:
            arrays = {key: archive[key] for key in archive.files}
        return Prepared(name, cost=Reading(**json.loads(str(arrays.pop(COST)))), weights=arrays)
    except (OSError, ValueError, KeyError, TypeError, BadZipFile):
        return None


def preparations(cell: Cell) -> Mapping[str, str]:
    """Return what a run starts from besides real studies, by kind: runs of one name share it."""
    treatment, names = cell.treatment, {}
    if treatment.synthetic:
        corrupted = Treatment(**treatment.model_dump(include=set(CORRUPTIONS)))
        counts = "-".join(map(str, cell.counts))
        names["generator"] = f"generator_{counts}_{corrupted.words}_seed{cell.seed}"
    if treatment.pretraining_steps:
        steps, own = treatment.pretraining_steps, treatment.pretraining_own
        names["pretraining"] = f"pretraining_{steps}_own{own:g}_seed{cell.seed}"
    return names


def prepare(bench: Bench, cell: Cell, kind: str) -> Prepared:
    """Return what a run starts from, made and metered; or why it cannot be made."""
    name = preparations(cell)[kind]
    try:
        make = {"generator": _generator, "pretraining": _pretraining}[kind]
        weights, cost = make(bench, cell)
    except FAILURES as error:  # its runs record it
        return Prepared(name, error=words_of(error))
    return Prepared(name, weights, cost)


def _generator(bench: Bench, cell: Cell) -> tuple[Weights, Reading]:
    plan, cases = bench.plan, bench.cases
    rows = subset(cases, split(cases, plan, cell.seed % plan.folds).train, plan, cell)
    real = training_set(cases, rows, plan, cell)
    with bench.meter.block() as cost:
        made = generator.train_generator(plan, real, seed=cell.seed, device=bench.device)
    return made, cost


def _pretraining(bench: Bench, cell: Cell) -> tuple[Weights, Reading]:
    plan, cases = bench.plan, bench.cases
    train = split(cases, plan, cell.seed % plan.folds).train
    images = cases.images[unlabelled(cases, train, plan, cell)]
    steps = cell.treatment.pretraining_steps
    with bench.meter.block() as cost:
        made = pretraining.pretrain(plan, images, steps=steps, seed=cell.seed, device=bench.device)
    return made, cost
