"""The reference picture: noise with the spectrum, mean and spread of photographs.

What a network's BatchNorms say of it depends on their statistics only, not on how unusual the
user's picture is.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from core.image import Image, ImageFacts

SIZE = 256  # pixels
MEAN, STD = 0.45, 0.24  # of photographs, pixels from 0 to 1
COMMON = 0.95  # share of what all three channels have in common


@lru_cache(maxsize=1)
def reference_picture() -> Image:
    """The same one each time: UInt8[256 256 3]."""
    random = np.random.default_rng(0)
    common = _pink(random)
    channels = [MEAN + STD * (COMMON * common + 0.3 * _pink(random)) for _ in range(3)]
    pixels = (255 * np.stack(channels, axis=-1)).clip(0, 255).astype(np.uint8)
    pixels.setflags(write=False)
    facts = ImageFacts("PNG", "RGB", SIZE, SIZE, 8, 1, 1, False, None)
    return Image(pixels, pixels, facts, "reference")


def _pink(random: np.random.Generator) -> np.ndarray:
    """Amplitude 1/f as in photographs (Field 1987), mean 0, std 1: Float64[256 256]."""
    frequency = np.hypot(np.fft.fftfreq(SIZE)[:, None], np.fft.rfftfreq(SIZE)[None])
    frequency[0, 0] = np.inf
    waves = np.fft.rfft2(random.standard_normal((SIZE, SIZE))) / frequency
    field: np.ndarray = np.fft.irfft2(waves, s=(SIZE, SIZE))
    scaled: np.ndarray = field / field.std()
    return scaled
