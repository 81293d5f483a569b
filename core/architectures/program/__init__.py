"""Exported programs (.pt2): a graph is checked, then run. Open `exported_program.py` first."""
