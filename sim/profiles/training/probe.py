"""A linear probe: logistic regression on the features of an encoder that stays as it is."""

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.optimize import minimize

from sim.profiles.images.cases import Cases, Features, Index
from sim.profiles.images.training_set import TrainingSet
from sim.profiles.training.scores import delong

Floats = NDArray[np.float64]

PENALTIES = (64.0, 16.0, 4.0, 1.0, 0.25, 0.06)
"""Ridge penalties that are tried, per mean loss of a study and features of spread 1."""
LEAST_SPREAD = 1e-3
"""Features that vary less among the training studies are divided by this."""


@dataclass(frozen=True, slots=True)
class Probe:
    """A trained probe, ready to score features."""

    centre: Features
    spread: Features
    weights: Floats
    """Of the standardised features; the first one is the constant."""

    def logit(self, features: Features) -> Floats:
        """Return the logarithm of the odds of the positive class, shape (images,)."""
        standard = (features - self.centre) / self.spread
        product = torch.from_numpy(standard).double() @ torch.from_numpy(self.weights[1:])
        return np.asarray(product.numpy() + self.weights[0])

    def probability(self, features: Features) -> Floats:
        """Return the probability of the positive class, shape (images,)."""
        return np.asarray(torch.sigmoid(torch.from_numpy(self.logit(features))).numpy())


def train_probe(
    learnt: TrainingSet, cases: Cases, validation: Index, *, reweighted: bool = False
) -> Probe:
    """Return the probe whose penalty separates validation cases best.

    Penalties are compared by the mean AUC within the groups that train: whoever has no study to
    train with has none to choose with.

    Parameters
    ----------
    cases, validation : all cases, and the positions of those that choose, of groups that train.
    reweighted : whether each study counts inversely to the size of its group.
    """
    features = np.asarray(learnt.images, np.float32)
    centre = features.mean(axis=0)
    spread = np.maximum(features.std(axis=0), LEAST_SPREAD)
    columns = torch.from_numpy(np.insert((features - centre) / spread, 0, 1.0, axis=1))
    weight = _by_group(learnt.group) if reweighted else np.ones(len(learnt))
    shown = np.asarray(cases.images[validation], np.float32)
    best, most, start = None, -1.0, np.zeros(columns.shape[1])
    for penalty in PENALTIES:
        start = logistic(columns, learnt.label, penalty=penalty, weight=weight, start=start)
        tried = Probe(centre, spread, start)
        reached = _mean_auc(tried.logit(shown), cases, validation)
        if reached > most:
            best, most = tried, reached
    assert best is not None
    return best


def logistic(
    columns: torch.Tensor,
    label: NDArray[np.int8],
    *,
    penalty: float,
    weight: Floats | None = None,
    start: Floats | None = None,
) -> Floats:
    """Return the weights of a ridge-penalised logistic regression, shape (columns,).

    Parameters
    ----------
    columns : shape (cases, columns); the first one is the constant, which no penalty holds back.
    label : 0 or 1, shape (cases,).
    penalty : times half the sum of squared weights, added to the mean loss of a case.
    weight : of each case, mean 1.
    start : weights to begin with, such as those of a slightly other penalty.
    """
    sign = torch.from_numpy(2.0 * label - 1.0).to(columns)
    share = torch.from_numpy(np.ones(len(label)) if weight is None else weight).to(columns)
    share = share / len(label)
    held = np.r_[0.0, np.full(columns.shape[1] - 1, penalty)]

    def loss(weights: Floats) -> tuple[float, Floats]:
        margin = sign * (columns @ torch.from_numpy(weights).to(columns))
        slope = -(share * sign * torch.sigmoid(-margin)) @ columns
        missed = float((share * torch.nn.functional.softplus(-margin)).sum())
        return missed + float(held @ weights**2) / 2, slope.double().numpy() + held * weights

    first = np.zeros(columns.shape[1]) if start is None else start
    found = minimize(loss, first, jac=True, method="L-BFGS-B", options={"ftol": 1e-7, "gtol": 1e-4})
    return np.asarray(found.x)


def _by_group(group: Index) -> Floats:
    """Return weights of mean 1 with which groups count alike."""
    size = np.bincount(group)
    return np.asarray(len(group) / np.count_nonzero(size) / size[group])


def _mean_auc(score: Floats, cases: Cases, rows: Index) -> float:
    label, group = cases.label[rows], cases.group[rows]
    return float(np.mean([delong(label[group == g], score[group == g]).auc for g in set(group)]))
