"""Arrays of NumPy, as scripts save them: `.npy` files of numbers; nothing in them is ever run."""

from __future__ import annotations

import io
import math

import numpy as np

from core.errors import ImageError
from core.image.pillow import check_size, too_large
from core.image.png import DamagedError
from core.image.raster import ImageLimits, Raster

MAX_BANDS = 64  # more are no picture but features
FEW = 4  # channels of a picture that is stored as h w c or c h w
VERSIONS = {
    (1, 0): np.lib.format.read_array_header_1_0,
    (2, 0): np.lib.format.read_array_header_2_0,
}


def read_npy(content: bytes, limits: ImageLimits) -> Raster:
    """Read one array: [h w], [h w c] or [c h w].

    Raises:
        ImageError: it holds no picture, or is over a limit.
        ValueError: it is damaged.
    """
    file = io.BytesIO(content)
    shape, _, dtype = VERSIONS[np.lib.format.read_magic(file)](file)
    if dtype.kind not in "buif":
        raise _no_picture(f"of the type {dtype}")
    plain = tuple(side for side in shape if side != 1) if len(shape) > 3 else shape
    if len(plain) not in (2, 3):
        raise _no_picture(f"of the shape {_written(shape)}")
    order = _order(plain)
    height, width, *bands = plain if order == "h w c" else (*plain[1:], plain[0])
    check_size((width, height), limits)
    size = math.prod(shape) * dtype.itemsize
    if size > limits.unpacked or (bands and bands[0] > MAX_BANDS):
        raise too_large(f"an array of {_written(shape)}", f"{MAX_BANDS} bands")
    if len(content) - file.tell() < size:
        raise DamagedError("there are fewer numbers than the header says")
    values = np.load(io.BytesIO(content), allow_pickle=False).reshape(plain)
    if order == "c h w":
        values = np.moveaxis(values, 0, -1)
    mode = f"{dtype.name} {_written(shape)}"
    notes = (f"array of {_written(shape)}, read as {order if bands else 'h w'}",)
    native = np.ascontiguousarray(values, dtype=dtype.newbyteorder("="))
    return Raster(native[..., 0] if bands == [1] else native, "NPY", mode, notes=notes)


def _order(shape: tuple[int, ...]) -> str:
    """Channels last, unless only the first side can be theirs."""
    if len(shape) == 3 and shape[2] > FEW and (shape[0] <= FEW or shape[0] < min(shape[1:]) // 4):
        return "c h w"
    return "h w c"


def _written(shape: tuple[int, ...]) -> str:
    return " x ".join(map(str, shape)) or "one number"


def _no_picture(what: str) -> ImageError:
    return ImageError(
        f"The file is an array {what}, which is no picture.",
        remedy="Save numbers of the shape h x w, h x w x 3 or 3 x h x w: np.save(path, image)",
    )
