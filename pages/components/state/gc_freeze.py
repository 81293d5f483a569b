"""Modules are kept from the garbage collector, which Streamlit starts after every run of a page.

Torch brings 400 000 objects that live as long as the process. To look through them takes 0.2 s in
which no other thread goes on: with two pages open, each following its diagnosis twice a second,
half a second of diagnosis took twelve.
"""

from __future__ import annotations

import gc
import sys

_seen = 0  # modules that were imported when the collector was last informed


def spare_modules() -> None:
    """Tell the collector to leave alone what is there, if modules were imported since last time."""
    global _seen
    if (count := len(sys.modules)) != _seen:
        _seen = count
        gc.collect()
        gc.freeze()  # what is freed by its count of references still is
