"""The names of the tensors: do they begin with something that the network does not know."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import replace

from core.architectures import build_network
from core.checkpoint import Checkpoint
from core.diagnosis.finding import Evidence, Finding
from core.diagnosis.measure.measurements import Measurements
from core.diagnosis.progress import Progress
from core.diagnosis.thresholds import DEEPEST_PREFIX
from core.errors import InspectionError


def prefixed(measured: Measurements, so_far: Progress) -> Iterator[Finding]:
    """W1: every name begins with something that the network does not know."""
    checkpoint = measured.case.checkpoint
    if checkpoint is None or measured.case.network is not None:
        return
    prefix = shared_start(list(checkpoint.tensors))
    if prefix and _builds(checkpoint, prefix):
        yield _prefixed(prefix, len(checkpoint.tensors))


def shared_start(keys: list[str]) -> str:
    """What all but a few names begin with, up to a dot; "" for nothing."""
    starts = Counter(key.partition(".")[0] for key in keys)
    start, count = starts.most_common(1)[0] if starts else ("", 0)
    return f"{start}." if start and count > 0.5 * len(keys) else ""


def _builds(checkpoint: Checkpoint, prefix: str) -> bool:
    """Whether the network can be built without the prefix, taken off as often as it takes."""
    tensors = checkpoint.tensors
    for _ in range(DEEPEST_PREFIX):
        tensors = {key.removeprefix(prefix): tensor for key, tensor in tensors.items()}
        try:
            build_network(replace(checkpoint, tensors=tensors))
            return True
        except InspectionError:
            prefix = shared_start(list(tensors))
    return False


def _prefixed(prefix: str, count: int) -> Finding:
    return Finding(
        "W1",
        "certain",
        (
            Evidence(
                f"The {count} names begin with {prefix}; load_state_dict(strict=False) would "
                "load none of them into a network whose names lack it.",
                count,
            ),
        ),
        "Take the prefix off and load with strict=True.",
        f"state = {{k.removeprefix({prefix!r}): v for k, v in state.items()}}",
    )
