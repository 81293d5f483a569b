"""What comes of one picture under one of the settings: a row, and the same as columns."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any, TypeAlias, get_type_hints

import numpy as np
import pyarrow as pa

from core.labels import Labels
from core.scores import confusion_matrix, mean_iou
from core.sweep.metrics import figures_per_class, pixel_accuracy

DONE, FAILED = "done", "failed"
Ids: TypeAlias = tuple[int, ...]
Shares: TypeAlias = tuple[float, ...]


@dataclass(frozen=True)
class Row:
    """One picture under one of the settings; figures of the truth are None where there is none.

    What is sparse stands in tuples of the same length: `shares[i]` is that of `classes[i]`.
    """

    index: int  # of the picture in its set, from 0
    picture: str  # `Entry.name`
    setting: str  # `Named.name`
    status: str  # DONE or FAILED
    reason: str = ""  # why it failed, or why its truth could not be read
    seconds: float = 0.0  # preprocessing, forward and decision; a shared forward counts once
    height: int = 0  # pixels of the picture
    width: int = 0
    num_classes: int = 0  # ids that the decision can give; 2 for a threshold
    classes: Ids = ()  # ids that the mask has, -1 for no class
    shares: Shares = ()  # of the picture's pixels, 0..1
    foreground: float = 0.0  # share of all ids above 0
    largest: int = -1  # the id with the largest share
    confidence: float | None = None  # mean of the winner's activated value; None where not finite
    first_kl: float | None = None  # nats, at the first BatchNorm; 0: as in training
    accuracy: float | None = None  # of the pixels that count, 0..1
    mean_iou: float | None = None  # over the classes that mask or truth have
    dice: float | None = None  # the same
    iou_classes: Ids = ()
    iou: Shares = ()
    true_ids: Ids = ()  # of the confusion matrix's cells that are not 0; num_classes: an id outside
    found_ids: Ids = ()
    counts: Ids = ()  # pixels of each such cell
    labels: str = ""  # SHA-256 of the label map, see `labels_digest`
    picture_digest: str = ""  # `Image.digest`

    @property
    def has_truth(self) -> bool:
        """Whether it was compared with a ground truth."""
        return bool(self.counts)

    def confusion(self) -> np.ndarray:
        """Int64[num_classes + 1, num_classes + 1] by (true id, found id), as core.scores has it."""
        matrix = np.zeros((self.num_classes + 1,) * 2, np.int64)
        matrix[list(self.true_ids), list(self.found_ids)] = self.counts
        return matrix


def labels_digest(ids: np.ndarray) -> str:
    """SHA-256 of the shape and of all ids, Int32[h w]: equal for equal label maps."""
    plain = np.ascontiguousarray(ids, "<i4")
    return hashlib.sha256(f"{plain.shape}".encode() + plain.tobytes()).hexdigest()


def mask_figures(labels: Labels) -> dict[str, Any]:
    """What the mask alone says, as fields of a row."""
    ids, counts = np.unique(labels.ids, return_counts=True)
    shares = counts / labels.ids.size
    confidence = float(labels.confidence.mean(dtype=np.float64))
    return {
        "num_classes": labels.num_classes,
        "classes": tuple(ids.tolist()),
        "shares": tuple(shares.tolist()),
        "foreground": float(counts[ids > 0].sum() / labels.ids.size),
        "largest": int(ids[counts.argmax()]),
        "confidence": confidence if np.isfinite(confidence) else None,
        "labels": labels_digest(labels.ids),
    }


def truth_figures(labels: Labels, truth: np.ndarray, ignore_index: int) -> dict[str, Any]:
    """What it says beside the ground truth Int32[h w], as fields of a row; none where none counts.

    Args:
        labels: the mask.
        truth: the true ids, of the same size.
        ignore_index: see `Plan`.
    """
    matrix = confusion_matrix(labels.ids, truth, labels.num_classes, ignore_index)
    if not matrix.any():
        return {}
    iou, dice = figures_per_class(matrix, ignore_index)
    (known,) = np.nonzero(~np.isnan(iou))
    true_ids, found_ids = np.nonzero(matrix)
    return {
        "accuracy": pixel_accuracy(matrix),
        "mean_iou": mean_iou(iou),
        "dice": mean_iou(dice),
        "iou_classes": tuple(known.tolist()),
        "iou": tuple(iou[known].tolist()),
        "true_ids": tuple(true_ids.tolist()),
        "found_ids": tuple(found_ids.tolist()),
        "counts": tuple(matrix[true_ids, found_ids].tolist()),
    }


# --- columns --------------------------------------------------------------------------------------

_KINDS = {
    int: pa.int64(),
    str: pa.string(),
    float: pa.float64(),
    float | None: pa.float64(),
    Ids: pa.list_(pa.int64()),
    Shares: pa.list_(pa.float64()),
}
_HINTS = get_type_hints(Row)
NAMES = tuple(field.name for field in fields(Row))
LISTS = tuple(name for name in NAMES if _HINTS[name] in (Ids, Shares))
SCHEMA = pa.schema([(name, _KINDS[_HINTS[name]]) for name in NAMES])


def to_plain(row: Row) -> dict[str, Any]:
    """The row as JSON and Arrow take it."""
    return asdict(row)


def from_plain(value: Mapping[str, Any]) -> Row:
    """Read a row back; a field that an older version did not write has its default."""
    known: dict[str, Any] = {name: value[name] for name in NAMES if name in value}
    known |= {name: tuple(known[name]) for name in LISTS if name in known}
    return Row(**known)


def to_arrow(rows: Iterable[Row]) -> pa.Table:
    """The rows as columns of `SCHEMA`."""
    return pa.Table.from_pylist([to_plain(row) for row in rows], schema=SCHEMA)


def from_arrow(table: pa.Table) -> list[Row]:
    """The rows of columns."""
    return [from_plain(value) for value in table.to_pylist()]
