"""Compiled loops over arrays of counts that several stations share, and what they compute with."""
