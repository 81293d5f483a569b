"""The five stages as one writes them in a script: torch and NumPy, nothing of the app.

The network is loaded once. What it said under the last normalizations is kept, so that threshold,
palette and opacity never run it, and a normalization that comes back does not either.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from functools import cache, lru_cache

import numpy as np
import torch
from torch import nn

from benchmarks.performance.networks import CLASSES as CLASSES
from benchmarks.performance.networks import NETWORKS
from benchmarks.performance.pictures import SEEN, mosaic

NAME = os.environ.get("PEER_NETWORK", "mobilenet_v3")
IMAGENET = ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))
PRESETS = {"ImageNet": IMAGENET, "[0, 1]": ((0.0, 0.0, 0.0), (1.0, 1.0, 1.0))}
KEPT = 32  # answers of the network
SHOWN_RANGE = 2.64  # what is black and white in the picture of the tensor
Triple = tuple[float, float, float]


@dataclass(frozen=True, eq=False)
class Answer:
    """What the network said under one mean and std."""

    normalized: np.ndarray  # UInt8[h w 3]
    logits: np.ndarray  # Float32[classes h w]
    winner: np.ndarray  # UInt8[h w]
    confidence: np.ndarray  # Float32[h w], softmax of the winner


@cache
def network() -> nn.Module:
    """Loaded once, in eval mode."""
    return NETWORKS[NAME].trained()


def pixels() -> np.ndarray:
    """The picture, UInt8[h w 3]."""
    return mosaic(SEEN)[0]


@cache
def _unit() -> torch.Tensor:
    """Float32[1 3 h w], 0..1."""
    return torch.from_numpy(pixels()).permute(2, 0, 1)[None].float() / 255


@lru_cache(maxsize=KEPT)
def answer(mean: Triple, std: Triple) -> Answer:
    """Run the network under this normalization."""
    with torch.inference_mode():
        fed = (_unit() - torch.tensor(mean).view(3, 1, 1)) / torch.tensor(std).view(3, 1, 1)
        logits = network()(fed)["out"][0]
        confidence, winner = logits.softmax(0).max(0)
        shown = ((fed[0] + SHOWN_RANGE) / (2 * SHOWN_RANGE) * 255).clamp(0, 255).byte()
        return Answer(
            shown.permute(1, 2, 0).numpy(), logits.numpy(),
            winner.byte().numpy(), confidence.numpy(),
        )  # fmt: skip


def heat(logits: np.ndarray) -> np.ndarray:
    """Float32[h w] to UInt8[h w], the lowest black and the highest white."""
    low, high = float(logits.min()), float(logits.max())
    gray: np.ndarray = ((logits - low) * (255 / max(high - low, 1e-12))).astype(np.uint8)
    return gray


def labels(found: Answer, threshold: float) -> np.ndarray:
    """UInt8[h w]: the winner where it is sure enough, else class 0."""
    return np.where(found.confidence > threshold, found.winner, np.uint8(0))


def overlaid(colored: np.ndarray, opacity: float) -> np.ndarray:
    """The colored labels over the picture, UInt8[h w 3]."""
    mixed: np.ndarray = pixels() + np.float32(opacity) * (colored.astype(np.float32) - pixels())
    return mixed.astype(np.uint8)


def _voc(count: int) -> np.ndarray:
    """The colors of Pascal VOC: the bits of the id, spread over red, green and blue."""
    ids = np.arange(count)
    bits = [[(ids >> (3 * k + c)) & 1 for k in range(3)] for c in range(3)]
    return np.stack([sum(b << (7 - k) for k, b in enumerate(row)) for row in bits], -1)


PALETTES = {
    "Pascal VOC": _voc(CLASSES).astype(np.uint8),
    "Hues": np.random.default_rng(0).integers(40, 256, (CLASSES, 3)).astype(np.uint8),
    "Grays": np.arange(CLASSES, dtype=np.uint8)[:, None].repeat(3, 1) * np.uint8(255 // CLASSES),
}
