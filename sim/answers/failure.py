# ruff: noqa: PLC0415 - scikit-learn is optional, and the rest of the package does without
"""When a plan fails: a shallow tree over what is not known, in words."""

from collections.abc import Iterator
from dataclasses import dataclass
from importlib.util import find_spec
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from sim.answers.regression import varying
from sim.errors import AnswerError

if TYPE_CHECKING:
    from sklearn.tree import DecisionTreeClassifier

DEPTH = 2
"""Conditions that a future is told by, at most."""
FEWEST_OF_A_KIND = 5
"""Failures, and successes, from which on a pattern is looked for."""
FOLDS = 5


@dataclass(frozen=True, slots=True)
class Pattern:
    """Some of the draws, told by conditions, and in how many of them the plan fails."""

    conditions: tuple[str, ...]
    """Such as ``groups.rural.reach above 0.31``; all hold."""
    draws: int
    failures: int

    def __str__(self) -> str:
        where = " and ".join(self.conditions)
        return f"{self.failures} of {self.draws} draws{' with ' if where else ''}{where}"


@dataclass(frozen=True, slots=True)
class Failure:
    """In which futures a plan fails."""

    draws: int
    failures: int
    patterns: tuple[Pattern, ...]
    """The leaves of the tree, where it fails most often first; one without conditions where no
    condition tells draws that the tree has not seen."""

    def __str__(self) -> str:
        if not self.failures:
            return f"Never: in none of {self.draws} draws."
        whole = f"In {self.failures} of {self.draws} draws"
        if len(self.patterns) < 2:
            return f"{whole}; nothing of what is drawn tells in which."
        return f"{whole}: in {'; in '.join(map(str, self.patterns))}."


def failure(x: pd.DataFrame, failed: pd.Series, *, seed: int) -> Failure:
    """Return in which draws a plan fails.

    A tree is taken only where it tells draws that it has not seen better than their share of
    failures does, by the log loss of five-fold cross-validation.

    Parameters
    ----------
    x : parameters, one column each; draws are rows.
    failed : whether the plan fails, by the same draws.
    seed : of the folds.

    Raises ``AnswerError`` where a pattern is to be looked for, without scikit-learn.
    """
    draws, failures = len(failed), int(failed.sum())
    nothing = Failure(draws, failures, (Pattern((), draws, failures),))
    values = varying(x).replace([np.inf, -np.inf], np.nan)
    values = values.fillna(2.0 * values.abs().max())
    if min(failures, draws - failures) < FEWEST_OF_A_KIND or values.empty:
        return nothing
    if find_spec("sklearn") is None:
        raise AnswerError(
            "when a plan fails is found by scikit-learn: pip install 'equiscan[answers]'."
        )
    tree = _tree(draws)
    if not _tells(tree, values, failed.to_numpy(bool), seed):
        return nothing
    tree.fit(values.to_numpy(float), failed.to_numpy(bool))
    found = sorted(_leaves(tree, list(map(str, values))), key=lambda one: -one.failures / one.draws)
    return Failure(draws, failures, tuple(found))


def _tree(draws: int) -> "DecisionTreeClassifier":
    from sklearn.tree import DecisionTreeClassifier

    least = max(FEWEST_OF_A_KIND, draws // 20)
    return DecisionTreeClassifier(max_depth=DEPTH, min_samples_leaf=least, random_state=0)


def _tells(tree: "DecisionTreeClassifier", x: pd.DataFrame, failed: np.ndarray, seed: int) -> bool:
    """Whether a tree predicts draws left out better than the share of failures among the others."""
    from sklearn.metrics import log_loss
    from sklearn.model_selection import StratifiedKFold, cross_val_predict

    folds = StratifiedKFold(FOLDS, shuffle=True, random_state=seed % 2**32)
    values = x.to_numpy(dtype=float)
    said = cross_val_predict(tree, values, failed, cv=folds, method="predict_proba")[:, 1]
    share = np.full(len(failed), failed.mean())
    # a leaf without a failure does not make one impossible
    careful = np.clip(said, 0.5 / len(failed), 1.0 - 0.5 / len(failed))
    return bool(log_loss(failed, careful) < log_loss(failed, share))


def _leaves(tree: "DecisionTreeClassifier", names: list[str]) -> Iterator[Pattern]:
    fitted = tree.tree_

    def below(node: int, conditions: tuple[str, ...]) -> Iterator[Pattern]:
        if fitted.children_left[node] == fitted.children_right[node]:
            count = int(fitted.n_node_samples[node])
            yield Pattern(conditions, count, round(float(fitted.value[node, 0, 1]) * count))
            return
        name, at = names[int(fitted.feature[node])], float(fitted.threshold[node])
        yield from below(int(fitted.children_left[node]), (*conditions, f"{name} below {at:.3g}"))
        yield from below(int(fitted.children_right[node]), (*conditions, f"{name} above {at:.3g}"))

    yield from below(0, ())
