"""Training as the published studies run it, and what is measured of it."""
