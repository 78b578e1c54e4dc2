"""What runs drew in all, by what it is known, and per image."""

import pandas as pd
import pytest

from sim.profiles.energy import energy_per_image

ONE = {
    **{"samples_trained": 1_000, "seconds": 10.0, "inference_images": 100},
    **{"inference_seconds": 0.1, "kwh": 4e-5, "inference_kwh": 4e-6},
    **{"cpu_kwh": 1e-5, "gpu_kwh": 0.0, "ram_kwh": 3e-5},
    **{"inference_cpu_kwh": 1e-6, "inference_gpu_kwh": 0.0, "inference_ram_kwh": 3e-6},
    **{"emissions_kg": 2e-5, "inference_emissions_kg": 2e-6, "peak_memory_mb": 900.0},
    **{"flops_per_training_sample": 3e6, "flops_per_inference": 1e6, "other_cores": 0.0},
    **{"power_source": "default", "tracking": "none", "grid_country": "USA"},
    **{"hardware": "2 cores", "threads": 1, "idle_watts": 9.0, "utilisation": 0.5},
    **{"prepared": None, "preparation_seconds": 0.0, "preparation_kwh": 0.0},
    **{"generation_seconds": 0.0, "generation_kwh": 0.0},
}


def table(*changes):
    return pd.DataFrame([ONE | {"run_id": str(i)} | one for i, one in enumerate(changes)])


PREPARED = {"prepared": "generator", "preparation_kwh": 8e-4, "generation_kwh": 2e-4}


def test_preparing_counts_once_in_energy_and_emissions_alike():
    runs = table({}, *[PREPARED | {"synthetic": 1.0}] * 2)
    energy = energy_per_image(runs)
    assert energy["kwh"] == pytest.approx(3 * 4.4e-5 + 8e-4 + 2 * 2e-4)
    # half a kg per kWh in every run, and none recorded of preparing
    assert energy["emissions_kg"] == pytest.approx(0.5 * energy["kwh"])
    assert energy["emissions_scaled_runs"] == 2


def test_recorded_emissions_of_preparing_are_not_scaled():
    known = {"preparation_emissions_kg": 1e-3, "generation_emissions_kg": 1e-4}
    energy = energy_per_image(table({}, PREPARED | known, PREPARED))
    assert energy["emissions_kg"] == pytest.approx(3 * 2.2e-5 + 1e-3 + 1e-4 + 0.5 * 2e-4)
    assert energy["emissions_scaled_runs"] == 1


def test_runs_that_never_could_prepare_have_their_own_energy():
    old = [c for c in ONE if not c.startswith(("prep", "generation"))]
    energy = energy_per_image(table({}, {})[["run_id", *old]])
    assert energy["kwh"] == pytest.approx(2 * 4.4e-5)
    assert energy["emissions_kg"] == pytest.approx(2 * 2.2e-5)
