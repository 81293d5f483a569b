"""Shared runs: made, listed, shown. Open `run_list.py` first."""
