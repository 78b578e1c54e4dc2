"""Generated images, or features of such, whose answer is known; never mixed with real ones."""

import hashlib

import numpy as np
from numpy.typing import NDArray

from sim.errors import ProfileError
from sim.profiles.design import Encoder, MeasurementPlan
from sim.profiles.images.cases import Bytes, Cases, Features
from sim.streams import stream

Floats = NDArray[np.float64]

CASES = 600
"""Generated cases per group and class."""
TEXTURES = 8
"""Textures in the images of a group."""
ORDER = 39
"""Order of all textures. With most orders the signs of one group's resemble or oppose another's,
seen by 3x3 filters that respond to several; of sixty orders this one does so least at 8 px."""
CONTRAST, VARIATION, NOISE = 20.0, 0.35, 6.0
"""Grey levels of a texture, their spread between images as a share, and grey levels of a pixel's
own noise."""
SEPARATION = 2.2
"""Distance of positives from negatives, in standard deviations, to who knows all textures."""
FEATURES, TELLING = 96, 24
"""Numbers of a phantom's features, and how many of them tell the disease in a group."""
NO_ENCODER = Encoder(
    name="none",
    pretraining="none: the features were generated",
    image_px=1,
    flops=0.0,
    joules=0.0,
    seconds=0.0,
    power_source="measured",
    alone=True,
    hardware="none",
)


def phantoms(plan: MeasurementPlan) -> Cases:
    """Return images of random textures; positives have more of every other one, less of the rest.

    To tell them one has to learn the sign of each texture, which takes studies. What they are
    worth is known by construction. With all textures shared (``phantom_shared`` 1) a study of
    another group is one's own and kappa is 1; with none shared it says nothing and kappa is 0. A
    copy is nothing new: training takes the same steps on half the studies. Textures have no mean,
    so that a blank frame of an image's mean colour holds nothing; and they look the same when
    turned or flipped. For a probe the same of numbers: ``TELLING`` of ``FEATURES`` tell a group's
    disease.
    """
    names = (*plan.groups, *plan.not_estimable)
    label = (np.arange(2 * CASES) % 2).astype(np.int8)
    draw = _features if plan.model == "probe" else _images
    group_of = np.repeat(names, len(label))
    return Cases(
        images=np.concatenate(draw(plan, names, label)),
        label=np.tile(label, len(names)),
        group=group_of,
        id=np.arange(len(group_of)).astype(str),
        covariates={},
        sha256=_digest(plan, names),
        left_out={},
        encoder=NO_ENCODER if plan.model == "probe" else None,
    )


def _features(
    plan: MeasurementPlan, names: tuple[str, ...], label: NDArray[np.int8]
) -> list[Features]:
    """Return each group's features, shape (cases, features)."""
    common = round(plan.phantom_shared * TELLING)
    if common + len(names) * (TELLING - common) > FEATURES:
        raise ProfileError(
            f"plan '{plan.name}': phantoms of {FEATURES} features cannot hold {len(names)} groups "
            f"with {TELLING - common} of their own each. Raise 'phantom_shared'."
        )
    images = []
    for number, group in enumerate(names):
        own = common + number * (TELLING - common) + np.arange(TELLING - common)
        seen = stream(0, plan.name, "phantom", group).standard_normal((len(label), FEATURES))
        shift = SEPARATION / np.sqrt(TELLING) * (label[:, None] - 0.5)
        seen[:, np.r_[:common, own]] += shift
        images.append(seen.astype(np.float32))
    return images


def _images(plan: MeasurementPlan, names: tuple[str, ...], label: NDArray[np.int8]) -> list[Bytes]:
    """Return each group's images, shape (cases, side, side, 3)."""
    images = []
    for group, textures in zip(names, _textures(plan, len(names)), strict=True):
        rng = stream(0, plan.name, "phantom", group)
        sign = np.where(np.arange(TEXTURES) % 2 == 0, 1.0, -1.0) / np.sqrt(TEXTURES)
        shift = SEPARATION * (label[:, None] - 0.5) * sign
        amount = 1 + VARIATION * (rng.standard_normal((len(label), TEXTURES)) + shift)
        amount = np.maximum(amount, 0.0) * rng.choice([-1.0, 1.0], amount.shape)
        seen = 128 + CONTRAST * np.tensordot(amount, textures, 1)
        seen += rng.normal(0, NOISE, seen.shape)
        images.append(np.clip(seen, 0, 255).astype(np.uint8))
    return images


def _textures(plan: MeasurementPlan, groups: int) -> list[Floats]:
    """Return each group's textures, shape (textures, side, side, 3), of mean 0 and spread 1.

    Waves across and down in one colour each. Groups have ``phantom_shared`` of them in common.
    """
    side = plan.image_px
    place = 2 * np.pi * (np.arange(side) + 0.5) / side
    waves = []
    for across in range(side // 2 + 1):
        for down in range(max(across, 1), side // 2 + 1):
            wave = np.outer(np.cos(across * place), np.cos(down * place))
            if np.abs(wave).max() > 1e-9:
                waves.append((wave + wave.T) / (wave + wave.T).std())
    every = np.array([wave[..., None] * colour for wave in waves for colour in np.eye(3)])
    every = every[stream(ORDER, "phantom textures").permutation(len(every))]
    common = round(plan.phantom_shared * TEXTURES)
    needed = common + groups * (TEXTURES - common)
    if needed > len(every):
        raise ProfileError(
            f"plan '{plan.name}': {groups} groups need {needed} textures, and phantoms of "
            f"{side} px hold {len(every)}. Raise 'image_px' or 'phantom_shared'."
        )
    alone = np.arange(common, needed).reshape(groups, -1)
    return [every[np.r_[:common, mine]] for mine in alone]


def _digest(plan: MeasurementPlan, names: tuple[str, ...]) -> str:
    what = (plan.name, plan.image_px, names, plan.phantom_shared)
    return hashlib.sha256(repr(what).encode()).hexdigest()
