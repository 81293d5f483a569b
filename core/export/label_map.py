"""The label map as a file: a PNG of mode P, whose samples are the ids and whose palette colors."""

from __future__ import annotations

import io

import numpy as np
from PIL import Image as PillowImage

from core.colors import palette_colors
from core.errors import MaskError
from core.labels import NO_CLASS, Labels
from core.settings import Display

MOST = 256  # ids of a PNG of mode P


def palette_of(labels: Labels, display: Display) -> np.ndarray:
    """UInt8[num_classes 3]: the color of each id.

    Raises:
        MaskError: there are more classes than a palette holds.
    """
    needed = labels.num_classes + (labels.below == NO_CLASS and labels.rule == "per_class")
    if needed > MOST:
        raise MaskError(
            f"A PNG with a palette holds {MOST} ids; here are {needed}.",
            remedy="Download the logits (.npz) instead, and take their argmax.",
        )
    return palette_colors(display, labels.num_classes)[: labels.num_classes]


def label_png(labels: Labels, display: Display) -> bytes:
    """The ids as a PNG of mode P; pixels without a class are 255, black.

    Raises:
        MaskError: there are more classes than a palette holds.
    """
    colors = palette_of(labels, display)
    picture = PillowImage.fromarray(labels.ids.astype(np.uint8))  # -1 becomes 255
    picture.putpalette(colors.tobytes().ljust(3 * MOST, b"\0"))
    file = io.BytesIO()
    picture.save(file, "PNG")
    return file.getvalue()


def logits_npz(values: np.ndarray) -> bytes:
    """The logits, Float32[C h w], as `numpy.load(file)["logits"]` gives them back."""
    file = io.BytesIO()
    np.savez_compressed(file, logits=values)
    return file.getvalue()
