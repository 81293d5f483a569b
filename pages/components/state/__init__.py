"""What this browser tab has open, and how the pages change it. Open `session.py` first."""
