"""What runs drew in all, by what it is known, and per image."""

from math import isnan, nan
from time import perf_counter, sleep

import numpy as np
import pandas as pd
import pytest

from sim.errors import ProfileError
from sim.profiles.metering.energy import energy_per_image
from sim.profiles.metering.gpu_counter import kwh_between, open_counter
from sim.profiles.metering.load import require_one_version
from sim.profiles.metering.memory import peak_memory
from sim.profiles.metering.meter import Meter
from sim.profiles.metering.power import sources_of, weakest_used
from sim.profiles.treatment import CONTROL
from tests.unit.profiles.costs import COSTS

ONE = COSTS | {
    **CONTROL.model_dump(),
    **{"samples_trained": 1_000, "seconds": 10.0, "inference_images": 100},
    **{"inference_seconds": 0.1, "kwh": 4e-5, "inference_kwh": 4e-6},
    **{"cpu_kwh": 1e-5, "gpu_kwh": 0.0, "ram_kwh": 3e-5},
    **{"inference_cpu_kwh": 1e-6, "inference_gpu_kwh": 0.0, "inference_ram_kwh": 3e-6},
    **{"emissions_kg": 2e-5, "inference_emissions_kg": 2e-6, "peak_memory_mb": 900.0},
    **{"flops_per_training_sample": 3e6, "flops_per_inference": 1e6, "other_cores": 0.0},
    **{"power_source": "default", "tracking": "none", "grid_country": "USA"},
    **{"hardware": "2 cores", "threads": 1, "idle_watts": 9.0, "utilisation": 0.5},
}


def table(*changes):
    return pd.DataFrame([ONE | {"run_id": str(i)} | one for i, one in enumerate(changes)])


PREPARED = {
    **{"generator": "one", "generator_kwh": 8e-4, "generator_ram_kwh": 8e-4},
    **{"generation_kwh": 2e-4, "generation_ram_kwh": 2e-4},
    **{"generator_emissions_kg": 1e-3, "generation_emissions_kg": 1e-4},
}


def test_preparing_counts_once_in_energy_and_emissions_alike():
    energy = energy_per_image(table({}, *[PREPARED | {"synthetic": 1.0}] * 2))
    assert energy["kwh"] == pytest.approx(3 * 4.4e-5 + 8e-4 + 2 * 2e-4)
    assert energy["emissions_kg"] == pytest.approx(3 * 2.2e-5 + 1e-3 + 2 * 1e-4)


def test_joules_per_image_are_of_runs_alone_with_one_number_of_threads():
    alone, shared = {"threads": 2, "kwh": 1e-5}, {"kwh": 9e-5, "other_cores": 1.0}
    runs = table(alone, alone | {"other_cores": 0.25}, {"kwh": 7e-5}, *[shared] * 5)
    energy = energy_per_image(runs)
    assert energy["joules_per_training_sample"] == pytest.approx(1e-5 * 3.6e6 / 1_000)
    assert energy["headline_runs"] == 2
    assert energy["headline_alone"]
    assert energy["headline_threads"] == [2]
    assert energy["runs_alone"] == 3


@pytest.mark.parametrize("others", [0.3, nan])
def test_where_no_run_is_known_to_be_alone_all_count_and_that_is_said(others):
    energy = energy_per_image(table(*[{"kwh": k, "other_cores": others} for k in (1e-5, 3e-5)]))
    assert energy["joules_per_training_sample"] == pytest.approx(2e-5 * 3.6e6 / 1_000)
    assert energy["headline_runs"] == 2
    assert not energy["headline_alone"]


def test_the_share_of_each_kind_of_source_is_told():
    sources = {"cpu_power_source": "nameplate", "ram_power_source": "model"}
    gpu = {"gpu_kwh": 1.2e-4, "kwh": 1.6e-4, "gpu_power_source": "measured"}
    energy = energy_per_image(table(sources, sources | gpu | {"power_source": "model"}))
    total = 1.6e-4 + 4e-5 + 2 * 4e-6
    assert list(energy["share_by_source"]) == ["measured", "nameplate", "model"]
    assert energy["share_by_source"]["measured"]["share"] == pytest.approx(1.2e-4 / total)
    assert energy["share_by_source"]["nameplate"]["share"] == pytest.approx(2 * 1.1e-5 / total)
    assert energy["share_by_source"]["model"] == {
        "share": pytest.approx(2 * 3.3e-5 / total),
        "parts": ["ram"],
    }


