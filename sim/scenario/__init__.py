"""Read and check the scenario file: the only door for outside data."""
