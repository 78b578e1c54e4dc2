"""The measured response: from training data to error by group."""
