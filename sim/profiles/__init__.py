"""Profiles measured in real training runs: how they are made, fitted and shown."""

from sim.profiles.card import write_card
from sim.profiles.design import MeasurementPlan
from sim.profiles.fitting import fit
from sim.profiles.grid import measure

__all__ = ["MeasurementPlan", "fit", "measure", "write_card"]
