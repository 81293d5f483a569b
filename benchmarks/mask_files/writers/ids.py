"""Files of ids as numbers."""

from __future__ import annotations

import cv2
import numpy as np
from PIL import Image
from torchvision.transforms.functional import to_pil_image

from benchmarks.mask_files.samples import Sample
from benchmarks.mask_files.writers.parts import foreground, saved, tensor, wide
from benchmarks.mask_files.writers.writer import writes
from benchmarks.mask_files.writing import cv, pil

EVALUATED = [7, 8, 11, 12, 13, 17, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 31, 32, 33]


def _void(sample: Sample) -> bytes:
    labels = sample.labels.copy()
    edge = cv2.morphologyEx(labels, cv2.MORPH_GRADIENT, np.ones((3, 3), np.uint8)) > 0
    labels[edge] = 255
    return pil(labels)


def _label_ids(sample: Sample) -> bytes:
    """Of classes that streets have; some pixels are of classes that nobody evaluates."""
    order = np.random.default_rng(sample.seed).permutation(EVALUATED[1:])
    table = np.concatenate([[7], order]).astype(np.uint8)
    labels = table[sample.labels]
    labels[:3] = 4
    labels[-5:] = 1
    return pil(labels)


def _instances(sample: Sample) -> bytes:
    numbers = np.zeros(sample.labels.shape, np.int32)
    for k in range(1, sample.num_classes):
        _, parts = cv2.connectedComponents((sample.labels == k).astype(np.uint8))
        numbers = np.where(parts > 0, (23 + k % 10) * 1000 + np.minimum(parts - 1, 99), numbers)
    return cv(np.where(numbers == 0, 7, numbers).astype(np.uint16))


def _normalized(sample: Sample) -> bytes:
    return saved(tensor(sample.labels).float()[None], normalize=True)


def _steps(sample: Sample) -> bytes:
    return cv(sample.labels * np.uint8(255 // sample.num_classes))


def _wrapped_steps(sample: Sample) -> bytes:
    """A step that is right for two classes fewer."""
    present = np.unique(sample.labels)
    step = -(-256 // (len(present) - 2)) - 1
    return cv(np.searchsorted(present, sample.labels).astype(np.uint8) * np.uint8(step))


@writes("ids, PIL", "ids_as_gray")
def _(s: Sample) -> bytes:
    return pil(s.labels)


@writes("ids with gaps, PIL", "ids_as_gray")
def _(s: Sample) -> bytes:
    return pil(wide(s))


@writes("ids, cv2.imwrite", "ids_as_gray")
def _(s: Sample) -> bytes:
    return cv(s.labels)


@writes("ids, to_pil_image", "ids_as_gray")
def _(s: Sample) -> bytes:
    return pil(to_pil_image(tensor(s.labels)))


@writes("ids in RGB, np.stack", "ids_as_gray")
def _(s: Sample) -> bytes:
    return pil(np.stack([s.labels] * 3, -1))


@writes("foreground as 0 and 1, PIL", "ids_as_gray")
def _(s: Sample) -> bytes:
    return pil(foreground(s))


@writes('ids, convert("P")', "gray_palette")
def _(s: Sample) -> bytes:
    return pil(Image.fromarray(s.labels).convert("P"))


@writes("ids x 255 in uint8", "wrapped")
def _(s: Sample) -> bytes:
    return pil(s.labels * np.uint8(255))


@writes("ids x a step beyond 255", "wrapped")
def _(s: Sample) -> bytes:
    return _wrapped_steps(s)


@writes("foreground x 255", "two_values")
def _(s: Sample) -> bytes:
    return pil(foreground(s) * np.uint8(255))


@writes("foreground as mode 1", "two_values")
def _(s: Sample) -> bytes:
    return pil(s.labels > 0)


@writes("ids, save_image", "two_values")
def _(s: Sample) -> bytes:
    return saved(tensor(s.labels).float()[None])


@writes("ids + 1", "one_based")
def _(s: Sample) -> bytes:
    return pil(s.labels + np.uint8(1))


@writes("ids with a border of 255", "ignore_255")
def _(s: Sample) -> bytes:
    return _void(s)


@writes("Cityscapes label ids", "cityscapes_label_ids")
def _(s: Sample) -> bytes:
    return _label_ids(s)


@writes("Cityscapes instance ids", "instance_ids")
def _(s: Sample) -> bytes:
    return _instances(s)


@writes("ids, save_image(normalize=True)", "stretched")
def _(s: Sample) -> bytes:
    return _normalized(s)


@writes("ids x 255 // classes, cv2", "stretched")
def _(s: Sample) -> bytes:
    return _steps(s)


@writes("255 - ids", "inverted")
def _(s: Sample) -> bytes:
    return cv(cv2.bitwise_not(s.labels))
