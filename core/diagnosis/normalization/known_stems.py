"""First convolutions of published networks: a stem that equals one tells how the training was fed.

Fine-tuning moves a stem little and never exchanges its filters. So filter k of a fine-tuned network
is still like filter k of the one it began from, but for its scale (BatchNorm folded in) and a gain
for each channel (rescaled to another std). The table has a few numbers of every filter, as
`python -m scripts.stems` makes them from weights that are downloaded by the person who runs it.
"""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from core.diagnosis.thresholds import STEM_FLIPPED, STEM_LIKE, STEM_MOMENTS

if TYPE_CHECKING:
    import torch

TABLE = Path(__file__).with_name("known_stems.json")
SAME_ORDER, FLIPPED = slice(None), slice(None, None, -1)


@dataclass(frozen=True)
class KnownStem:
    """A row of the table."""

    name: str  # "MobileNetV2, ImageNet"
    source: str  # the package and the call that gives the weights
    feeds: str  # a key of PRESETS: how the published network is fed
    shape: tuple[int, ...]  # k c h w
    digest: str  # of the weight, so that an untouched stem is known exactly
    covariance: tuple[float, ...]  # between red, green and blue: rr gg bb rg gb rb, summing to 1
    moments: str  # base64 of Int8[k c STEM_MOMENTS], each filter's largest is 127

    @property
    def numbers(self) -> np.ndarray:
        """Float64[k c STEM_MOMENTS]."""
        stored = np.frombuffer(base64.b64decode(self.moments), np.int8)
        return stored.reshape(self.shape[0], self.shape[1], STEM_MOMENTS).astype(np.float64)


@dataclass(frozen=True)
class Likeness:
    """How like a known stem a stem is, with its channels as they stand and exchanged."""

    stem: KnownStem
    same: float  # correlation, -1..1
    flipped: float  # with the first channel in the place of the last
    untouched: bool  # equal in every bit

    @property
    def color(self) -> str:
        """The order in which this stem is fed: that of the known one, or the other way round."""
        return "rgb" if self.same > self.flipped else "bgr"


def like_a_known_stem(
    weight: torch.Tensor, stems: Iterable[KnownStem] | None = None
) -> Likeness | None:
    """The known stem that this one began from; None where none is like it in one order only.

    Args:
        weight: Float[k c h w], of the first convolution.
        stems: rows to compare with; those of the table where None.
    """
    rows = known_stems() if stems is None else tuple(stems)
    fitting = [_likeness(weight, row) for row in rows if row.shape == tuple(weight.shape)]
    best = max(fitting, key=lambda each: max(each.same, each.flipped), default=None)
    if best is None or max(best.same, best.flipped) < STEM_LIKE:
        return None
    return best if abs(best.same - best.flipped) > STEM_FLIPPED else None


@cache
def known_stems() -> tuple[KnownStem, ...]:
    """The table."""
    rows = json.loads(TABLE.read_text())
    return tuple(
        KnownStem(**{**row, **{name: tuple(row[name]) for name in ("shape", "covariance")}})
        for row in rows
    )


def stem_row(name: str, source: str, feeds: str, weight: torch.Tensor) -> KnownStem:
    """The row of a stem whose channels are red, green and blue."""
    numbers = _moments(weight)
    largest = np.abs(numbers).max(axis=(1, 2), keepdims=True)
    stored = (numbers / np.maximum(largest, 1e-12) * 127).round().astype(np.int8)
    covariance = tuple(round(float(value), 4) for value in _covariance(weight))
    text = base64.b64encode(stored.tobytes()).decode()
    return KnownStem(name, source, feeds, tuple(weight.shape), _digest(weight), covariance, text)


def as_json(rows: Iterable[KnownStem]) -> str:
    """The file of the table."""
    return json.dumps([asdict(row) for row in rows], indent=1) + "\n"


def _likeness(weight: torch.Tensor, row: KnownStem) -> Likeness:
    own, known = _moments(weight), row.numbers
    same, flipped = (_correlation(own[:, order], known) for order in (SAME_ORDER, FLIPPED))
    return Likeness(row, same, flipped, _digest(weight) == row.digest)


def _correlation(own: np.ndarray, known: np.ndarray) -> float:
    """Over all filters, each of length 1, with the gain of each channel that fits best."""
    own, known = _of_length_one(own), _of_length_one(known)
    gain = (own * known).sum(axis=(0, 2)) / np.maximum((known**2).sum(axis=(0, 2)), 1e-12)
    known = known * gain.clip(0)[:, None]
    length = np.sqrt((own**2).sum() * (known**2).sum())
    return float((own * known).sum() / max(length, 1e-12))


def _of_length_one(numbers: np.ndarray) -> np.ndarray:
    length: np.ndarray = np.sqrt((numbers**2).sum(axis=(1, 2), keepdims=True))
    unit: np.ndarray = numbers / np.maximum(length, 1e-12)
    return unit


def _moments(weight: torch.Tensor) -> np.ndarray:
    """Float64[k c STEM_MOMENTS]: little to store, and enough to tell one filter from another."""
    taps = weight.detach().double().numpy()
    rows, columns = (np.linspace(-1, 1, side) * (side > 1) for side in taps.shape[2:])
    numbers: np.ndarray = np.stack(
        [
            taps.sum(axis=(2, 3)),
            np.einsum("kchw,h->kc", taps, rows),
            np.einsum("kchw,w->kc", taps, columns),
        ],
        axis=-1,
    )
    return numbers


def _covariance(weight: torch.Tensor) -> np.ndarray:
    """Red, green, blue, and between them rg gb rb, over the taps of all filters of length 1."""
    taps = weight.detach().double().numpy()
    taps = taps / np.maximum(np.sqrt((taps**2).sum(axis=(1, 2, 3), keepdims=True)), 1e-12)
    between = np.einsum("kchw,kdhw->cd", taps, taps)
    each = [*np.diag(between), between[0, 1], between[1, 2], between[0, 2]]
    found: np.ndarray = np.array(each) / np.trace(between)
    return found


def _digest(weight: torch.Tensor) -> str:
    numbers = np.ascontiguousarray(weight.detach().float().numpy())
    return hashlib.sha256(numbers.tobytes()).hexdigest()[:32]