@pytest.mark.parametrize(
    ("drew", "source"),
    [
        ({"cpu_kwh": 1.0, "gpu_kwh": 1.0, "ram_kwh": 0.0}, "nameplate"),
        ({"cpu_kwh": 0.0, "gpu_kwh": 1.0, "ram_kwh": 0.0}, "measured"),
        ({"cpu_kwh": 1.0, "gpu_kwh": 1.0, "inference_ram_kwh": 1.0}, "model"),
        ({}, "default"),
    ],
)
def test_a_run_is_known_as_its_weakest_part_that_drew(drew, source):
    named = {"cpu": "nameplate", "gpu": "measured", "ram": "model"}
    run = {f"{part}_power_source": of for part, of in named.items()}
    assert weakest_used(run | drew | {"power_source": "default"}) == source


def processor(mode, tdp, **more):
    return type("CPU", (), {"_mode": mode, "_tdp": tdp, "_cpu_count": 2, **more})()


@pytest.mark.parametrize(
    ("found", "source"),
    [
        (processor("intel_rapl", 100), "measured"),
        (processor("cpu_load", 100), "nameplate"),
        (processor("cpu_load", 8), "default"),  # 4 W for each of two cores
        (processor("cpu_load", None), "default"),
        (processor("cpu_load", 85, _is_generic_tdp=True), "default"),
        (type("Raspberry", (), {"chip_part": "CPU"})(), "measured"),
    ],
)
def test_each_part_of_a_machine_has_a_source_of_its_own(found, source):
    memory, gpu = type("RAM", (), {})(), type("GPU", (), {})()
    assert sources_of([found, memory]) == {"cpu": source, "gpu": None, "ram": "model"}
    assert sources_of([memory, gpu]) == {"cpu": None, "gpu": "measured", "ram": "model"}


def test_peak_memory_is_of_the_block_and_not_of_what_came_before():
    def held(megabytes):
        with peak_memory("cpu") as peak:
            block = np.ones(megabytes * 125_000)  # touched, so resident
            sleep(0.2)
            del block
        return peak

    large, small = held(400), held(1)
    assert large.of == small.of == "resident in the process"
    assert large.mb - small.mb == pytest.approx(400, rel=0.15)


def test_the_highest_peak_is_of_runs_that_recorded_their_own():
    own = {"peak_memory_mb": 300.0, "peak_memory_of": "resident in the process"}
    unknown = {"peak_memory_mb": nan}
    energy = energy_per_image(table(unknown, own, own | {"peak_memory_mb": 200.0}))
    assert energy["peak_memory_mb"] == 300.0
    said = "resident in the process in the run that needed most"
    assert energy["peak_memory_of"] == f"{said} of the 2 that recorded their own"
    every = energy_per_image(table(own, own))
    assert every["peak_memory_of"] == said


class Readings:
    """A counter that shows given numbers, one after the other."""

    def __init__(self, *millijoules):
        self._left = list(millijoules)

    def millijoules(self):
        return self._left.pop(0)


@pytest.fixture
def meter():
    return Meter("USA")


@pytest.mark.parametrize(
    ("shown", "kwh"),
    [
        ((7.2e9, 9.0e9), 0.5),
        ((7.2e9, 7.2e9), 0.0),
        ((None, 9.0e9), nan),
        ((7.2e9, None), nan),
        ((7.2e9, 1.0e9), nan),  # the driver was loaded anew
    ],
)
def test_a_block_is_held_against_the_counter_of_the_device(meter, shown, kwh):
    meter.counter = Readings(*shown)
    with meter.block() as reading:
        assert isnan(reading.gpu_counter_kwh)
    assert reading.gpu_counter_kwh == pytest.approx(kwh, nan_ok=True)
    assert kwh_between(*shown) == pytest.approx(kwh, nan_ok=True)


