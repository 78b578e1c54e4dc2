"""From measured runs to constants with intervals."""
