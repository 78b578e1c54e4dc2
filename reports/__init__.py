"""Words and pictures from a finished study; computes nothing new."""

from reports.policy import render, write_report
from reports.schedule import schedule

__all__ = ["render", "schedule", "write_report"]
