"""Files whose channels, tiles or opacity are not those of a mask."""

from __future__ import annotations

import numpy as np

from benchmarks.mask_files.samples import Sample
from benchmarks.mask_files.writers.parts import saved, tensor
from benchmarks.mask_files.writers.writer import writes
from benchmarks.mask_files.writing import npy, palette, pil


def _three(sample: Sample) -> np.ndarray:
    present = np.searchsorted(np.unique(sample.labels), sample.labels)
    return np.minimum(present, 2).astype(np.uint8)


def _one_hot(ids: np.ndarray, count: int) -> np.ndarray:
    hot: np.ndarray = np.eye(count, dtype=np.uint8)[ids]
    return hot


def _clear(sample: Sample) -> bytes:
    rgba = np.zeros((*sample.labels.shape, 4), np.uint8)
    rgba[..., :3] = palette("voc")[sample.labels]
    return pil(rgba)


def _in_alpha(sample: Sample) -> bytes:
    rgba = np.zeros((*sample.labels.shape, 4), np.uint8)
    rgba[..., 3] = sample.labels
    return pil(rgba)


def _red(sample: Sample) -> bytes:
    rgb = np.zeros((*sample.labels.shape, 3), np.uint8)
    rgb[..., 0] = sample.labels
    return pil(rgb)


def _grid(sample: Sample) -> bytes:
    hot = _one_hot(sample.labels, sample.num_classes).transpose(2, 0, 1)
    return saved(tensor(hot)[:, None].float())


@writes("one-hot as RGB", "one_hot")
def _(s: Sample) -> bytes:
    return pil(_one_hot(_three(s), 3))


@writes("one-hot as RGB x 255", "one_hot")
def _(s: Sample) -> bytes:
    return pil(_one_hot(_three(s), 3) * np.uint8(255))


@writes("one-hot as RGBA", "one_hot")
def _(s: Sample) -> bytes:
    return pil(_one_hot(np.minimum(s.labels, 3), 4))


@writes("one-hot, np.save", "one_hot")
def _(s: Sample) -> bytes:
    return npy(_one_hot(s.labels, s.num_classes).transpose(2, 0, 1))


@writes("one-hot, reshape(-1, w)", "stack_of_channels")
def _(s: Sample) -> bytes:
    return pil(_one_hot(s.labels, s.num_classes).transpose(2, 0, 1).reshape(-1, s.labels.shape[1]))


@writes("one-hot batch, save_image", "stack_of_channels")
def _(s: Sample) -> bytes:
    return _grid(s)


@writes("RGBA with opacity 0", "transparent")
def _(s: Sample) -> bytes:
    return _clear(s)


@writes("ids in the opacity", "ids_in_alpha")
def _(s: Sample) -> bytes:
    return _in_alpha(s)


@writes("ids in red", "ids_in_one_channel")
def _(s: Sample) -> bytes:
    return _red(s)
