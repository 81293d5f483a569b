"""Commands for developers; `bootstrap.py` is the only one that runs before the set-up."""
