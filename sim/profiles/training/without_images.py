"""How well can one guess without any image? Any profile has to be read against that."""

import numpy as np
import torch
from numpy.typing import NDArray

from sim.profiles.design import MeasurementPlan
from sim.profiles.images.cases import Cases
from sim.profiles.images.split import split
from sim.profiles.training.probe import logistic
from sim.profiles.training.scores import delong

Floats = NDArray[np.float64]

RIDGE = 1e-2
"""Penalty over all cases."""


def no_image_baseline(cases: Cases, plan: MeasurementPlan) -> dict[str, object]:
    """Return AUCs of a logistic regression on the group and the plan's covariates.

    Trained on all training cases of each fold at their natural prevalence; scores are joined over
    the test folds. ``pooled`` exceeds ``within`` when the group gives the answer away.
    """
    rows = np.flatnonzero(np.isin(cases.group, plan.groups))
    features = _features(cases, plan)
    score = np.full(len(cases.label), np.nan)
    for fold in range(plan.folds):
        parts = split(cases, plan, fold)
        label = cases.label[parts.train]
        # a weak ridge: one-hot columns add up to the constant
        columns = torch.from_numpy(features[parts.train])
        weights = logistic(columns, label, penalty=RIDGE / len(label))
        score[parts.test] = features[parts.test] @ weights
    within = {}
    for group in plan.groups:
        here = cases.group == group
        within[group] = delong(cases.label[here], score[here]).auc
    return {
        "features": [plan.group_attribute, *plan.covariates],
        "pooled": delong(cases.label[rows], score[rows]).auc,
        "within": within,
    }


def _features(cases: Cases, plan: MeasurementPlan) -> Floats:
    """Return a constant, groups one-hot, numbers with squares and a missing flag, names one-hot."""
    columns = [np.ones(len(cases.label)), *_one_hot(cases.group)]
    for name in plan.covariates:
        values = cases.covariates[name]
        if values.dtype.kind not in "fiu":
            columns += _one_hot(values.astype(str))
            continue
        number = values.astype(np.float64)
        missing = ~np.isfinite(number)
        scaled = (number - np.nanmean(number)) / max(float(np.nanstd(number)), 1e-12)
        scaled[missing] = 0.0
        columns += [scaled, scaled**2, missing.astype(np.float64)]
    return np.stack(columns, axis=1)


def _one_hot(values: NDArray[np.str_]) -> list[Floats]:
    return [(values == name).astype(np.float64) for name in np.unique(values)]
