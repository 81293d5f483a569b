"""Files that hold nothing, or no mask."""

from __future__ import annotations

import numpy as np
from PIL import Image

from benchmarks.mask_files.samples import Sample
from benchmarks.mask_files.writers.parts import jpeg
from benchmarks.mask_files.writers.writer import REFUSED, writes
from benchmarks.mask_files.writing import cv, npy, pil


@writes("zeros", "all_zero")
def _(s: Sample) -> bytes:
    return pil(np.zeros_like(s.labels))


@writes("zeros in RGB", "all_zero")
def _(s: Sample) -> bytes:
    return cv(np.zeros_like(s.pixels))


@writes("one class everywhere", "one_value")
def _(s: Sample) -> bytes:
    return pil(np.full_like(s.labels, 1 + s.seed % 9))


@writes("int64 ids, np.save", "label_array")
def _(s: Sample) -> bytes:
    return npy(s.labels.astype(np.int64))


@writes("the photo instead of the mask", "photo")
def _(s: Sample) -> bytes:
    return jpeg(s.pixels, 92)


@writes("the photo in gray", "photo")
def _(s: Sample) -> bytes:
    return pil(Image.fromarray(s.pixels).convert("L"))


@writes("0 bytes", REFUSED)
def _(s: Sample) -> bytes:
    return b""


@writes("a PNG that was cut off", REFUSED)
def _(s: Sample) -> bytes:
    return (c := pil(s.labels))[: len(c) // 2]


@writes("a text file", REFUSED)
def _(s: Sample) -> bytes:
    return b"mask saved to mask.png\n" * 3
