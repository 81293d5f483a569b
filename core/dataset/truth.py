"""A mask's bytes to ids: the one place, for the sweep as for the look at the data set."""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from core.dataset.entry import Color, Entry, Truths
from core.errors import ImageError, MaskError
from core.image import read_guarded
from core.image.raster import Raster
from core.image.read import Reader
from core.mask_file.finding import counted
from core.mask_file.levels import packed
from core.mask_file.stored import Stored
from core.mask_file.tensors import is_tensor_file, read_tensor
from core.scores import MAX_ID, Truth, decode_truth

REMEDY = "Give the table from values to classes, or the palette, that the masks were written with."
UNKNOWN = -(2**31)  # no id, and no ignore index either
COLORS = 2**24  # of 8 bits a channel


def truth_of(
    entry: Entry, truths: Truths, size: tuple[int, int], *, read: Reader = read_guarded
) -> Truth:
    """Read the mask of an entry as the data set's table says.

    Args:
        entry: with a mask.
        truths: what values, or colors, mean.
        size: h, w of its picture.
        read: where the file is decoded.

    Returns:
        Int32[h w]: classes, and the ignore index where there is none.

    Raises:
        DataSetError: the file is gone, or damaged.
        MaskError: there is no mask, it cannot be decoded, has another size than the picture, or
            values or colors that the table does not have.
    """
    if entry.truth is None:
        raise MaskError(f"{entry.name} has no mask.", remedy="Give it one, or go on without.")
    return truth_in(mask_raster(entry.truth.read(), read), truths, size)


def mask_raster(content: bytes, read: Reader = read_guarded) -> Raster:
    """The numbers of a mask's file: of a picture, an array, or a tensor that torch saved.

    Raises:
        MaskError: it cannot be read.
    """
    try:
        return read_tensor(content, read) if is_tensor_file(content) else read(content)
    except ImageError as error:
        raise MaskError(
            f"The mask cannot be read. {error.message}", remedy=error.remedy, code=error.code
        ) from error


def truth_in(raster: Raster, truths: Truths, size: tuple[int, int]) -> Truth:
    """The same of a mask's numbers, which are not changed."""
    by_color = _by_color(Stored(raster), truths) if truths.colors else None
    if by_color is not None and by_color.shape == size:
        return Truth(by_color, ())
    found = decode_truth(b"", None, size, read=lambda _: raster)  # and says of another size
    return found if not truths.ids else Truth(by_table(found.ids, truths), (), truths.ids)


def by_table(values: np.ndarray, truths: Truths) -> np.ndarray:
    """Classes of values by `truths.ids`.

    Args:
        values: Int32[h w], 0 to 65535.
        truths: with a table.

    Returns:
        Int32[h w].

    Raises:
        MaskError: the table lacks a value, and does not take the nearest.

    >>> by_table(np.array([[0, 255]]), Truths(ids={0: 0, 255: 1})).tolist()
    [[0, 1]]
    """
    table = np.full(MAX_ID + 1, UNKNOWN, np.int32)
    known = np.array(sorted(truths.ids), np.int64)
    classes = np.array([truths.ids[int(value)] for value in known], np.int32)
    if truths.nearest:
        middles = (known[1:] + known[:-1]) / 2
        table[:] = classes[np.searchsorted(middles, np.arange(MAX_ID + 1))]
    else:
        table[known] = classes
    ids: np.ndarray = table[values]
    if (unknown := ids == UNKNOWN).any():
        missing = [int(value) for value in np.unique(values[unknown])]
        raise MaskError(
            f"The mask has values that the set's table lacks: {counted(missing)}.", remedy=REMEDY
        )
    return ids


def _by_color(stored: Stored, truths: Truths) -> np.ndarray | None:
    """Ids by the set's colors, Int32[h w]; None for a mask of ids in gray, or of indices."""
    pixels = _pixels(stored, truths)
    if pixels is None:
        return None
    table, classes = _table(truths.colors, truths.void_colors, truths.ignore_index)
    places = table[packed(pixels)]
    if not (unknown := places < 0).any():
        ids: np.ndarray = classes[places]
        return ids
    if stored.gray is not None and stored.raster.palette is None:
        return None  # ids that were saved as gray RGB
    missing = np.unique(packed(pixels)[unknown])
    names = ", ".join(f"#{int(color):06x}" for color in missing[:6])
    raise MaskError(
        f"The mask has colors that the set's palette lacks on {int(unknown.sum())} pixels: "
        f"{names}{', ...' if len(missing) > 6 else ''}.",
        remedy=REMEDY,
    )


def _pixels(stored: Stored, truths: Truths) -> np.ndarray | None:
    """The colors of a mask, UInt8[h w 3], its grays too; None where its numbers are ids."""
    palette, bands = stored.raster.palette, stored.bands
    if palette is not None:
        return palette[:, :3][stored.raster.values] if truths.in_color else None
    if not stored.is_bytes:
        return None
    if bands.shape[2] == 3:
        return bands
    drawn = truths.in_color and int(bands.max()) >= len(truths.colors)  # as 0 and 255 of a list
    return np.repeat(bands, 3, axis=2) if drawn and bands.shape[2] == 1 else None


@lru_cache(maxsize=2)  # 32 MB each
def _table(
    colors: tuple[Color, ...], void: tuple[Color, ...], ignore_index: int
) -> tuple[np.ndarray, np.ndarray]:
    """The place of every color of 8 bits, Int16[2^24], -1 for none; and the class of a place."""
    table = np.full(COLORS, -1, np.int16)
    every = (*colors, *void)
    for place in (*range(len(colors) - 1, -1, -1), *range(len(colors), len(every))):
        red, green, blue = every[place]  # the first of equal colors wins, and void before all
        table[red << 16 | green << 8 | blue] = place
    classes = [*range(len(colors)), *[ignore_index] * len(void)]
    return table, np.array(classes, np.int32)
