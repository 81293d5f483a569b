"""A benchmark on other people's networks, scenes of other kinds, and files of many forms."""
