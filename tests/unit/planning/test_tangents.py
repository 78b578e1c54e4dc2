from itertools import pairwise

import numpy as np
import pytest
from scipy.special import ndtri

from sim.equity.inequality import utility
from sim.learning.gate import POWER_PLANNED, Audit, wilson_lower
from sim.planning.tangents import (
    audit_tangents,
    quality_tangents,
    segments,
    utility_scale,
    utility_tangents,
)
from sim.scenario.ai import Gate
from sim.scenario.schema import Equity
from tests.small_world import LAW


@pytest.mark.parametrize("aversion", [0.0, 0.5, 1.0, 2.0, 5.0])
def test_utility_tangents_bound_utility_closely_from_above(aversion: float) -> None:
    equity = Equity(aversion=aversion)
    tangents = utility_tangents(equity, low=0.1, high=1.0, reference=0.3)
    coverage = np.linspace(0.1, 1.0, 500)
    envelope = np.min([t.intercept + t.slopes[0] * coverage for t in tangents], axis=0)
    scale = utility_scale(equity, reference=0.3)
    exact = utility(coverage, aversion=aversion, floor=equity.floor) * scale
    assert (envelope >= exact - 1e-9).all()
    # in log coverage a chord of width 0.06 is off by at most aversion x 0.06^2 / 8 of a slope
    slack = (envelope - exact) / (scale * coverage ** (1.0 - aversion))
    assert slack.max() < max(aversion, 1.0) * 0.06**2 / 8 * 1.3


def test_strong_aversion_keeps_slopes_within_what_a_solver_tells_apart() -> None:
    tangents = utility_tangents(Equity(aversion=20.0), low=1e-3, high=1.0, reference=0.3)
    slopes = [t.slopes[0] for t in tangents]
    assert max(slopes) * 0.3 == pytest.approx(1e4)


def test_segments_add_up_to_the_lowest_tangent() -> None:
    tangents = utility_tangents(Equity(), low=0.05, high=1.0, reference=0.2)
    pieces = segments(tangents, high=1.0)
    assert sum(piece.width for piece in pieces) == pytest.approx(1.0)
    assert all(a.slope > b.slope for a, b in pairwise(pieces))
    for coverage in (0.0, 0.03, 0.2, 0.77, 1.0):
        left, value = coverage, tangents[0].intercept
        for piece in pieces:
            step = min(left, piece.width)
            value, left = value + piece.slope * step, left - step
        lowest = min(t.intercept + t.slopes[0] * coverage for t in tangents)
        assert value == pytest.approx(lowest, abs=1e-9)


def test_benefit_of_data_is_concave_and_below_its_tangents_on_random_segments() -> None:
    rng = np.random.default_rng(3)

    def benefit(own: np.ndarray, other: np.ndarray) -> np.ndarray:
        return 1.0 - LAW.error(own, other)

    tangents = quality_tangents(benefit, own=(0.0, 2e5), other=(1e3, 1e6))
    a, b = rng.uniform([0, 1e3], [2e5, 1e6], (200, 2)), rng.uniform([0, 1e3], [2e5, 1e6], (200, 2))
    middle = benefit(*((a + b) / 2).T)
    assert (middle >= (benefit(*a.T) + benefit(*b.T)) / 2 - 1e-12).all()
    envelope = np.min([t.intercept + a @ np.array(t.slopes) for t in tangents], axis=0)
    assert (envelope >= benefit(*a.T) - 1e-6).all()
    assert (envelope - benefit(*a.T)).mean() < 0.01


def test_tangents_of_a_benefit_that_is_cut_off_at_nothing_bound_it_and_exclude_nothing() -> None:
    def benefit(own: np.ndarray, other: np.ndarray) -> np.ndarray:
        return np.maximum(0.4 - LAW.error(own, other), 0.0)

    own, other = np.meshgrid(np.geomspace(1, 2e4, 60) - 1, np.geomspace(1, 1e5, 30) - 1)
    exact = benefit(own, other)
    assert exact.min() == 0.0 < exact.max()
    tangents = quality_tangents(benefit, own=(0.0, 2e4), other=(0.0, 1e5))
    envelope = np.min([a + b * own + c * other for a, (b, c) in tangents], axis=0)
    assert (envelope >= exact - 1e-6).all()
    assert envelope[0, 0] == pytest.approx(0.0, abs=1e-12)
    hopeless = quality_tangents(lambda n, k: 0.0 * n * k, own=(0.0, 2e4), other=(0.0, 1e5))
    assert hopeless == ((0.0, (0.0, 0.0)),)


@pytest.mark.parametrize(("quality", "needed"), [(0.85, 0.7), (0.9, 0.85), (0.75, 0.67)])
def test_an_audit_of_the_planned_size_passes_with_the_planned_chance(
    quality: float, needed: float
) -> None:
    audit = Audit(needed=needed, prevalence=0.1, gate=Gate())
    positives = float(audit.studies(np.array(quality))) * 0.1
    found = np.random.default_rng(1).binomial(round(positives), quality, 20_000).astype(float)
    lower = wilson_lower(found, np.full_like(found, round(positives)), float(ndtri(0.9)))
    assert (lower >= needed).mean() == pytest.approx(POWER_PLANNED, abs=0.05)


def test_audit_size_is_convex_and_above_its_tangents() -> None:
    audit = Audit(needed=0.7, prevalence=0.1, gate=Gate())
    tangents = audit_tangents(audit, lowest=0.75, highest=0.9)
    quality = np.linspace(0.75, 0.9, 200)
    exact = audit.studies(quality)
    envelope = np.max([t.intercept + t.slopes[0] * quality for t in tangents], axis=0)
    assert (envelope <= exact * (1 + 1e-6)).all()
    assert (envelope >= exact * 0.9).all()
    assert (np.diff(exact, 2) >= 0).all()


def test_no_number_of_studies_shows_a_quality_that_is_not_there() -> None:
    audit = Audit(needed=0.7, prevalence=0.1, gate=Gate())
    assert np.isinf(audit.studies(np.array([0.5, 0.7]))).all()
    assert audit_tangents(audit, lowest=0.5, highest=0.7) == ()
