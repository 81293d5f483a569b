"""Logits to labels: which class wins at each pixel, and how surely."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from core.settings import Decoding

BYTE_VALUES = 256  # classes whose ids fit into a byte
NO_CLASS = -1  # the id of a pixel where no class reached the threshold


@dataclass(frozen=True, eq=False)
class Labels:
    """The class of every pixel.

    By definition `ids = winner where score > float32(cut), else below`: the browser makes the same
    comparison of the same numbers while the threshold is dragged.
    """

    ids: np.ndarray  # Int32[h w], 0..num_classes-1 or NO_CLASS
    confidence: np.ndarray  # Float32[h w], the winner's activated value; 0..1 but for "none"
    num_classes: int  # how many ids there are: channels, or 2 for a threshold on one of them
    rule: str  # argmax | threshold | per_class
    activation: str  # none | softmax | sigmoid
    winner: np.ndarray  # Int32[h w]
    score: np.ndarray  # Float32[h w], what is compared with the cut
    cut: float  # the threshold, moved to the logits where the activation is a sigmoid
    below: int  # the id at or under the cut
    notes: tuple[str, ...]

    def shares(self) -> np.ndarray:
        """Share of each id, Float64[num_classes]; with the share of NO_CLASS they sum to 1."""
        counted = np.bincount(self.ids[self.ids >= 0], minlength=self.num_classes)
        return counted / self.ids.size


def decode_labels(values: np.ndarray, decoding: Decoding, ends_in: str = "") -> Labels:
    """Decide the class of every pixel.

    Args:
        values: logits, Float32[C h w]. A NaN wins its pixel, as in NumPy's argmax.
        decoding: argmax (the largest logit wins), threshold (channel 1, or the only one, over the
            threshold is 1, else 0), per_class (the largest wins if it is over the threshold, else
            NO_CLASS), or auto (threshold for one channel, argmax for more).
        ends_in: the activation that the network applies itself, which auto does not repeat.

    Two classes at three pixels; the last one is a tie, which the lower id wins:

    >>> logits = np.array([[[2.0, 0.0, 1.0]], [[0.0, 2.0, 1.0]]], np.float32)  # C h w = 2 1 3
    >>> labels = decode_labels(logits, Decoding())
    >>> labels.ids.tolist(), (100 * labels.confidence).round().tolist()  # percent
    ([[0, 1, 0]], [[88.0, 88.0, 50.0]])

    One channel is compared with the threshold, after the sigmoid:

    >>> decode_labels(logits[:1], Decoding(threshold=0.7)).ids.tolist()
    [[1, 0, 1]]
    >>> decode_labels(logits[:1], Decoding(rule="argmax")).ids.tolist()  # a black mask
    [[0, 0, 0]]
    """
    rule, activation = resolve(len(values), decoding, ends_in)
    notes = _notes(values, rule, activation)
    if rule == "threshold":
        channel = min(1, len(values) - 1)
        activated = probabilities(values, activation)
        winner = np.ones(values.shape[1:], np.int32)
        score, chosen = _scores(values, activated, activation, np.full_like(winner, channel))
        likely = activation != "none" or ends_in  # a probability of two classes
        confidence = np.maximum(chosen, 1 - chosen) if likely else chosen
        count, below, cut = 2, 0, _cut(decoding.threshold, activation)
    else:
        winner = argmax(values)
        score, confidence = _of_winner(values, activation, winner)
        count, below = len(values), NO_CLASS
        cut = _cut(decoding.threshold, activation) if rule == "per_class" else -np.inf
    ids = winner
    if rule != "argmax":
        ids = np.where(score > np.float32(cut), winner, np.int32(below))
    return Labels(ids, confidence, count, rule, activation, winner, score, cut, below, tuple(notes))


def argmax(values: np.ndarray) -> np.ndarray:
    """The first of the largest at each pixel, Int32[h w]; what NumPy's argmax gives.

    That one takes 5 times as long over this axis for 21 classes, 16 for 2. A NaN wins its pixel.

    Args:
        values: of any kind of number, [C h w].
    """
    best, ids = values[0].copy(), np.zeros(values.shape[1:], np.uint8)
    if len(values) <= BYTE_VALUES:
        for class_id, score in enumerate(values[1:], start=1):
            larger = (score > best).view(np.uint8)
            np.maximum(ids, larger * np.uint8(class_id), out=ids)
            np.maximum(best, score, out=best)
        if not np.isnan(best).any():
            return ids.astype(np.int32)
    made: np.ndarray = values.argmax(axis=0).astype(np.int32)
    return made


def resolve(channels: int, decoding: Decoding, ends_in: str = "") -> tuple[str, str]:
    """Rule and activation, with "auto" decided.

    >>> resolve(1, Decoding()), resolve(1, Decoding(), ends_in="sigmoid")
    (('threshold', 'sigmoid'), ('threshold', 'none'))
    """
    rule: str = decoding.rule
    if rule == "auto":
        rule = "threshold" if channels == 1 else "argmax"
    activation: str = decoding.activation
    if activation == "auto":
        usual = "softmax" if rule == "argmax" else "sigmoid"
        activation = "none" if ends_in else usual
    return rule, activation


def probabilities(values: np.ndarray, activation: str) -> np.ndarray:
    """Apply softmax (over the channels) or sigmoid; "none" returns the logits. Float32[C h w]."""
    if activation == "softmax":
        exp: np.ndarray = np.exp(values - values.max(axis=0))  # no overflow
        values = exp / exp.sum(axis=0)
    if activation == "sigmoid":
        with np.errstate(over="ignore"):  # exp(88) and more is infinity, and its sigmoid 0
            values = 1 / (1 + np.exp(-values))
    return values.astype(np.float32, copy=False)


def _of_winner(
    values: np.ndarray, activation: str, winner: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """The compared value and the activated value of the class with the largest logit."""
    if activation != "softmax":
        return _scores(values, probabilities(values, activation), activation, winner)
    shifted = values - values.max(axis=0)
    np.exp(shifted, out=shifted)  # 1 at the winner: its probability is the inverse of the sum
    chosen = (1 / shifted.sum(axis=0)).astype(np.float32, copy=False)
    return chosen, chosen


def _scores(
    values: np.ndarray, activated: np.ndarray, activation: str, channel: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """The compared value and the activated value of one channel per pixel."""
    index = channel[None].astype(np.int64)
    chosen = np.take_along_axis(activated, index, axis=0)[0]
    if activation == "softmax":  # has no inverse per channel, so the cut stays on the activation
        return chosen, chosen
    return np.take_along_axis(values, index, axis=0)[0], chosen


def _cut(threshold: float, activation: str) -> float:
    if activation != "sigmoid":
        return threshold
    if threshold <= 0:
        return -np.inf
    return float(np.log(threshold / (1 - threshold))) if threshold < 1 else np.inf


def _notes(values: np.ndarray, rule: str, activation: str) -> list[str]:
    notes = []
    if len(values) == 1 and rule == "argmax":
        notes.append("argmax over one channel is 0 everywhere, whatever the network says")
    if len(values) == 1 and activation == "softmax":
        notes.append("softmax over one channel is 1 everywhere, whatever the network says")
    if rule == "threshold" and len(values) > 1:
        notes.append(f"the threshold looks at channel 1 of {len(values)} only")
    broken = 1 - np.isfinite(values).all(axis=0).mean()
    if broken:
        notes.append(f"the logits are not finite at {broken:.1%} of the pixels")
    return notes
