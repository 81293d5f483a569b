"""Diagnosis: a case in, its findings on the page out. Open `background.py` first."""
