"""Who does tasks, for studies, calibrations and measurements alike."""
