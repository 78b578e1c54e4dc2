"""Results do not depend on the order in which Python happens to keep a set."""

import os
import subprocess
import sys

CODE = """
import numpy as np
from sim.equity.inequality import theil_between_within
ec = np.random.default_rng(1).random(60)
print(*map(float.hex, theil_between_within(ec, ec + 1.0, [f"r{i % 7}" for i in range(60)])))
"""


def test_the_parts_of_theil_are_the_same_bits_under_any_hash_seed() -> None:
    outputs = {
        subprocess.run(
            [sys.executable, "-c", CODE],
            env=os.environ | {"PYTHONHASHSEED": str(seed)},
            check=True,
            capture_output=True,
            text=True,
        ).stdout
        for seed in range(4)
    }
    assert len(outputs) == 1
