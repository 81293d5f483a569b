"""Checkpoint: what a file holds, also one that does not run. Open `file_report.py` first."""
