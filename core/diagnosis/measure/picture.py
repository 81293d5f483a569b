"""The picture: whether it is out of the ordinary, its mirror image and its brightness variants."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from core.diagnosis.thresholds import (
    BRIGHTNESS_STEPS,
    FLAT_PICTURE_STD,
    LEAST_STD,
    PHOTO_MEAN,
    PHOTO_STD,
    USUAL_MEAN,
    USUAL_STD,
)
from core.image import Image


@dataclass(frozen=True, eq=False)
class PictureMeasures:
    """What is measured on the picture alone."""

    image: Image

    @cached_property
    def is_unusual(self) -> bool:
        """Whether it is so dark, bright or flat that a good network may fail on it."""
        pixels = self.image.pixels / 255
        low, high = USUAL_MEAN
        return bool(pixels.std() < USUAL_STD or not low < pixels.mean() < high)

    @cached_property
    def is_flat(self) -> bool:
        """Whether it has so little contrast that this decides how sure a network is."""
        return bool(self.image.pixels.std() / 255 < FLAT_PICTURE_STD)

    @cached_property
    def mirrored(self) -> Image:
        """As a mirror shows it."""
        return mirrored(self.image)

    @cached_property
    def brightness_variants(self) -> tuple[Image, ...]:
        """A little brighter, and a little darker."""
        return tuple(brightened(self.image, share) for share in BRIGHTNESS_STEPS)

    @cached_property
    def well_exposed(self) -> Image:
        """With the mean and spread of photographs, colors kept."""
        return well_exposed(self.image)


def mirrored(image: Image) -> Image:
    """The picture as a mirror shows it."""
    return replace(
        image,
        pixels=np.ascontiguousarray(image.pixels[:, ::-1]),
        samples=np.ascontiguousarray(image.samples[:, ::-1]),
        digest=f"mirror-{image.digest}",
    )


def well_exposed(image: Image) -> Image:
    """As a usual exposure would have taken it: PHOTO_MEAN and PHOTO_STD over all channels."""
    mean, std = image.pixels.mean() / 255, max(image.pixels.std() / 255, LEAST_STD)
    gain = PHOTO_STD / std
    return replace(
        image,
        pixels=_scaled(image.pixels, gain, PHOTO_MEAN - gain * mean),
        samples=_scaled(image.samples, gain, PHOTO_MEAN - gain * mean),
        digest=f"exposed-{image.digest}",
    )


def brightened(image: Image, share: float) -> Image:
    """Every sample raised by a share of the largest one; none leaves its range.

    Args:
        image: of any depth.
        share: -1..1; below 0 it is darker.
    """
    return replace(
        image,
        pixels=_raised(image.pixels, share),
        samples=_raised(image.samples, share),
        digest=f"brightened-{share}-{image.digest}",
    )


def lit(image: Image, gain: float) -> Image:
    """As more light would have taken it: every sample times a gain, none above its range."""
    return replace(
        image,
        pixels=_scaled(image.pixels, gain, 0.0),
        samples=_scaled(image.samples, gain, 0.0),
        digest=f"lit-{gain}-{image.digest}",
    )


def _raised(samples: np.ndarray, share: float) -> np.ndarray:
    return _scaled(samples, 1.0, share)


def _scaled(samples: np.ndarray, gain: float, share: float) -> np.ndarray:
    """Times a gain, plus a share of the largest sample; none leaves its range."""
    largest = {"uint8": 255, "uint16": 65535}.get(samples.dtype.name, float(samples.max()))
    scaled = gain * samples.astype(np.float64) + share * largest
    return scaled.clip(min(0, samples.min()), largest).astype(samples.dtype)
