"""A study as data: networks and deficits by name, stages, arms, recipes, presets."""
