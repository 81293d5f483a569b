"""The reference picture: noise with the spectrum, mean and spread of photographs.

What a network's BatchNorms say of it depends on their statistics only, not on how unusual the
user's picture is.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from core.diagnosis.thresholds import COMMON_SHARE, OWN_SHARE, PHOTO_MEAN, PHOTO_STD, REFERENCE_SIDE
from core.image import Image, ImageFacts


@lru_cache(maxsize=1)
def reference_picture() -> Image:
    """The same one each time: UInt8[256 256 3]."""
    random = np.random.default_rng(0)
    common = _pink(random)
    channels = [
        PHOTO_MEAN + PHOTO_STD * (COMMON_SHARE * common + OWN_SHARE * _pink(random))
        for _ in range(3)
    ]
    pixels = (255 * np.stack(channels, axis=-1)).clip(0, 255).astype(np.uint8)
    pixels.setflags(write=False)
    facts = ImageFacts("PNG", "RGB", REFERENCE_SIDE, REFERENCE_SIDE, 8, False, 1, False, None)
    return Image(pixels, pixels, facts, "reference")


def _pink(random: np.random.Generator) -> np.ndarray:
    """Amplitude 1/f as in photographs (Field 1987), mean 0, std 1: Float64[256 256]."""
    frequency = np.hypot(
        np.fft.fftfreq(REFERENCE_SIDE)[:, None], np.fft.rfftfreq(REFERENCE_SIDE)[None]
    )
    frequency[0, 0] = np.inf
    waves = np.fft.rfft2(random.standard_normal((REFERENCE_SIDE, REFERENCE_SIDE))) / frequency
    field: np.ndarray = np.fft.irfft2(waves, s=(REFERENCE_SIDE, REFERENCE_SIDE))
    scaled: np.ndarray = field / field.std()
    return scaled
