"""What runs draw, and on what machine."""
