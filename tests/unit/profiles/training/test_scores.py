import numpy as np
import pytest

from sim.errors import ProfileError
from sim.profiles.training.scores import calibration_error, delong, rates, threshold_at
from sim.streams import stream


def scored(positives, negatives, *, seed=0):
    rng = stream(seed, "scores")
    label = np.repeat(np.array([1, 0], dtype=np.int8), [positives, negatives])
    # Rounded, so that there are ties.
    return label, np.round(rng.normal(label * 1.0, 1.0), 1)


def test_auc_counts_pairs_and_half_of_the_ties():
    label, score = scored(30, 40)
    pairs = score[label == 1][:, None] - score[label == 0][None, :]
    assert delong(label, score).auc == pytest.approx(((pairs > 0) + 0.5 * (pairs == 0)).mean())


def test_variance_is_that_of_structural_components():
    label, score = scored(25, 60)
    pairs = score[label == 1][:, None] - score[label == 0][None, :]
    wins = (pairs > 0) + 0.5 * (pairs == 0)
    expected = wins.mean(1).var(ddof=1) / 25 + wins.mean(0).var(ddof=1) / 60
    assert delong(label, score).variance == pytest.approx(expected)


def test_variance_agrees_with_new_samples_of_cases():
    aucs = [delong(*scored(60, 90, seed=seed)) for seed in range(400)]
    spread = np.var([one.auc for one in aucs])
    # 400 samples know a variance to about 7%; three of those.
    assert np.mean([one.variance for one in aucs]) == pytest.approx(spread, rel=0.21)
    # True AUC of two unit normals one apart: Phi(1 / sqrt 2).
    covered = np.mean([one.low <= 0.760 <= one.high for one in aucs])
    assert 0.92 <= covered <= 0.98


@pytest.mark.parametrize("label", [[1, 1, 1], [0, 0, 0], [1, 0, 0]])
def test_one_class_is_an_error_that_counts(label):
    with pytest.raises(ProfileError, match="positives and"):
        delong(np.array(label, dtype=np.int8), np.arange(3.0))


def test_threshold_keeps_the_asked_specificity():
    label, score = scored(50, 333)
    _, specificity = rates(label, score, threshold_at(0.9, label, score))
    assert specificity >= 0.9
    _, lower = rates(label, score, threshold_at(0.9, label, score) - 0.1)
    assert lower < 0.9


def test_threshold_without_negatives_is_an_error():
    with pytest.raises(ProfileError, match="no negative case"):
        threshold_at(0.9, np.ones(3, dtype=np.int8), np.arange(3.0))


def test_calibration_error_weighs_bins_by_their_cases():
    label = np.array([1, 1, 0, 0], dtype=np.int8)
    probability = np.array([0.95, 0.95, 0.25, 0.25])
    assert calibration_error(label, probability) == pytest.approx(0.5 * 0.05 + 0.5 * 0.25)
