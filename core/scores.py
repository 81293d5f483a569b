"""Labels against a ground truth: confusion matrix, IoU per class, mIoU."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import numpy as np
from PIL import Image as PillowImage

from core.colors import COLORED, palette_colors
from core.errors import ImageError, MaskError
from core.image.raster import Raster
from core.image.read import Reader, read_raster
from core.one_hot import ids_of_bands
from core.settings import Display

MAX_ID = 65535
REMEDY = "Upload a PNG of class ids (gray or mode P), or of the chosen palette's colors."


@dataclass(frozen=True, eq=False)
class Truth:
    """The true class of every pixel."""

    ids: np.ndarray  # Int32[h w]
    notes: tuple[str, ...]
    read_as: Mapping[int, int] = field(default_factory=dict)  # value of the file -> id, if changed


def decode_truth(
    content: bytes,
    colors: np.ndarray | None,
    size: tuple[int, int],
    *,
    read: Reader = read_raster,
) -> Truth:
    """Read a ground-truth mask: ids in gray or in palette indices, or colors of the palette.

    Args:
        content: the file.
        colors: UInt8[n 3], what colors mean; None where only ids are understood.
        size: h, w of the picture it belongs to.
        read: where the file is decoded; `read_guarded` for what has just been uploaded.

    Raises:
        MaskError: it cannot be read, has another size, or colors that mean nothing.
    """
    raster = _loaded(content, read)
    if (bands := ids_of_bands(raster)) is not None:
        picture = PillowImage.fromarray(bands)
    else:
        picture = raster.as_pillow()
    if picture.size != (size[1], size[0]):
        raise MaskError(
            f"The mask has {picture.width} x {picture.height} pixels, the picture "
            f"{size[1]} x {size[0]}.",
            remedy="Upload the mask of this very picture. Masks are not resized here: that would "
            "change what they say.",
        )
    ids = _ids(picture, colors)
    told = () if bands is None else ("one band a class: the band that is 1 is the id",)
    return Truth(ids, (*told, *_notes(ids)))


def _loaded(content: bytes, read: Reader) -> Raster:
    try:
        return read(content)
    except ImageError as error:
        raise MaskError(
            f"The mask cannot be read. {error.message}", remedy=REMEDY, code=error.code
        ) from error


def _ids(picture: PillowImage.Image, colors: np.ndarray | None) -> np.ndarray:
    """Palette indices and gray values are ids as they are; they are never turned into luminance."""
    if picture.mode in ("L", "P", "1", "I", "I;16", "I;16B"):
        ids = np.array(picture).astype(np.int64)
        if ids.min() < 0 or ids.max() > MAX_ID:
            raise MaskError("The mask has ids outside 0 to 65535.", remedy=REMEDY)
        return ids.astype(np.int32)
    if picture.mode == "F":  # label volumes are often stored as floats
        return _whole(np.array(picture))
    rgb = np.array(picture.convert("RGB")).astype(np.int32)
    if (rgb[..., :1] == rgb).all():
        return rgb[..., 0]  # ids that were saved as gray RGB
    if colors is None:
        raise MaskError("The mask is in color.", remedy=REMEDY)
    return _ids_of_colors(rgb, colors)


def _whole(values: np.ndarray) -> np.ndarray:
    """Ids that are stored as floats, Int32[h w].

    Raises:
        MaskError: some are no whole numbers of 0 to `MAX_ID`.
    """
    if _was_divided(values):
        raise MaskError(
            "The mask has numbers of 0 to 1 that are whole once multiplied by 255: ids that were "
            "divided, as ToTensor does with pictures.",
            remedy="Save the ids themselves: np.rint(mask * 255).astype(np.uint8).",
        )
    if not ((values == np.rint(values)) & (values >= 0) & (values <= MAX_ID)).all():
        raise MaskError("The mask has numbers that are no class ids.", remedy=REMEDY)
    return values.astype(np.int32)


def _was_divided(values: np.ndarray) -> bool:
    """Whether these are bytes over 255, and not ids 0 and 1."""
    if not (values.min() >= 0 and values.max() <= 1) or (values == np.rint(values)).all():
        return False
    return bool(np.allclose(values * 255, np.rint(values * 255), atol=1e-3))


def _ids_of_colors(rgb: np.ndarray, colors: np.ndarray) -> np.ndarray:
    """The ids of the chosen palette; where it lacks a color, those of a known one that has all."""
    packed = (rgb[..., 0] << 16) | (rgb[..., 1] << 8) | rgb[..., 2]
    values, where = np.unique(packed, return_inverse=True)
    known = (palette_colors(Display(palette=name), len(colors)) for name in COLORED)
    tables = [ids_of(values, table) for table in (colors, *known)]
    chosen = next((ids for ids in tables if (ids >= 0).all()), tables[0])
    labels: np.ndarray = chosen[where].reshape(packed.shape)
    if (unknown := int((labels < 0).sum())) > 0:
        raise MaskError(
            f"{unknown} pixels of the mask have a color that the chosen palette does not have.",
            remedy="Choose the palette that the mask was painted with, then upload it again; on "
            'the command line --settings "palette=custom&custom=..." gives its colors by id.',
        )
    return labels


def ids_of(packed: np.ndarray, colors: np.ndarray) -> np.ndarray:
    """The id of each color, Int32; -1 for one that the palette does not have, the first id wins.

    Args:
        packed: Int[n], red, green and blue as one number.
        colors: UInt8[k 3], by id.
    """
    table = colors.astype(int) @ np.array([65536, 256, 1])
    ids_by_color = {int(color): k for k, color in reversed(list(enumerate(table)))}
    return np.array([ids_by_color.get(int(value), -1) for value in packed], np.int32)


def as_two_classes(truth: Truth | None, num_classes: int) -> Truth | None:
    """Two values where the network has two classes are these classes, whatever the values are.

    0 and 255, 0 and 128, or 1 and 2; the smaller one is the background.

    >>> mask = Truth(np.array([[0, 255]], np.int32), ())
    >>> as_two_classes(mask, 2).ids.tolist(), as_two_classes(mask, 6).ids.tolist()
    ([[0, 1]], [[0, 255]])
    """
    if truth is None or num_classes > 2:
        return truth
    values = np.unique(truth.ids).tolist()
    if len(values) != 2 or not (values[0] == 0 < 1 < values[1] or values == [1, 2]):
        return truth  # ids as they are; or one class, and the rest is void
    note = f"the truth holds {values[0]} and {values[1]}: read as the classes 0 and 1"
    ids = (truth.ids == values[1]).astype(np.int32)
    return replace(truth, ids=ids, notes=(note,), read_as={values[0]: 0, values[1]: 1})


def _notes(ids: np.ndarray) -> tuple[str, ...]:
    values = set(np.unique(ids).tolist())
    if values == {0, 255}:
        return ("the truth holds only 0 and 255: where 255 is ignored, no foreground counts",)
    return ()


def outside_notes(truth: Truth, num_classes: int, ignore_index: int) -> tuple[str, ...]:
    """Say which true ids the network cannot give; their pixels count as wrong."""
    counted = truth.ids[truth.ids != ignore_index]
    outside = np.unique(counted[(counted < 0) | (counted >= num_classes)]).tolist()
    if not outside:
        return ()
    listed = ", ".join(map(str, outside[:8])) + (", ..." if len(outside) > 8 else "")
    return (f"the truth has ids that this network does not have: {listed}",)


def confusion_matrix(
    ids: np.ndarray, truth: np.ndarray, num_classes: int, ignore_index: int
) -> np.ndarray:
    """Count pixels by (true id, found id).

    Args:
        ids: Int32[h w], found; ids outside 0..num_classes-1 count as one more class.
        truth: Int32[h w]. Ids outside 0..num_classes-1 count as that class too.
        num_classes: how many ids there are.
        ignore_index: true id whose pixels do not count; -1: all count.

    Returns:
        Int64[num_classes + 1, num_classes + 1]; the last row and column are the ids outside.

    >>> found, truth = np.array([[0, 1, 1, 0]]), np.array([[0, 1, 0, 255]])
    >>> confusion_matrix(found, truth, num_classes=2, ignore_index=255).tolist()
    [[1, 1, 0], [0, 1, 0], [0, 0, 0]]
    """
    counts = truth != ignore_index
    size = num_classes + 1
    rows, columns = (
        np.where((part >= 0) & (part < num_classes), part, num_classes).astype(np.int64)
        for part in (truth[counts], ids[counts])
    )
    return np.bincount(rows * size + columns, minlength=size**2).reshape(size, size)


def iou_per_class(matrix: np.ndarray) -> np.ndarray:
    """Intersection over union, Float64[num_classes]; NaN for a class in neither map.

    >>> matrix = np.array([[1, 1, 0, 0], [0, 1, 0, 0], [0, 0, 0, 0], [0, 0, 0, 0]])
    >>> iou = iou_per_class(matrix)
    >>> iou.tolist(), mean_iou(iou)
    ([0.5, 0.5, nan], 0.5)
    """
    hits = np.diagonal(matrix)
    union = matrix.sum(axis=0) + matrix.sum(axis=1) - hits
    with np.errstate(invalid="ignore"):
        iou: np.ndarray = hits / union
    return iou[:-1]


def mean_iou(iou: np.ndarray) -> float | None:
    """Mean over the classes that are in one of the two maps; None where none is."""
    known = iou[~np.isnan(iou)]
    return float(known.mean()) if known.size else None


def frequent_ids(matrix: np.ndarray, most: int) -> np.ndarray:
    """The ids with the most pixels in truth and mask together, in their order: Int64[k].

    Args:
        matrix: Int64[n+1 n+1] of `confusion_matrix`; its last id, of others, is kept besides.
        most: how many classes at most; what is in neither map is left out.
    """
    pixels = matrix.sum(axis=0) + matrix.sum(axis=1)
    classes = np.sort(np.argsort(-pixels[:-1], kind="stable")[:most])
    kept: np.ndarray = np.append(classes, len(matrix) - 1)
    kept = kept[pixels[kept] > 0]
    return kept


def row_shares(matrix: np.ndarray) -> np.ndarray:
    """What was found where a class is true, as shares of that: Float64[n n]; NaN without pixels.

    >>> row_shares(np.array([[3, 1], [0, 0]])).tolist()
    [[0.75, 0.25], [nan, nan]]
    """
    with np.errstate(invalid="ignore"):
        shares: np.ndarray = matrix / matrix.sum(axis=1, keepdims=True)
    return shares
