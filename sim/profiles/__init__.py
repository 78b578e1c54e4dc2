"""Profiles measured in real training runs: how they are made, fitted and shown."""
