"""Labels against a ground truth: confusion matrix, IoU per class, mIoU."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from PIL import Image as PillowImage

from core.errors import ImageError, MaskError
from core.image.read import Reader, read_raster

MAX_ID = 65535
REMEDY = "Upload a PNG of class ids (gray or mode P), or of the chosen palette's colors."


@dataclass(frozen=True, eq=False)
class Truth:
    """The true class of every pixel."""

    ids: np.ndarray  # Int32[h w]
    notes: tuple[str, ...]


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
    picture = _loaded(content, read)
    if picture.size != (size[1], size[0]):
        raise MaskError(
            f"The mask has {picture.width} x {picture.height} pixels, the picture "
            f"{size[1]} x {size[0]}.",
            remedy="Upload the mask of this very picture. Masks are not resized here: that would "
            "change what they say.",
        )
    ids = _ids(picture, colors)
    return Truth(ids, _notes(ids))


def _loaded(content: bytes, read: Reader) -> PillowImage.Image:
    try:
        return read(content).as_pillow()
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
    rgb = np.array(picture.convert("RGB")).astype(np.int32)
    if (rgb[..., :1] == rgb).all():
        return rgb[..., 0]  # ids that were saved as gray RGB
    if colors is None:
        raise MaskError("The mask is in color.", remedy=REMEDY)
    return _ids_of_colors(rgb, colors)


def _ids_of_colors(rgb: np.ndarray, colors: np.ndarray) -> np.ndarray:
    packed = (rgb[..., 0] << 16) | (rgb[..., 1] << 8) | rgb[..., 2]
    known = (colors[:, 0].astype(int) << 16) | (colors[:, 1].astype(int) << 8) | colors[:, 2]
    ids_by_color = {int(color): k for k, color in reversed(list(enumerate(known)))}  # first id wins
    values, where = np.unique(packed, return_inverse=True)
    ids = np.array([ids_by_color.get(int(value), -1) for value in values], np.int32)
    labels = ids[where].reshape(packed.shape)
    if (unknown := int((labels < 0).sum())) > 0:
        raise MaskError(
            f"{unknown} pixels of the mask have a color that the chosen palette does not have.",
            remedy="Choose the palette that the mask was painted with, then upload it again.",
        )
    return labels


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
