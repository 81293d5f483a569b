"""What the outputs of a program are beside the logits that are right: the same, or what of them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from core.deployed.thresholds import SAME_LABELS
from core.onnx_graph.process import Output
from core.sketch import apart, sketch

Form = Literal["logits", "softmax", "sigmoid", "labels"]


@dataclass(frozen=True, eq=False)
class Likeness:
    """How near an output is to what the other program's logits give in one form."""

    place: int  # of the output, from 0
    name: str
    form: Form
    apart: float  # see `core.sketch.apart`
    labels: np.ndarray  # Int[h w], what the output decides in this form
    same: float  # share of the pixels with the same class, 0..1
    largest: float  # difference of a number; nan where sizes or forms differ
    scores: np.ndarray | None = None  # Float32[1 C h w]; None where the output holds labels

    def agrees(self, tolerance: float) -> bool:
        """Whether masks and numbers are the same, but for rounding."""
        return self.same >= SAME_LABELS and self.apart <= tolerance


def nearest(outputs: Sequence[Output], logits: np.ndarray) -> Likeness | None:
    """The output and the form that is nearest; None where none has as many classes.

    Args:
        outputs: of the program that is asked about.
        logits: Float32[1 C h w] of the one that is right.
    """
    found = [like for k, output in enumerate(outputs) for like in _forms(k, output, logits)]
    return min(found, key=_farness, default=None)


def _farness(like: Likeness) -> tuple[bool, float]:
    """Of forms with the same mask the nearest in its numbers; else the nearest mask."""
    is_same = like.same >= SAME_LABELS
    return not is_same, like.apart if is_same else 1 - like.same


def _forms(place: int, output: Output, logits: np.ndarray) -> Iterator[Likeness]:
    classes = logits.shape[1]
    if (ids := as_labels(output.values, max(classes, 2))) is not None:
        right = labels_of(enlarged(logits, ids.shape), "logits")
        same = float((right == ids).mean())
        yield Likeness(place, output.name, "labels", 1 - same, ids, same, float("nan"))
    if (scores := as_scores(output.values, classes)) is None:
        return
    for form, make in FORMS.items():
        if form == "softmax" and classes == 1:
            continue
        fits = logits.shape == scores.shape
        wanted = make(enlarged(logits, scores.shape[2:]))
        seen, right = labels_of(scores, form), labels_of(wanted, form)
        difference = float(np.abs(wanted - scores).max()) if fits else float("nan")
        yield Likeness(
            place,
            output.name,
            form,
            apart(sketch(wanted), sketch(scores)),
            seen,
            float((seen == right).mean()),
            difference,
            scores,
        )


def as_scores(values: np.ndarray, classes: int) -> np.ndarray | None:
    """Float32[1 C h w] of an output that has a number per class and pixel, else None."""
    if values.ndim == 3:
        values = values[None]
    if values.ndim != 4 or len(values) != 1 or not np.issubdtype(values.dtype, np.floating):
        return None
    if values.shape[1] != classes and values.shape[3] == classes:
        values = values.transpose(0, 3, 1, 2)
    return values.astype(np.float32) if values.shape[1] == classes else None


def as_labels(values: np.ndarray, classes: int) -> np.ndarray | None:
    """Int64[h w] of an output that holds class ids, else None."""
    found = np.squeeze(values)
    if found.ndim != 2 or not np.isfinite(found).all() or not (found == np.floor(found)).all():
        return None
    return found.astype(np.int64) if found.min() >= 0 and found.max() < classes else None


def labels_of(scores: np.ndarray, form: Form) -> np.ndarray:
    """Int64[h w]: argmax, or the threshold in the middle where there is one channel."""
    if scores.shape[1] > 1:
        return np.asarray(scores[0].argmax(0))
    middle = 0.0 if form == "logits" else 0.5
    return np.asarray(scores[0, 0] > middle, np.int64)


def enlarged(values: np.ndarray, size: tuple[int, ...]) -> np.ndarray:
    """[1 C h w] at another size, bilinear, corners not aligned: as networks enlarge."""
    if tuple(values.shape[2:]) == tuple(size):
        return values
    import torch
    from torch.nn import functional as F

    wide = F.interpolate(torch.from_numpy(values), size=size, mode="bilinear", align_corners=False)
    found: np.ndarray = wide.numpy()
    return found


def _softmax(logits: np.ndarray) -> np.ndarray:
    powers = np.exp(logits - logits.max(1, keepdims=True))
    found: np.ndarray = powers / powers.sum(1, keepdims=True)
    return found


def _sigmoid(logits: np.ndarray) -> np.ndarray:
    found: np.ndarray = 1 / (1 + np.exp(-np.clip(logits, -80, 80)))
    return found


FORMS: dict[Form, Callable[[np.ndarray], np.ndarray]] = {
    "logits": lambda logits: logits,
    "softmax": _softmax,
    "sigmoid": _sigmoid,
}
