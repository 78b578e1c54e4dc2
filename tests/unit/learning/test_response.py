import json
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sim.errors import ProfileError
from sim.learning.response import (
    FACTORS,
    MEASURED,
    Response,
    available,
    central,
    draw_response,
    load_profile,
)
from sim.learning.scaling import effective, power_law

ONE = Response(floor=0.2, scale=2.0, power=0.4, kappa=0.25, offset=50.0, specificity=0.9)
COUNTS = st.floats(0, 1e5)


@pytest.fixture(scope="module")
def profile():
    return load_profile("dermoscopy_site")


def test_error_is_the_law_at_own_plus_kappa_other():
    assert ONE.error(100.0, 400.0) == pytest.approx(0.2 + 2.0 * 250**-0.4)


@given(COUNTS, COUNTS, st.floats(1, 1e4))
def test_own_studies_lower_the_error_at_least_as_much_as_others(own, other, more):
    before = ONE.error(own, other)
    assert ONE.error(own + more, other) <= ONE.error(own, other + more) <= before


def test_a_frozen_response_stops_at_its_edge():
    frozen = replace(ONE, edge=1_000.0)
    assert frozen.error(999.0, 0.0) == ONE.error(999.0, 0.0)
    assert frozen.error(5_000.0, 0.0) == ONE.error(1_000.0, 0.0)


def test_level_scales_the_error():
    half = replace(ONE, level=0.5)
    assert half.error(10.0, 10.0) == pytest.approx(0.5 * ONE.error(10.0, 10.0))


def test_an_error_is_at_most_one():
    poor = replace(ONE, level=5.0)
    assert poor.error(0.0, 0.0) == 1.0


def errors_of_draws(one, group, own, other):
    """Return the law's errors in every draw, of one group or of the mean of all, before cutting."""
    floor, scale = (
        np.array(one["draws"][name] if group is None else one["draws_by_group"][name][group])
        for name in ("floor", "scale")
    )
    power, kappa, offset, limit = (
        np.array(one["draws"][name]) for name in ("power", "kappa", "offset", "limit")
    )
    laws = np.stack([floor, scale, power, kappa, offset, limit], axis=1)
    return np.array(
        [
            power_law(effective(own, other, k, m), floor=f, scale=s, power=p, offset=n)
            for f, s, p, k, n, m in laws
        ]
    )


def shipped(name):
    return json.loads((MEASURED / name / "fit.json").read_text())


def tasks_of(name):
    """Return what is fitted to each task of a shipped profile, or to its only one."""
    fitted = shipped(name)
    return list(fitted.get("tasks", {"": fitted}).values())


@pytest.mark.parametrize("measure_of", ["sensitivity", "auc"])
@pytest.mark.parametrize("name", available())
def test_every_draw_of_a_shipped_profile_obeys_the_contract(name, measure_of):
    doubled = np.array([0.0, *(10.0 * 2 ** np.arange(16))])
    others = np.array([0.0, 1.0, 60.0, 810.0, 1e5])[:, None]
    whole = shipped(name)["fits"][measure_of]
    of_groups = [(t["fits"][measure_of], group) for t in tasks_of(name) for group in t["groups"]]
    for one, group in ((whole, None), *of_groups):
        error = errors_of_draws(one, group, doubled, others)
        assert (np.diff(error, axis=2) <= 0).all()
        assert (np.diff(error, axis=1) <= 0).all()
        assert error.min() >= 0
        assert error.max() <= one["chance"] + 1e-4  # stored with six digits
        assert 0 <= min(one["draws"]["kappa"]) <= max(one["draws"]["kappa"]) <= 1


@pytest.mark.parametrize("measure_of", ["sensitivity", "auc"])
@pytest.mark.parametrize("name", available())
def test_draws_reproduce_the_fit_inside_the_measured_range(name, measure_of):
    of_groups = [
        (t["fits"][measure_of], pair) for t in tasks_of(name) for pair in enumerate(t["groups"])
    ]
    for one, (g, group) in of_groups:
        most, law = one["measured_max"], one["estimate"]
        own = np.linspace(0.05, 1, 6) * most["own"]
        other = np.linspace(0, 1, 4)[:, None] * most["other"]
        draws = errors_of_draws(one, group, own, other)
        fit = power_law(
            effective(own, other, law["kappa"], law["limit"]),
            floor=law["floor"][g],
            scale=law["scale"][g],
            power=law["power"],
            offset=law["offset"],
        )
        assert np.abs(draws.mean(axis=0) - fit).max() < 0.02
        assert (np.quantile(draws, 0.025, axis=0) <= fit).all()
        assert (fit <= np.quantile(draws, 0.975, axis=0)).all()


def test_the_response_is_the_mean_group_of_the_stored_draws(profile):
    own, other = np.array([0.0, 50.0, 700.0]), np.array([9.0, 0.0, 300.0])
    stored = errors_of_draws(shipped("dermoscopy_site")["fits"]["sensitivity"], None, own, other)
    for draw in (0, 7, profile.size - 1):
        np.testing.assert_allclose(draw_response(profile, draw).error(own, other), stored[draw])


@pytest.mark.parametrize("name", available())
def test_the_central_response_is_a_draw_close_to_the_mean_of_all(name):
    profile = load_profile(name)
    middle = central(profile)
    assert middle in [draw_response(profile, d) for d in range(profile.size)]
    assert middle.error(0.0, 0.0) <= profile.specificity + 1e-4  # chance; stored with six digits
    own, other = np.meshgrid([0, 20, 200, profile.measured_max], [0, 50, profile.measured_max])
    errors = np.array([draw_response(profile, d).error(own, other) for d in range(profile.size)])
    off = middle.error(own, other) - errors.mean(axis=0)
    # the mean over tasks as unlike as two kinds of pneumonia is no task's law
    several = len(tasks_of(name)) > 1
    assert np.sqrt(np.mean(off**2)) < (0.15 if several else 0.02)
    assert np.abs(off).max() < (0.2 if several else 0.06)
    assert central(profile, level=0.5).error(9, 9) == pytest.approx(0.5 * middle.error(9, 9))


