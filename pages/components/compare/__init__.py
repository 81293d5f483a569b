"""Compare: several settings on one picture. Open `columns.py` first."""
