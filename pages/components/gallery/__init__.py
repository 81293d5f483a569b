"""Gallery: every fault on the example. Open `cards.py` first."""
