"""Logits to what is saved of them: at which size, and by which decision."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
import torch

from core.diagnosis.reproduction.feed import enlarged
from core.diagnosis.reproduction.program import Choice
from core.diagnosis.thresholds import REPEATED_CUTS
from core.labels import argmax, decode_labels
from core.settings import Decoding, Upsampling

Size = tuple[int, int]


@dataclass(frozen=True, eq=False)
class Scores:
    """What is decided, and what several decisions ask of it: computed once."""

    values: np.ndarray  # Float32[C h w], logits

    @property
    def size(self) -> Size:
        """h, w."""
        return self.values.shape[1], self.values.shape[2]

    @cached_property
    def winner(self) -> np.ndarray:
        """The class with the largest logit, Int32[h w]."""
        return argmax(self.values)

    @cached_property
    def probability(self) -> np.ndarray:
        """Of the only class, of the second of two, or the largest one, Float32[h w]."""
        values = torch.from_numpy(self.values)[None]
        if len(self.values) == 1:
            made = values.sigmoid()[0, 0]
        else:
            each = values.softmax(1)[0]
            made = each[1] if len(self.values) == 2 else each.amax(0)
        probability: np.ndarray = made.numpy()
        return probability

    @cached_property
    def finite(self) -> np.ndarray:
        """Where no logit is NaN or infinite, Bool[h w]."""
        finite: np.ndarray = np.isfinite(self.values).all(axis=0)
        return finite


# --- at which size --------------------------------------------------------------------------------

ENLARGE = "Enlarge the logits to the picture before the decision."
RESIZE = 'logits = F.interpolate(logits.float(), size={}, mode="{}")'


def enlarge_choices(mode: Upsampling) -> Iterator[Choice]:
    """To the picture's size first, as is right; else the input's size, or the network's own."""
    fed = RESIZE.format("x.shape[2:]", mode)
    whole = RESIZE.format("(height, width)", mode)
    words = "enlarging the logits to the picture"
    yield Choice("enlarge", "picture", words, (fed, whole), value=mode)
    words = "a decision at the size of the input"
    yield Choice("enlarge", "fed", words, (fed,), "R8", ENLARGE, mode)
    words = "a decision at the size of the logits, never enlarged,"
    yield Choice("enlarge", "own", words, (), "R8", ENLARGE, mode)


def at_size(
    output: torch.Tensor, enlarge: Choice, fed: Size, content: Size, picture: Size
) -> Scores:
    """The logits that are decided.

    Args:
        output: [1 C h w] as the network returns it.
        enlarge: the choice.
        fed: h, w of the input.
        content: h, w of the part of it that is no padding.
        picture: h, w of the picture.
    """
    values = output.float()
    if enlarge.key != "own":
        values = enlarged(values, fed, enlarge.value)
    if enlarge.key == "picture":
        values = enlarged(values[:, :, : content[0], : content[1]], picture, enlarge.value)
    return Scores(np.ascontiguousarray(values[0].numpy(), dtype=np.float32))


# --- which decision -------------------------------------------------------------------------------

OVER_AXES = ("rows", "columns")  # decisions over an axis of the picture
OF_NAN = "argmax of softmax"  # the same as argmax, but where a logit is NaN or infinite
OVER_CLASSES = "Take the argmax over the classes: dimension 1 of [1 C h w]."
FIRST = "Decide first, then scale; a cast cuts every probability below 1 to 0."
CUT = "Use the threshold of the training; 0.5 where it is not known."
RAW = "Apply the sigmoid, or compare the logits with 0."
FOREGROUND = "Show the channel of the foreground."


def decision_choices(
    channels: int, decoding: Decoding, rule: str, activation: str = "auto"
) -> Iterator[Choice]:
    """The decision of the settings first; then those that scripts make in its place.

    Args:
        channels: of the logits.
        decoding: the settings, which the right decision obeys.
        rule: what "auto" is for so many channels: argmax, threshold or per_class.
        activation: what "auto" is for this network; "none" where it ends in one itself.
    """
    if decoding.activation == "auto" and activation == "none":
        decoding = replace(decoding, activation="none")
    right = _of_settings(channels, decoding, rule)
    yield right
    one = channels == 1
    others = (_of_one if one else _of_many)(channels)
    yield from (choice for choice in others if choice.key != right.key)


def _of_settings(channels: int, decoding: Decoding, rule: str) -> Choice:
    if rule == "argmax" and channels > 1:
        lines = ("mask = logits.argmax(1)[0].numpy()",)
        return Choice("decision", "argmax", "argmax over the classes", lines)
    plain = decoding.activation in ("auto", "sigmoid")
    if rule == "threshold" and plain and (channels == 1 or decoding.activation == "sigmoid"):
        return _threshold(decoding.threshold, channels)
    lines = (f"mask = decided(logits)  # by {rule} and {decoding.activation}",)
    return Choice("decision", "settings", "the decision of the settings", lines, value=decoding)


