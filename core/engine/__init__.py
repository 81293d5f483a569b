"""Where networks run: what is asked for goes in, results come out, one forward at a time.

Open `engine.py` first: the door. `queue.py` says in which order requests are served, `paths.py`
which ways there are to run the same network, `choice.py` which of them is the fastest here. Only
`paths.py` and `choice.py` know torch; nothing imports them before a network has run.
"""

from core.engine.engine import (
    AHEAD_BYTES,
    CACHE_BYTES,
    MOST_ASKERS,
    Engine,
    Load,
    Place,
    Runner,
    Superseded,
    in_this_thread,
    load,
)
from core.engine.queue import Lane

__all__ = [
    "AHEAD_BYTES",
    "CACHE_BYTES",
    "MOST_ASKERS",
    "Engine",
    "Lane",
    "Load",
    "Place",
    "Runner",
    "Superseded",
    "in_this_thread",
    "load",
]