def test_settings_of_the_user_for_codecarbon_change_nothing(monkeypatch, tmp_path):
    text = "[codecarbon]\npue = 2\nforce_cpu_power = 5000\noutput_dir = /no/such/folder\n"
    for place in ("HOME", "here"):
        (tmp_path / place).mkdir()
        (tmp_path / place / ".codecarbon.config").write_text(text)
    monkeypatch.setenv("HOME", str(tmp_path / "HOME"))
    monkeypatch.chdir(tmp_path / "here")
    monkeypatch.setenv("CODECARBON_FORCE_RAM_POWER", "5000")
    used = Meter("USA")._tracker
    assert (used._pue, used._force_cpu_power, used._force_ram_power) == (1.0, None, None)
    with Meter("USA").block() as reading:
        sleep(0.1)
    assert reading.kwh > 0


def test_a_country_without_a_known_grid_is_an_error():
    with pytest.raises(ProfileError, match=r"country 'KENYA'.*no electricity grid"):
        Meter("KENYA")


def test_without_a_gpu_nothing_is_counted(meter):
    assert open_counter("cpu") is None
    with meter.block() as reading:
        pass
    assert isnan(reading.gpu_counter_kwh)
    assert energy_per_image(table({}))["gpu_counter_ratio"] is None


def test_the_ratio_to_the_counter_is_of_blocks_that_have_both():
    both = {"gpu_kwh": 9e-4, "gpu_counter_kwh": 1e-3}
    prepared = PREPARED | {"generator_gpu_kwh": 1e-4, "generator_gpu_counter_kwh": 3e-4}
    energy = energy_per_image(table(both, prepared, prepared, {"gpu_kwh": 5.0}))
    assert energy["gpu_counter_ratio"] == pytest.approx((9e-4 + 1e-4) / (1e-3 + 3e-4))


LOADED = {"cpu_load": 0.5, "inference_cpu_load": 0.5, "cpu_power_source": "nameplate"}


def test_an_image_costs_what_each_rule_for_the_processor_says():
    by_rule = energy_per_image(table(*[LOADED] * 3))["by_rule"]
    assert by_rule["load"] == 0.5
    assert by_rule["training"]["cubic"] == pytest.approx(4e-5 * 3.6e6 / 1_000)
    # of 10 Wh of the processor at 21.25% of its rating, 50% would be 23.5
    as_linear = 3e-5 + 1e-5 * 0.5 / 0.2125
    assert by_rule["training"]["linear"] == pytest.approx(as_linear * 3.6e6 / 1_000)
    assert by_rule["inference"]["linear"] > by_rule["inference"]["cubic"]
    stated = table(LOADED | {"inference_cpu_load": nan})
    assert energy_per_image(stated)["by_rule"]["inference"] is None


@pytest.mark.parametrize(
    "known",
    [
        {"cpu_load": nan},
        {"cpu_power_source": "measured"},
        {"tracking": "codecarbon constant, 85 W rated for 2 cores; RAM, CPU"},
    ],
)
def test_no_other_rule_is_shown_where_none_was_used_or_the_load_was_not_kept(known):
    assert energy_per_image(table(LOADED | known))["by_rule"] is None


def test_runs_of_several_versions_of_codecarbon_are_refused():
    runs = pd.DataFrame({"run_id": ["a", "a", "b"], "codecarbon": ["3.0.0", "3.0.0", "3.3.2"]})
    require_one_version(runs[:2])
    with pytest.raises(ProfileError, match=r"3\.0\.0 \(1 runs\), 3\.3\.2 \(1 runs\)"):
        require_one_version(runs)


def test_a_block_knows_the_load_of_the_machine(meter):
    with meter.block() as reading:
        end = perf_counter() + 0.3
        while perf_counter() < end:
            pass
    assert 0.0 < reading.cpu_load <= 1.0
