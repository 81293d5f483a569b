"""The page of many pictures: a set, its pairing, the settings, the sweep, what came of it."""
