"""The reference picture: noise with the spectrum, mean and spread of photographs.

What a network's BatchNorms say of it depends on their statistics only, not on how unusual the
user's picture is.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from core.diagnosis.thresholds import COMMON_SHARE, OWN_SHARE, PHOTO_MEAN, PHOTO_STD, REFERENCE_SIDE
from core.image import Image, ImageFacts


@lru_cache(maxsize=4)
def reference_picture(height: int = REFERENCE_SIDE, width: int = REFERENCE_SIDE) -> Image:
    """The same one each time, of a size that the network takes: UInt8[h w 3]."""
    random = np.random.default_rng(0)
    size = height, width
    common = _pink(random, size)
    channels = [
        PHOTO_MEAN + PHOTO_STD * (COMMON_SHARE * common + OWN_SHARE * _pink(random, size))
        for _ in range(3)
    ]
    pixels = (255 * np.stack(channels, axis=-1)).clip(0, 255).astype(np.uint8)
    pixels.setflags(write=False)
    facts = ImageFacts("PNG", "RGB", width, height, 8, False, 1, False, None)
    return Image(pixels, pixels, facts, f"reference-{height}-{width}")


def _pink(random: np.random.Generator, size: tuple[int, int]) -> np.ndarray:
    """Amplitude 1/f as in photographs (Field 1987), mean 0, std 1: Float64[h w]."""
    height, width = size
    frequency = np.hypot(np.fft.fftfreq(height)[:, None], np.fft.rfftfreq(width)[None])
    frequency[0, 0] = np.inf
    waves = np.fft.rfft2(random.standard_normal(size)) / frequency
    field: np.ndarray = np.fft.irfft2(waves, s=size)
    scaled: np.ndarray = field / field.std()
    return scaled
