"""Networks of public repositories that are no package, over `blocks.py` that they share."""
