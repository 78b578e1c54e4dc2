"""What the world is like today: tables with unit, year, source and status."""
