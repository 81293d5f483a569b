"""The dashboard: an inspection in, five stages and the line on top out. Open `results.py` first."""
