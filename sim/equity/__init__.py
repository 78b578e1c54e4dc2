"""Coverage and inequality: what fairness means, as pure functions."""