def _of_many(channels: int) -> Iterator[Choice]:
    yield Choice("decision", "argmax", "argmax over the classes",
                 ("mask = logits.argmax(1)[0].numpy()",), "R4", CUT)  # fmt: skip
    for axis, name in ((1, "rows"), (2, "columns")):
        yield Choice(
            "decision", name, f"argmax over the {name} instead of the classes",
            (f"mask = logits[0].argmax({axis}).numpy()",), "R6", OVER_CLASSES, axis,
        )  # fmt: skip
    lines = ("mask = logits.softmax(1).argmax(1)[0].numpy()",)
    yield Choice("decision", OF_NAN, "argmax over the probabilities", lines)
    pick = "[0, 1]" if channels == 2 else "[0].amax(0)"
    lines = (f"mask = logits.softmax(1){pick}.numpy()",)
    yield Choice("decision", "softmax", "a cast of the probabilities to uint8", lines, "D2", FIRST)
    lines = ("mask = (logits.sigmoid()[0, 1] > 0.5).numpy()",)
    words = "a sigmoid of channel 1 and a threshold of 0.5"
    yield Choice("decision", "channel 1", words, lines, "R7", OVER_CLASSES, 0.0)
    if channels == 2:
        for cut in REPEATED_CUTS:
            if cut != 0.5:
                lines = (f"mask = (logits.softmax(1)[0, 1] > {cut:g}).numpy()",)
                words = f"a threshold of {cut:g}"
                yield Choice("decision", f"softmax > {cut:g}", words, lines, "R4", CUT, cut)
        yield _twice("softmax(1)[0, 1]")


def _of_one(channels: int) -> Iterator[Choice]:
    yield _threshold(0.5, 1)
    lines = ("mask = (logits[0, 0] > 0.5).numpy()",)
    words = "comparing logits with 0.5, without a sigmoid,"
    yield Choice("decision", "logits > 0.5", words, lines, "R3", RAW, 0.5)
    yield from (_threshold(cut, 1) for cut in REPEATED_CUTS if cut != 0.5)
    words = "argmax over the single channel"
    fix = "Decide with a sigmoid and a threshold."
    lines = ("mask = logits.argmax(1)[0].numpy()",)
    yield Choice("decision", "argmax of one", words, lines, "R1", fix)
    lines = ("mask = (logits.softmax(1)[0, 0] > 0.5).numpy()",)
    words = "softmax over the single channel"
    yield Choice("decision", "softmax of one", words, lines, "R1", fix)
    lines = ("mask = logits.sigmoid()[0, 0].numpy()",)
    yield Choice("decision", "sigmoid", "a cast of the probabilities to uint8", lines, "D2", FIRST)
    yield _twice("sigmoid()[0, 0]")
    lines = ("mask = (1 - logits.sigmoid()[0, 0] > 0.5).numpy()",)
    yield Choice("decision", "background", "the channel of the background", lines, "R7", FOREGROUND)


def _threshold(cut: float, channels: int) -> Choice:
    channel = min(1, channels - 1)
    lines = (f"mask = (logits.sigmoid()[0, {channel}] > {cut:g}).numpy()",)
    return Choice(
        "decision", f"sigmoid > {cut:g}", f"a threshold of {cut:g}", lines, "R4", CUT, cut
    )


def _twice(probability: str) -> Choice:
    lines = (f"mask = logits.{probability}.sigmoid().numpy()",)
    return Choice("decision", "twice", "a sigmoid applied twice", lines, "R5", "Apply it once.")


def decided(scores: Scores, decision: Choice) -> np.ndarray:
    """The decision: Int32 ids or Float32 numbers of [h w], or [C h] and [C w] over a wrong axis."""
    key, cut, values = decision.key, decision.value, scores.values
    if isinstance(cut, Decoding):
        return decode_labels(values, cut).ids
    if key in ("argmax", "argmax of one"):
        return scores.winner
    if key == OF_NAN:
        return argmax(torch.from_numpy(values)[None].softmax(1)[0].numpy())
    if key in OVER_AXES:
        over: np.ndarray = values.argmax(axis=cut).astype(np.int32)
        return over
    channel: np.ndarray = values[min(1, len(values) - 1)]
    if key.startswith("sigmoid >"):
        return _over(channel, np.log(cut / (1 - cut)) if 0 < cut < 1 else np.inf * (cut - 0.5))
    if key in ("logits > 0.5", "channel 1"):
        return _over(channel, cut)
    if key == "softmax of one":
        return np.ones(channel.shape, np.int32)
    if key == "background":
        return 1 - _over(channel, 0.0)
    if key.startswith("softmax >"):
        return _over(scores.probability, cut)
    if key == "twice":
        return torch.from_numpy(scores.probability).sigmoid().numpy()
    return scores.probability


def is_of_numbers(decision: Choice) -> bool:
    """Whether it leaves probabilities, and no ids."""
    return decision.key in ("softmax", "sigmoid", "twice")


def of_nan(decision: Choice) -> str:
    """What it makes of a pixel whose logits are NaN."""
    if decision.key == OF_NAN:
        return "softmax makes all classes of such a pixel NaN, and argmax of NaN is class 0"
    if decision.key.startswith("argmax"):
        return "argmax takes the first NaN for the largest: class 0 where all classes are NaN"
    return "NaN is above no threshold"


def has_size(decision: Choice, scores: Scores, size: Size) -> bool:
    """Whether a decision of these scores has this size, without making it."""
    classes, height, width = scores.values.shape
    over = {"rows": (classes, width), "columns": (classes, height)}
    return over.get(decision.key, (height, width)) == size


def _over(values: np.ndarray, cut: float) -> np.ndarray:
    made: np.ndarray = (values > np.float32(cut)).astype(np.int32)
    return made
