"""Training runs of somebody's own, as runs of a profile."""
