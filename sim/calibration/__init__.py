"""Calibration: narrow assumed inputs until the baseline reproduces published figures."""
