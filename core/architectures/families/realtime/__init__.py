"""Networks of the street: small and fast. Shared layers are in `parts.py` and `dual.py`."""
