"""Words and pictures from a finished study; computes nothing new."""

from reports.policy import render, write_report

__all__ = ["render", "write_report"]
