"""How well can one guess without any image? Any profile has to be read against that."""

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize
from scipy.special import expit

from sim.profiles.design import MeasurementPlan
from sim.profiles.images.cases import Cases
from sim.profiles.images.split import split
from sim.profiles.training.scores import delong

Floats = NDArray[np.float64]


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
        weights = _logistic(features[parts.train], cases.label[parts.train])
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


def _logistic(features: Floats, label: NDArray[np.int8]) -> Floats:
    sign = 2.0 * label - 1.0

    def loss(weights: Floats) -> tuple[float, Floats]:
        margin = sign * (features @ weights)
        # A weak ridge: one-hot columns add up to the constant.
        slope = -(sign * expit(-margin)) @ features + 1e-2 * weights
        return float(np.logaddexp(0, -margin).sum() + 5e-3 * weights @ weights), slope

    found = minimize(loss, np.zeros(features.shape[1]), jac=True, method="L-BFGS-B")
    weights: Floats = found.x
    return weights
