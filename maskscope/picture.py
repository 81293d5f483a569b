"""A picture or a ground truth as notebooks have them, through the same doors as a file.

An array or a tensor becomes the bytes of a lossless file, so that whatever is checked, noted and
named by a digest for an upload is so for it too.
"""

from __future__ import annotations

import io
import os
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image as PillowImage

from core.image import Image, read_guarded
from core.image.chosen import picture_of
from core.image.nifti import MIDDLE
from core.scores import Truth, decode_truth
from core.settings import Preprocessing
from maskscope.errors import PictureError

PLAIN_MODES = ("1", "L", "LA", "P", "RGB", "RGBA", "I;16")  # that a PNG keeps as they are
MOST_IDS = 65535
GIVE = "Give a path, a PIL picture, an array UInt8[h w 3] in RGB, or a tensor [3 h w] from 0 to 1."


def picture_bytes(picture: Any) -> bytes:
    """The file of a picture; of what is no file, one that loses nothing.

    Args:
        picture: path, bytes of a file, PIL picture, array [h w], [h w c] or [c h w], or tensor of
            these shapes; whole numbers are 0..255, floats 0..1.

    Raises:
        PictureError: it is none of these, or was normalized already.
    """
    if isinstance(picture, bytes):
        return picture
    if isinstance(picture, str | os.PathLike):
        return _file(Path(picture))
    if isinstance(picture, PillowImage.Image):
        return _png(picture if picture.mode in PLAIN_MODES else picture.convert("RGB"))
    if isinstance(picture, torch.Tensor | np.ndarray):
        return _of_array(_as_array(picture))
    raise PictureError(f"The picture is of the type {type(picture).__name__}.", remedy=GIVE)


def open_picture(picture: Any, chosen: Preprocessing | None = None) -> tuple[Image, bytes]:
    """Decode it; the picture, and the bytes of its file.

    Args:
        picture: see `picture_bytes`.
        chosen: which slice of a volume, which bands, which window; None for the usual ones.

    Raises:
        PictureError: see `picture_bytes`.
        ImageError: the file cannot be decoded, or is over a limit.
    """
    content = picture_bytes(picture)
    return picture_of(content, chosen or Preprocessing()), content


def open_truth(
    truth: Any, colors: np.ndarray, size: tuple[int, int], cut: tuple[int, int] = MIDDLE
) -> tuple[Truth, bytes]:
    """Read a ground truth; the ids, and the bytes of their file.

    Args:
        truth: path, bytes of a file, PIL picture, or ids Int[h w] as array or tensor.
        colors: UInt8[n 3], what colors of a file mean.
        size: h, w of its picture.
        cut: of a volume, the slice of the picture.

    Raises:
        PictureError, MaskError: it holds no ids, or is of another size.
    """
    if isinstance(truth, torch.Tensor | np.ndarray):
        content = _ids_file(_plain(truth))
    else:
        content = picture_bytes(truth)
    read = partial(read_guarded, cut=cut)
    return decode_truth(content, colors, size, read=read), content


def _file(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise PictureError(
            f"{path} cannot be read: {error.strerror}.", remedy="Check its name."
        ) from error


def _png(picture: PillowImage.Image) -> bytes:
    file = io.BytesIO()
    picture.save(file, "PNG", compress_level=1)
    return file.getvalue()


def _plain(values: torch.Tensor | np.ndarray) -> np.ndarray:
    if isinstance(values, torch.Tensor):
        values = values.detach().cpu()
        values = (values.float() if values.is_floating_point() else values).numpy()
    return values


# --- arrays ---------------------------------------------------------------------------------------


def _as_array(picture: torch.Tensor | np.ndarray) -> np.ndarray:
    """[h w] or [h w c]."""
    values = _plain(picture)
    if values.ndim == 4 and len(values) == 1:
        values = values[0]
    if values.ndim == 4:
        raise PictureError(
            f"This is a batch of {len(values)} pictures.", remedy="Give one of them: batch[0]."
        )
    if values.ndim not in (2, 3) or not values.size:
        raise PictureError(f"The picture has the shape {values.shape}.", remedy=GIVE)
    if values.ndim == 3 and values.shape[2] > 4 >= values.shape[0]:
        values = np.moveaxis(values, 0, -1)
    if values.ndim == 3 and values.shape[2] not in (1, 3, 4):
        raise PictureError(f"The picture has the shape {values.shape}.", remedy=GIVE)
    return values[..., 0] if values.ndim == 3 and values.shape[2] == 1 else values


def _of_array(values: np.ndarray) -> bytes:
    if values.dtype == np.bool_:
        values = values * np.uint8(255)
    if values.dtype.kind == "f":
        values = _bytes_of_floats(values)
    if values.dtype == np.uint16:
        return _npy(values)
    if values.min() < 0 or values.max() > 255:
        raise _normalized(values)
    return _png(PillowImage.fromarray(np.ascontiguousarray(values.astype(np.uint8))))


def _bytes_of_floats(values: np.ndarray) -> np.ndarray:
    """0..1 as 0..255; floats that are whole numbers above 1 are 0..255 already."""
    if not np.isfinite(values).all():
        raise PictureError("The picture holds NaN or infinity.", remedy=GIVE)
    if values.min() < 0 or values.max() > 255 or (values.max() > 1 and (values % 1).any()):
        raise _normalized(values)
    scaled: np.ndarray = np.rint(values * 255 if values.max() <= 1 else values)
    return scaled.astype(np.uint8)


def _normalized(values: np.ndarray) -> PictureError:
    return PictureError(
        f"The picture holds values from {values.min():.3g} to {values.max():.3g}, so it was "
        "normalized already: what the picture was cannot be told from it.",
        remedy="Give the picture itself, and the function that normalizes it as preprocess=...",
    )


def _npy(values: np.ndarray) -> bytes:
    file = io.BytesIO()
    np.save(file, values, allow_pickle=False)
    return file.getvalue()


def _ids_file(ids: np.ndarray) -> bytes:
    """Ids as a gray PNG of 8 or 16 bits."""
    while ids.ndim > 2 and ids.shape[0] == 1:
        ids = ids[0]
    whole = ids.ndim == 2 and ids.size and (ids.dtype.kind in "bui" or not (ids % 1).any())
    if not whole or ids.min() < 0 or ids.max() > MOST_IDS:
        raise PictureError(
            f"The ground truth has the shape {ids.shape}; no map of ids 0..{MOST_IDS}.",
            remedy="Give the class of every pixel: Int[h w], of the picture's own size; what is to "
            "be ignored is 255.",
        )
    kind = np.uint8 if ids.max() <= 255 else np.uint16
    return _png(PillowImage.fromarray(ids.astype(kind)))
