"""Whether a batch gives the logits of one picture at a time, what it saves, and what norms cost."""

from __future__ import annotations

import hashlib
import statistics
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch

import examples
from benchmarks.workers import one_thread
from core.architectures import build_network
from core.checkpoint import read_checkpoint
from core.diagnosis.measure.batchnorm_divergence import divergence
from core.inference import call

NETWORKS = (
    examples.CHECKPOINT,
    *(examples.FOLDER / "zoo" / f"{name}.pth" for name in ("fcn_bgr", "lraspp_mean", "unet_unit")),
)
SIDES = (64, 256)  # pixels
SIZE = 4  # of a batch
TIMES = 7


def measured() -> list[dict[str, Any]]:
    """For each network and size: equal bit for bit, the largest difference, milliseconds each."""
    one_thread()
    return [_of(path, side) for path in NETWORKS for side in SIDES]


def _of(path: Path, side: int) -> dict[str, Any]:
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    network = build_network(read_checkpoint(path, name=path.name, digest=digest))
    chance = torch.Generator().manual_seed(0)
    x = torch.randn(SIZE, network.in_channels, side, side, generator=chance)
    batch = x.contiguous(memory_format=torch.channels_last)
    singles = [one.contiguous(memory_format=torch.channels_last) for one in torch.split(x, 1)]
    with torch.inference_mode():
        together = call(network.module, batch, "out")
        alone = torch.cat([call(network.module, one, "out") for one in singles])
        single = _median(lambda: [call(network.module, one, "out") for one in singles])
        batched = _median(lambda: call(network.module, batch, "out"))
    return {
        "network": path.stem,
        "side": side,
        "equal": torch.equal(together, alone),
        "largest_difference": float((together - alone).abs().max()),
        "ms_alone": 1000 * single / SIZE,
        "ms_batched": 1000 * batched / SIZE,
        "ms_first_norm": 1000 * _median(lambda: divergence(network.listened, singles[0], 1)),
        "ms_fifth_norm": 1000 * _median(lambda: divergence(network.listened, singles[0], 5)),
    }


def _median(call: Callable[[], object]) -> float:
    seconds = []
    for _ in range(TIMES):
        began = time.perf_counter()
        call()
        seconds.append(time.perf_counter() - began)
    return statistics.median(seconds)
