"""The measured response: training data in, error by group out."""
