"""Studies: many runs of a scenario, their comparison and their tables."""
