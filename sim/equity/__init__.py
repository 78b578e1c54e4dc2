"""Effective coverage, and measures of its inequality, as pure functions."""
