"""A ground truth with one band for each class, as arrays are fed to a Dice loss."""

from __future__ import annotations

import numpy as np

from core.errors import MaskError
from core.image.raster import Raster

ARRAYS = ("NPY", "NPZ")
MOST_COLORS = 4  # bands of a picture: beyond these they are no colors


def ids_of_bands(raster: Raster) -> np.ndarray | None:
    """Which band is 1 at each pixel, Int32[h w]; None where the bands are colors, or there is one.

    Raises:
        MaskError: they are floats that are neither 0 nor 1, as the scores of a network are.
    """
    values = raster.values
    count = 1 if values.ndim == 2 else values.shape[2]
    if raster.palette is not None or raster.alpha or count < 2:
        return None
    if raster.format not in ARRAYS and count <= MOST_COLORS:
        return None
    if _is_one_hot(values):
        ids: np.ndarray = values.argmax(axis=2).astype(np.int32)
        return ids
    if values.dtype.kind == "f":
        raise MaskError(
            f"The mask holds floats in {count} bands: scores of classes, or colors of 0 to 1.",
            remedy="Save ids: np.save(path, scores.argmax(axis=0).astype(np.uint8)), with the axis "
            "of the classes.",
        )
    return None


def _is_one_hot(values: np.ndarray) -> bool:
    """Whether exactly one band of each pixel is 1 (or 255), and all others are 0."""
    top = values.max()
    known = top in (1, 255) and bool(((values == 0) | (values == top)).all())
    return known and bool(((values == top).sum(axis=2) == 1).all())
