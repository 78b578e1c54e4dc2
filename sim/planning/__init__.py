"""The plan: a mixed-integer program over regions, stages and years."""
