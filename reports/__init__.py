"""Reports on finished studies, in words and figures; nothing new is computed."""

from reports.policy import render, write_report
from reports.timeline import timeline

__all__ = ["render", "timeline", "write_report"]
