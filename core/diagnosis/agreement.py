"""Does the mask agree with itself: what a picture's label map tells about that of another view.

0 for a black mask, which says nothing; low for noise, which contradicts itself; high for a mask
that is rich and stable. It needs no ground truth, and it is the goal that counterfactuals climb.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from core.image import Image


def mutual_information(a: np.ndarray, b: np.ndarray) -> float:
    """In nats, from the joint histogram of two label maps of one size."""
    first, second = (np.unique(part, return_inverse=True)[1].ravel() for part in (a, b))
    size = int(second.max()) + 1
    counts = np.bincount(first * size + second, minlength=(int(first.max()) + 1) * size)
    joint = counts.reshape(-1, size) / a.size
    alone = joint.sum(axis=1, keepdims=True) * joint.sum(axis=0, keepdims=True)
    there = joint > 0
    return max(0.0, float((joint[there] * np.log(joint[there] / alone[there])).sum()))


def mirrored(image: Image) -> Image:
    """The picture as a mirror shows it."""
    return replace(
        image,
        pixels=np.ascontiguousarray(image.pixels[:, ::-1]),
        samples=np.ascontiguousarray(image.samples[:, ::-1]),
        digest=f"mirror-{image.digest}",
    )


def lit(image: Image, share: float) -> Image:
    """The picture in another light: every sample raised by a share of the largest; none leaves.

    Args:
        image: of any depth.
        share: -1..1; below 0 it is darker.
    """
    return replace(
        image,
        pixels=_raised(image.pixels, share),
        samples=_raised(image.samples, share),
        digest=f"lit-{share}-{image.digest}",
    )


def _raised(samples: np.ndarray, share: float) -> np.ndarray:
    largest = {"uint8": 255, "uint16": 65535}.get(samples.dtype.name, float(samples.max()))
    raised = (samples.astype(np.float64) + share * largest).clip(min(0, samples.min()), largest)
    return raised.astype(samples.dtype)
