"""Read and check scenario files."""
