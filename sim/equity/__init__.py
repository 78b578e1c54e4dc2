"""Coverage, inequality and gaps: what fairness means, as pure functions."""
