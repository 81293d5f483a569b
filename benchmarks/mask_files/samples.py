"""Label maps with their pictures and logits: other scenes, sizes and numbers of classes a part.

Logits are the ground truth, blurred, with 1/f noise, so that their argmax is ragged as a network's.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import Literal

import numpy as np
from PIL import Image, ImageFilter

from benchmarks.foreign.scenes import render
from examples.scenes import render_scene

Part = Literal["tune", "held-out"]
WORLDS: dict[Part, tuple[str, ...]] = {
    "tune": ("desk", "patches", "desk", "patches", "desk", "patches"),
    "held-out": ("street", "cells", "fields", "patches", "street", "fields"),
}
SEEDS: dict[Part, int] = {"tune": 4000, "held-out": 7000}
FEWEST = 4  # classes of a picture: two values do not tell how they were made
PATCHES: dict[Part, tuple[tuple[int, int, int], ...]] = {  # height, width, classes
    "tune": ((180, 240, 4), (321, 200, 12), (128, 128, 8)),
    "held-out": ((233, 310, 9), (150, 150, 5)),
}


@dataclass(frozen=True, eq=False)
class Sample:
    """One picture and what a network would say of it."""

    name: str
    pixels: np.ndarray  # UInt8[h w 3]
    truth: np.ndarray  # UInt8[h w]
    num_classes: int
    seed: int

    @cached_property
    def logits(self) -> np.ndarray:
        """Float32[C h w]."""
        rng = np.random.default_rng(self.seed)
        height, width = self.truth.shape
        scores = [_blurred(self.truth == k) for k in range(self.num_classes)]
        noise = [_noise(rng, height, width) for _ in scores]
        return np.asarray(9 * np.stack(scores) - 4 + 0.9 * np.stack(noise), np.float32)

    @cached_property
    def labels(self) -> np.ndarray:
        """UInt8[h w]: the argmax, or the ground truth for every other sample."""
        chosen = self.logits.argmax(axis=0) if self.seed % 2 else self.truth
        return chosen.astype(np.uint8)

    @cached_property
    def probabilities(self) -> np.ndarray:
        """Float32[C h w], softmax."""
        powers = np.exp(self.logits - self.logits.max(axis=0))
        return np.asarray(powers / powers.sum(axis=0), np.float32)

    @cached_property
    def rng(self) -> np.random.Generator:
        """For the choices of a writer."""
        return np.random.default_rng(self.seed + 1)


def samples(part: Part) -> Iterator[Sample]:
    """Six of them."""
    sizes = list(PATCHES[part])
    for number, world in enumerate(WORLDS[part]):
        seed = SEEDS[part] + number
        if world == "patches":
            height, width, count = sizes.pop()
            pixels, truth = patches(seed, height, width, count)
            yield Sample(f"patches {seed}", pixels, truth, count, seed)
            continue
        pixels, truth = _scene(world, seed)
        yield Sample(f"{world} {seed}", pixels, truth, int(truth.max()) + 1, seed)


def _scene(world: str, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """The first one from this seed on that shows at least four classes."""
    while True:
        pixels, truth = render_scene(seed) if world == "desk" else render(world, seed)
        if len(np.unique(truth)) >= FEWEST:
            return pixels, truth
        seed += 100


@lru_cache(maxsize=64)
def patches(seed: int, height: int, width: int, count: int) -> tuple[np.ndarray, np.ndarray]:
    """Regions where one of several fields of noise is largest, and a picture with their colors."""
    rng = np.random.default_rng(seed)
    fields = np.stack([_noise(rng, height, width, 1.6) for _ in range(count)])
    fields[0] += 0.5  # a background
    truth = fields.argmax(axis=0).astype(np.uint8)
    colors = rng.uniform(40, 220, (count, 3))
    texture = 18 * _noise(rng, height, width)[..., None] + rng.normal(0, 4, (height, width, 3))
    return (colors[truth] + texture).clip(0, 255).astype(np.uint8), truth


def _noise(rng: np.random.Generator, height: int, width: int, power: float = 1.0) -> np.ndarray:
    """Noise of amplitude 1/f to a power, mean 0, standard deviation 1: Float64[h w]."""
    frequency = np.hypot(np.fft.fftfreq(height)[:, None], np.fft.rfftfreq(width)[None])
    frequency[0, 0] = np.inf
    spectrum = np.fft.rfft2(rng.standard_normal((height, width))) / frequency**power
    field = np.fft.irfft2(spectrum, s=(height, width))
    return np.asarray(field / field.std())


def _blurred(marked: np.ndarray) -> np.ndarray:
    picture = Image.fromarray(marked.astype(np.uint8) * 255)
    return np.asarray(picture.filter(ImageFilter.GaussianBlur(2.5)), np.float32) / 255
