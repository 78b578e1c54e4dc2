"""Images: where they come from, which train and which test, and what is done to them."""
