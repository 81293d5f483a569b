"""How long each stage took, the last times: for the page's quiet corner and for /metrics."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager

STAGES = {  # in the order in which they happen
    "decode": "picture from its file",
    "preprocess": "picture to tensor",
    "forward": "tensor to logits",
    "decide": "logits to labels",
    "encode": "planes for the browser",
    "send": "planes on their way",
    "paint": "planes on the screen",
}
TIMED = 256  # of each stage, the last times
SHARES = (0.5, 0.95)  # quantiles that are told
OF_BROWSERS = ("send", "paint")
LONGEST_MS = 600_000.0  # what a browser tells beyond is no time

_SECONDS: dict[str, deque[float]] = {stage: deque(maxlen=TIMED) for stage in STAGES}


@contextmanager
def timed(stage: str) -> Iterator[None]:
    """Note how long the block takes; one that raises has no time."""
    began = time.perf_counter()
    yield
    _SECONDS[stage].append(time.perf_counter() - began)


def tell(stage: str, ms: float) -> None:
    """Note milliseconds that a browser has measured; nonsense is passed over."""
    if stage in OF_BROWSERS and 0 <= ms <= LONGEST_MS:
        _SECONDS[stage].append(ms / 1000)


def stages() -> Mapping[str, tuple[float, ...]]:
    """The last times of each stage of this process, in seconds, the newest last."""
    return {stage: tuple(seconds) for stage, seconds in _SECONDS.items()}


def forget() -> None:
    """As at the start."""
    for seconds in _SECONDS.values():
        seconds.clear()


def quantiles(seconds: Sequence[float]) -> dict[float, float]:
    """Half of them took no longer than the first, 95 % no longer than the second.

    >>> quantiles([0.2, 0.1, 0.4, 0.3])
    {0.5: 0.2, 0.95: 0.3}
    """
    ordered = sorted(seconds)
    return {share: ordered[int(share * (len(ordered) - 1))] for share in SHARES}
