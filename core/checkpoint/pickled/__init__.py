"""A pickle to inert records: `machine.py` reads its opcodes, and nothing is imported or called."""
