"""What writers of several kinds need: parts of a sample."""

from __future__ import annotations

import io

import numpy as np
import torch
from torchvision.utils import save_image

from benchmarks.mask_files.samples import Sample
from benchmarks.mask_files.writing import pil


def foreground(sample: Sample) -> np.ndarray:
    """UInt8[h w]: 1 where there is an object."""
    return (sample.labels > 0).astype(np.uint8)


def wide(sample: Sample) -> np.ndarray:
    """Ids with gaps, as a picture of a data set with 21 classes has them: UInt8[h w]."""
    order = np.random.default_rng(sample.seed + 7).permutation(np.arange(1, 21))
    table = np.concatenate([[0], order]).astype(np.uint8)
    labels: np.ndarray = table[sample.labels]
    return labels


def tensor(array: np.ndarray) -> torch.Tensor:
    """The same numbers in torch."""
    return torch.from_numpy(np.ascontiguousarray(array))


def saved(values: torch.Tensor, **options: bool) -> bytes:
    """As torchvision's save_image writes it."""
    file = io.BytesIO()
    save_image(values, file, format="png", **options)
    return file.getvalue()


def jpeg(picture: np.ndarray, quality: int) -> bytes:
    """As Pillow writes it."""
    return pil(picture, "JPEG", quality=quality)
