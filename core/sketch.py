"""What is kept of a layer's output, so that two programs can be compared layer by layer.

A layer's output has millions of numbers; a sketch has its moments and some of its numbers, always
from the same places. NumPy alone, as the process of an ONNX graph makes them too.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

SAMPLES = 4096  # numbers that are kept of a larger output
LEAST_SPREAD = 1e-6  # of a constant output, so that nothing is divided by 0


@dataclass(frozen=True, eq=False)
class Sketch:
    """Moments of a tensor, and numbers from fixed places of it."""

    shape: tuple[int, ...]
    mean: float  # of the finite numbers, as the rest
    std: float
    least: float
    most: float
    non_finite: float  # share, 0..1
    samples: np.ndarray  # Float32[n], in the order of the tensor

    @property
    def size(self) -> int:
        """How many numbers the tensor has."""
        return int(np.prod(self.shape))


def sketch(values: np.ndarray) -> Sketch:
    """Sketch a tensor of any shape and any kind of numbers.

    >>> sketch(np.array([[0.0, 2.0], [np.inf, 4.0]])).mean
    2.0
    """
    flat = np.asarray(values).reshape(-1)
    places = np.linspace(0, max(flat.size - 1, 0), min(flat.size, SAMPLES)).astype(np.int64)
    samples = flat[places].astype(np.float32)
    has_gaps = np.issubdtype(flat.dtype, np.floating) and not np.isfinite(flat).all()
    kept = flat[np.isfinite(flat)] if has_gaps else flat
    lost = 1 - kept.size / max(flat.size, 1)
    if not kept.size:
        kept = np.zeros(1, np.float32)
    moments = kept.astype(np.float64, copy=False)
    return Sketch(
        tuple(np.shape(values)),
        float(moments.mean()),
        float(moments.std()),
        float(moments.min()),
        float(moments.max()),
        lost if flat.size else 0.0,
        samples,
    )


def apart(one: Sketch, other: Sketch) -> float:
    """How far two outputs of as many numbers are apart, as a share of the first one's spread.

    Root of the mean squared difference of their samples, over the samples' standard deviation;
    infinity where only one of them is finite.

    >>> one = sketch(np.array([1.0, 3.0]))
    >>> apart(one, one), apart(one, sketch(np.array([2.0, 4.0])))
    (0.0, 1.0)
    """
    finite = np.isfinite(one.samples)
    if one.samples.shape != other.samples.shape:
        return float("inf")
    if not np.array_equal(finite, np.isfinite(other.samples)):
        return float("inf")
    if not finite.any():
        return 0.0
    a, b = one.samples[finite].astype(np.float64), other.samples[finite].astype(np.float64)
    return float(np.sqrt(((a - b) ** 2).mean()) / max(float(a.std()), LEAST_SPREAD))
