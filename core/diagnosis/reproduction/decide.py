"""Logits to what is saved of them: at which size, and by which decision."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import torch

from core.diagnosis.reproduction.feed import enlarged
from core.diagnosis.reproduction.program import Choice
from core.diagnosis.thresholds import REPEATED_CUTS
from core.labels import decode_labels, probabilities
from core.settings import Decoding, Upsampling

Size = tuple[int, int]

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
) -> np.ndarray:
    """The logits that are decided, Float32[C h w].

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
    return np.ascontiguousarray(values[0].numpy(), dtype=np.float32)


# --- which decision -------------------------------------------------------------------------------

OVER_AXES = ("rows", "columns")  # decisions over an axis of the picture
OVER_CLASSES = "Take the argmax over the classes: dimension 1 of [1 C h w]."
FIRST = "Decide first, then scale; a cast cuts every probability below 1 to 0."
CUT = "Use the threshold of the training; 0.5 where it is not known."
RAW = "Apply the sigmoid, or compare the logits with 0."
FOREGROUND = "Show the channel of the foreground."


def decision_choices(channels: int, decoding: Decoding, rule: str) -> Iterator[Choice]:
    """The decision of the settings first; then those that scripts make in its place.

    Args:
        channels: of the logits.
        decoding: the settings, which the right decision obeys.
        rule: what "auto" is for so many channels: argmax, threshold or per_class.
    """
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


def decided(values: np.ndarray, decision: Choice) -> np.ndarray:
    """The decision: Int32 ids or Float32 numbers of [h w], or [C h] and [C w] over a wrong axis."""
    key, cut = decision.key, decision.value
    if isinstance(cut, Decoding):
        return decode_labels(values, cut).ids
    if key in ("argmax", "argmax of one"):
        return _argmax(values, 0)
    if key in OVER_AXES:
        return _argmax(values, cut)
    channel: np.ndarray = values[min(1, len(values) - 1)]
    if key.startswith("sigmoid >"):
        return _over(channel, np.log(cut / (1 - cut)) if 0 < cut < 1 else np.inf * (cut - 0.5))
    if key in ("logits > 0.5", "channel 1"):
        return _over(channel, cut)
    if key == "background":
        return 1 - _over(channel, 0.0)
    each = probabilities(values, "sigmoid" if len(values) == 1 else "softmax")
    chosen: np.ndarray = each.max(axis=0) if len(values) > 2 else each[-1]
    if key.startswith("softmax >"):
        return _over(chosen, cut)
    twice: np.ndarray = 1 / (1 + np.exp(-chosen))
    return twice if key == "twice" else chosen


def _argmax(values: np.ndarray, axis: int) -> np.ndarray:
    made: np.ndarray = values.argmax(axis=axis).astype(np.int32)
    return made


def _over(values: np.ndarray, cut: float) -> np.ndarray:
    made: np.ndarray = (values > np.float32(cut)).astype(np.int32)
    return made
