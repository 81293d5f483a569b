"""Pieces that several pages use. Open `page_frame.py` first."""
