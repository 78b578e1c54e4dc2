"""Measuring, fitting and reading phantoms gives back what is known of them by construction."""

import numpy as np
import pytest
import torch

from sim.errors import ProfileError
from sim.learning.response import load_profile
from sim.learning.scaling import effective
from sim.profiles.design import MeasurementPlan
from sim.profiles.fit import fitting
from sim.profiles.fit.fitting import fit
from sim.profiles.images.phantoms import TEXTURES, _textures, phantoms
from sim.profiles.measurement import measure

torch.set_num_threads(1)  # threads that wait for each other on a busy machine are slow
ALIKE = MeasurementPlan(
    name="alike",
    task="tell the sign of textures",
    modality="none",
    citation="generated",
    source="phantom",
    phantom_shared=1.0,
    groups=("a", "b"),
    counts=(0, 30, 90, 270),
    seeds=3,
    folds=3,
    contrasts=[
        {
            "counts": [[90, 90]],
            "levels": [{"duplicates": 0.5}, {"corrupted": 0.5}, {"noise": 0.2}],
        }
    ],
    prevalence=0.5,
    image_px=8,
    widths=(32,),
    steps=200,
    batch=32,
    learning_rate=0.01,
    device="cpu",
    threads=1,
)
APART = ALIKE.model_copy(
    update={
        "name": "apart",
        "phantom_shared": 0.0,
        "counts": (0, 30, 270),
        "seeds": 2,
        "contrasts": (),
    }
)


@pytest.fixture(scope="module")
def fitted_to(tmp_path_factory):
    """Return what is fitted to the runs of a plan; which form predicts best is no matter here."""

    def fitted(plan):
        folder = measure(plan, data=None, out=tmp_path_factory.mktemp(plan.name))
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(fitting, "COMPARED_DRAWS", 2)
            found = fit(folder, draws=50)
        assert load_profile(folder).data == "phantom"
        return found

    return fitted


@pytest.fixture(scope="module")
def alike(fitted_to):
    return fitted_to(ALIKE)


@pytest.fixture(scope="module")
def apart(fitted_to):
    return fitted_to(APART)


def holds(interval, value):
    low, high = interval
    return low - 1e-6 <= value <= high + 1e-6  # a fit stops just short of a bound


@pytest.mark.slow
@pytest.mark.parametrize("measure_of", ["sensitivity", "auc"])
def test_kappa_is_nothing_where_groups_share_nothing(apart, measure_of):
    draws = {k: np.array(v) for k, v in apart["fits"][measure_of]["draws"].items()}
    worth = effective(0.0, max(APART.counts), draws["kappa"], draws["limit"]) / max(APART.counts)
    # with the least limit, a tenth of what the others are, any kappa is next to nothing
    assert np.quantile(worth, 0.025) < 0.1
    assert np.quantile(worth, 0.975) < 0.5


@pytest.mark.slow
@pytest.mark.parametrize("measure_of", ["sensitivity", "auc"])
def test_kappa_is_one_where_groups_are_alike(alike, measure_of):
    kappa = alike["fits"][measure_of]["interval"]["kappa"]
    assert holds(kappa, 1.0)
    assert not holds(kappa, 0.0)


@pytest.mark.slow
@pytest.mark.parametrize("corruption", ["duplicates", "corrupted"])
def test_half_copies_or_half_blanks_are_worth_half(alike, corruption):
    (row,) = (r for r in alike["treatments"] if corruption in r)
    interval = (row["worth"]["low"], row["worth"]["high"])
    assert holds(interval, 0.5)
    assert not holds(interval, 0.1)
    assert not holds(interval, 1.0)


@pytest.mark.slow
def test_wrong_labels_cost_the_square_of_what_they_leave(alike):
    factor = alike["factors"]["noise_exponent"]
    assert holds((factor["low"], factor["high"]), 2.0)
    assert factor["low"] > 0


@pytest.mark.parametrize(("shared", "common"), [(0.0, 0), (0.5, TEXTURES // 2), (1.0, TEXTURES)])
def test_groups_have_the_wanted_share_of_textures_in_common(shared, common):
    one, other = _textures(ALIKE.model_copy(update={"phantom_shared": shared}), 2)
    alike = np.isclose(one[:, None], other[None]).all(axis=(2, 3, 4))
    assert alike.any(axis=1).sum() == common
    for texture in (*one, *other):
        np.testing.assert_allclose(texture.mean(axis=(0, 1)), 0, atol=1e-12)
        np.testing.assert_allclose(texture, texture[::-1], atol=1e-12)
        np.testing.assert_allclose(texture, np.rot90(texture), atol=1e-12)


def test_images_too_small_for_so_many_textures_say_so():
    plan = APART.model_copy(update={"groups": ("a", "b", "c", "d")})
    with pytest.raises(ProfileError, match="Raise 'image_px'"):
        phantoms(plan)


def test_positives_differ_in_no_brightness():
    cases = phantoms(ALIKE)
    bright = cases.images.mean(axis=(1, 2, 3))
    gap = bright[cases.label == 1].mean() - bright[cases.label == 0].mean()
    assert abs(gap) < 4 * bright.std() / np.sqrt(len(bright) / 4)
    assert bright.std() < 1.0
