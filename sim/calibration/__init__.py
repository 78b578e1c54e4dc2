"""Calibration: assumed inputs narrowed until the baseline gives what was published."""
