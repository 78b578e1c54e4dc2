"""Columns of what a run cost that generated tables of runs share with measured ones."""

from math import nan

PREPARING = ("generator", "pretraining", "generation")
COSTS = {
    **{f"{block}_{quantity}": 0.0 for block in PREPARING for quantity in ("seconds", "kwh")},
    **{f"{block}_{part}_kwh": 0.0 for block in PREPARING for part in ("cpu", "gpu", "ram")},
    **{f"{block}_emissions_kg": 0.0 for block in PREPARING},
    **{f"{block}_gpu_counter_kwh": nan for block in (*PREPARING, "inference")},
    **{f"{block}_energy": "alone" for block in (*PREPARING, "inference")},
    **{"generator": None, "pretraining": None, "energy": "alone", "gpu_counter_kwh": nan},
    **{"gpu_kwh": 0.0, "inference_gpu_kwh": 0.0, "peak_memory_of": "resident in the process"},
    **{"cpu_power_source": "default", "gpu_power_source": None, "ram_power_source": "model"},
}
"""Of a run alone on a machine without GPU that starts from nothing prepared."""
