"""Words and pictures from a finished study; computes nothing new."""

from reports.policy import render, write_report
from reports.timeline import timeline

__all__ = ["render", "timeline", "write_report"]
