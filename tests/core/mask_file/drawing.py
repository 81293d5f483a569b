"""Small label maps and their files, for the tests of the mask door."""

import io

import numpy as np
from PIL import Image

from core.colors import palette_colors
from core.settings import Display

SIDE = 48


def regions(*values, side=SIDE):
    """Rectangles of these values in two rows, so that every pair of neighbors meets directly."""
    wide = side // len(values)
    row = np.repeat(np.array(values), wide)
    row = np.pad(row, (0, side - len(row)), mode="edge")
    shifted = np.roll(row, wide * (len(values) // 2))
    return np.concatenate([row[None].repeat(side // 2, 0), shifted[None].repeat(side // 2, 0)])


def gray(*values, side=SIDE):
    return regions(*values, side=side).astype(np.uint8)


def file_of(picture, kind="PNG", **options):
    file = io.BytesIO()
    image = picture if isinstance(picture, Image.Image) else Image.fromarray(picture)
    image.save(file, kind, **options)
    return file.getvalue()


def array_file(array):
    file = io.BytesIO()
    np.save(file, array)
    return file.getvalue()


def colors(name, ids):
    return palette_colors(Display(palette=name), 32)[ids]


def photo(side=96, seed=3):
    """Noise on a gradient: many values, no regions."""
    rng = np.random.default_rng(seed)
    ramp = np.linspace(40, 200, side)[:, None, None]
    return (ramp + rng.normal(0, 12, (side, side, 3))).clip(0, 255).astype(np.uint8)
