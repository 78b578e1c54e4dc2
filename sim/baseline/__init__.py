"""Today's values: tables with unit, year, source and status, and the world made of them."""
