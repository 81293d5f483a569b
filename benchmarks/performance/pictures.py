"""The picture of every measurement: four rendered scenes side by side, of 21 classes together."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import torch
from torch.nn import functional as F

from benchmarks.foreign.scenes import WORLDS, render
from examples.scenes import CLASS_NAMES, render_scene

SIDE = 520  # pixels, height and width: torchvision's size of DeepLabV3's pictures
HALF = SIDE // 2
NAMES = (*CLASS_NAMES, *(f"{kind}: {name}" for kind, w in WORLDS.items() for name in w.classes))
SEEN = 70_000  # seed of the picture that is measured; training takes those after it


@lru_cache(maxsize=64)
def mosaic(seed: int) -> tuple[np.ndarray, np.ndarray]:
    """One desk, one street, one view of cells and one of fields.

    Args:
        seed: names the picture.

    Returns:
        pixels UInt8[520 520 3], and ids UInt8[520 520], which are places in `NAMES`.
    """
    tiles, first = [_tile(*render_scene(seed), 0)], len(CLASS_NAMES)
    for kind, world in WORLDS.items():
        tiles.append(_tile(*render(kind, seed), first))
        first += len(world.classes)
    order = np.random.default_rng(seed).permutation(4)
    a, b, c, d = (tiles[k] for k in order)
    pixels, ids = (
        np.concatenate([np.concatenate([a[k], b[k]], 1), np.concatenate([c[k], d[k]], 1)])
        for k in range(2)
    )
    return pixels, ids


def _tile(pixels: np.ndarray, ids: np.ndarray, first: int) -> tuple[np.ndarray, np.ndarray]:
    """The middle square of a scene, 260 pixels a side."""
    side = min(ids.shape)
    top, left = ((length - side) // 2 for length in ids.shape)
    square = (slice(top, top + side), slice(left, left + side))
    wide = _resized(torch.from_numpy(pixels[square].copy()).permute(2, 0, 1)[None].float())
    rows = np.arange(HALF) * side // HALF
    return wide, ids[square][rows][:, rows] + np.uint8(first)


def _resized(pixels: torch.Tensor) -> np.ndarray:
    wide = F.interpolate(pixels, size=(HALF, HALF), mode="bilinear", align_corners=False)
    return wide[0].permute(1, 2, 0).round().byte().numpy()