def test_constants_that_hang_together_have_no_central_law_one_by_one(profile):
    laws = [
        {
            "floor": 0.1,
            "kappa": 0.3,
            "limit": 1e5,
            "power": p,
            "offset": offset,
            "scale": 0.8 * offset**p,
        }
        for p, offset in ((0.1, 1.0), (0.3, 100.0), (1.0, 10.0))
    ]
    draws = {key: np.array([law[key] for law in laws]) for key in laws[0]}
    medians = {key: float(np.median(values)) for key, values in draws.items()}
    apart = Response(**medians, specificity=profile.specificity)
    middle = central(replace(profile, draws=draws))
    assert apart.error(0, 0) == 1.0  # cut there; every law has 0.9
    assert middle.error(0, 0) == pytest.approx(0.9)


@pytest.mark.parametrize("name", available())
def test_factors_are_named_bounded_and_reproduced_by_their_draws(name):
    factors = load_profile(name).factors
    assert tuple(factors) == FACTORS
    for factor in factors.values():
        if factor.status == "not measured":
            assert (factor.value, factor.runs, factor.draws) == (None, 0, ())
            continue
        assert factor.low <= factor.value <= factor.high
        assert np.median(factor.draws) == pytest.approx(factor.value, rel=1e-3, abs=1e-6)
        if factor.status == "measured":
            assert not factor.low <= factor.null <= factor.high


def test_the_shipped_profile_is_real_and_states_its_limits(profile):
    assert profile.data == "real"
    assert profile.size >= 200
    assert profile.power_source in {"measured", "nameplate", "default"}
    low, high = profile.kappa_interval
    assert low <= float(np.median(profile.draws["kappa"])) <= high


def test_draws_repeat_and_never_depend_on_what_was_drawn_before(profile):
    assert draw_response(profile, 3) == draw_response(profile, 3 + profile.size)
    assert draw_response(profile, 3) != draw_response(profile, 4)


def test_transport_sets_kappa_to_one_in_the_wanted_share_of_draws(profile):
    draws = range(2_000)
    ones = [draw_response(profile, d, kappa_one_weight=0.3).kappa == 1.0 for d in draws]
    assert np.mean(ones) == pytest.approx(0.3, abs=0.05)
    assert draw_response(profile, 7, kappa_one_weight=1.0).kappa == 1.0


def test_an_unknown_profile_names_the_nearest_one():
    with pytest.raises(ProfileError, match="Did you mean 'dermoscopy_site'"):
        load_profile("dermoscopy_sit")
    assert "dermoscopy_site" in available()


def test_a_broken_fit_says_which_file(tmp_path):
    (tmp_path / "fit.json").write_text('{"schema": 1}')
    with pytest.raises(ProfileError, match=r"fit\.json: cannot be read"):
        load_profile(tmp_path)


def test_a_broken_fit_says_on_which_line(tmp_path):
    whole = json.loads((MEASURED / "dermoscopy_sex" / "fit.json").read_text(encoding="utf-8"))
    text = json.dumps(whole | {"specificity": 90}, indent=1)
    line = next(n for n, row in enumerate(text.split("\n"), 1) if '"specificity": 90' in row)
    file = tmp_path / "fit.json"
    file.write_text(text)
    with pytest.raises(ProfileError, match=rf"fit\.json:{line}: .*looks like percent"):
        load_profile(tmp_path)
    file.write_text('{\n "schema": 1,\n "runs" 5}')
    with pytest.raises(ProfileError, match=r"fit\.json:3: cannot be read"):
        load_profile(tmp_path)
    file.write_text("[" * 100_000)
    with pytest.raises(ProfileError, match=r"fit\.json: cannot be read \(RecursionError"):
        load_profile(tmp_path)


def test_the_response_needs_neither_torch_nor_scipy():
    code = (
        "import sys, sim.learning.response; print({'torch', 'scipy', 'pandas'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda fit: fit.update(specificity=1e300), r"specificity: a share runs from 0 to 1, got"),
        (lambda fit: fit.update(specificity=90), r"specificity: .*90 looks like percent"),
        (lambda fit: fit["energy"].update(joules_per_inference=-1.0), r"joules_per_inference: "),
        (lambda fit: fit["fits"]["sensitivity"]["draws"]["kappa"].__setitem__(3, -2.0),
         r"draws of kappa: a share runs from 0 to 1, got -2"),
        (lambda fit: fit["fits"]["sensitivity"]["draws"]["offset"].__setitem__(3, 0.0),
         r"draws of offset: must be from "),
        (lambda fit: fit["fits"]["sensitivity"]["draws"]["power"].__setitem__(3, float("nan")),
         r"draws of power: must be from .*, got nan"),
        (lambda fit: fit["factors"]["noise_exponent"]["draws"].__setitem__(0, float("inf")),
         r"draws of noise_exponent: not all are numbers"),
    ],
)  # fmt: skip
def test_a_number_that_nobody_measured_is_refused(tmp_path, change, message):
    fit = json.loads((MEASURED / "dermoscopy_site" / "fit.json").read_text(encoding="utf-8"))
    change(fit)
    (tmp_path / "fit.json").write_text(json.dumps(fit), encoding="utf-8")
    with pytest.raises(ProfileError, match=r"fit\.json:1: .*" + message):
        load_profile(tmp_path)
