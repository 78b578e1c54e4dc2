"""Generated images whose answer is known, for tests and offline use; never mixed with real ones."""

import hashlib

import numpy as np

from sim.profiles.cases import Cases
from sim.profiles.design import MeasurementPlan
from sim.streams import stream

CASES = 300
"""Generated cases per group and class."""
SIGNAL, NOISE = 12.0, 30.0
"""Grey levels: height of the stripes in positives, and spread of each pixel."""


def phantoms(plan: MeasurementPlan) -> Cases:
    """Return noise images with faint stripes in positives, finer from group to group.

    Groups share part of the signal (a brighter centre), so that another group's images help, but
    less than one's own. A copy adds nothing, a blank frame holds no stripe, and a label is wrong
    as often as the plan says: what each damage leaves over is known.
    """
    side, names = plan.image_px, (*plan.groups, *plan.not_estimable)
    axis = np.linspace(-1, 1, side)
    x, y = np.meshgrid(axis, axis)
    centre = np.exp(-4 * (x**2 + y**2))
    images, labels, groups = [], [], []
    for index, group in enumerate(names):
        stripe = np.cos(3 * (1 + index) * x)
        label = np.arange(2 * CASES) % 2
        rng = stream(0, plan.name, "phantom", group)
        noise = rng.normal(128, NOISE, (len(label), side, side, 3))
        signal = label[:, None, None] * (SIGNAL * stripe + SIGNAL / 2 * centre)
        images.append(np.clip(noise + signal[..., None], 0, 255).astype(np.uint8))
        labels.append(label)
        groups.append(np.full(len(label), group))
    group_of = np.concatenate(groups)
    return Cases(
        images=np.concatenate(images),
        label=np.concatenate(labels).astype(np.int8),
        group=group_of,
        id=np.arange(len(group_of)).astype(str),
        covariates={},
        sha256=hashlib.sha256(repr((plan.name, side, names)).encode()).hexdigest(),
        left_out={},
    )
