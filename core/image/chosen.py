"""A picture's file as the settings say: which bands, which slice of a volume, which window."""

from __future__ import annotations

from functools import partial

from core.image.decode import decode_image
from core.image.guarded import read_guarded
from core.image.picture import Image
from core.image.read import read_raster
from core.settings import Preprocessing


def picture_of(content: bytes, chosen: Preprocessing, *, guarded: bool = True) -> Image:
    """Decode the file.

    Args:
        content: the file.
        chosen: bands, slice and window; of a file that has none of them they change nothing.
        guarded: whether it is decoded in a process with little time and memory.

    Raises:
        ImageError: it cannot be decoded, or is over a limit.
    """
    if guarded:
        read = partial(read_guarded, cut=chosen.cut)
    else:
        read = partial(read_raster, cut=chosen.cut)
    return decode_image(content, bands=chosen.bands, window=chosen.shown, read=read)
