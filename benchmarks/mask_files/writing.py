"""What several writers need: files in memory by PIL, cv2 and matplotlib, and palettes."""

from __future__ import annotations

import io
from typing import Any

import cv2
import matplotlib
import numpy as np
from PIL import Image

from core.colors import palette_colors
from core.settings import Display

matplotlib.use("Agg")


def pil(picture: np.ndarray | Image.Image, kind: str = "PNG", **options: Any) -> bytes:
    """As Image.fromarray(picture).save(...) writes it."""
    file = io.BytesIO()
    image = picture if isinstance(picture, Image.Image) else Image.fromarray(picture)
    image.save(file, kind, **options)
    return file.getvalue()


def cv(picture: np.ndarray, ending: str = ".png") -> bytes:
    """As cv2.imwrite writes it."""
    done, content = cv2.imencode(ending, picture)
    if not done:
        raise ValueError(ending)
    return content.tobytes()


def npy(array: np.ndarray) -> bytes:
    """As np.save writes it."""
    file = io.BytesIO()
    np.save(file, array)
    return file.getvalue()


def npz(**arrays: np.ndarray) -> bytes:
    """As np.savez_compressed writes it."""
    file = io.BytesIO()
    np.savez_compressed(file, **arrays)  # type: ignore[arg-type]
    return file.getvalue()


def palette(name: str, count: int = 256) -> np.ndarray:
    """UInt8[n 3] of a known palette."""
    return palette_colors(Display(palette=name), count)[:count]  # type: ignore[arg-type]


def of_palette(ids: np.ndarray, colors: np.ndarray) -> Image.Image:
    """A picture of mode P."""
    image = Image.fromarray(ids)
    image.putpalette(colors.astype(np.uint8).tobytes())
    return image
