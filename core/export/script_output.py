"""The last part of the script: logits to label ids, and the file that is written.

It mirrors core/labels.py and core/export/label_map.py.
"""

from __future__ import annotations

from core.export.label_map import palette_of
from core.export.pieces import Piece, indented, wrapped
from core.inspection import Inspection
from core.labels import resolve
from core.settings import Decoding

SAVE = '''\
def save_labels(ids: np.ndarray, path: str) -> None:
    """A PNG of mode P: its samples are the ids, its palette the colors."""
    picture = Image.fromarray(ids.astype(np.uint8))
    picture.putpalette(bytes.fromhex(PALETTE).ljust(768, b"\\0"))
    picture.save(path, "PNG")'''
SOFTMAX = """\
exp = np.exp(logits - logits.max(axis=0))
scores = exp / exp.sum(axis=0)"""


def deciding(decoding: Decoding, channels: int, ends_in: str = "") -> Piece:
    """Decide the class of every pixel.

    Args:
        decoding: what the user chose.
        channels: of the logits.
        ends_in: the activation that the network applies itself.
    """
    rule, activation = resolve(channels, decoding, ends_in)
    if rule == "argmax":
        return _function("The class with the largest logit", ["return logits.argmax(axis=0)"])
    lines = SOFTMAX.splitlines() if activation == "softmax" else []
    scores = "scores" if lines else "logits"
    constant, cut = _cut(decoding.threshold, activation)
    if rule == "threshold":
        channel = min(1, channels - 1)
        docstring = f"1 where channel {channel} is over the threshold, else 0"
        lines.append(f"return ({scores}[{channel}] > {cut}).astype(np.int64)")
        return _function(docstring, lines, constant)
    docstring = "The largest class where it is over the threshold, else -1"
    lines += [
        "winner = logits.argmax(axis=0)",
        f"score = np.take_along_axis({scores}, winner[None], axis=0)[0]",
        f"return np.where(score > {cut}, winner, -1)",
    ]
    return _function(docstring, lines, constant)


def _function(docstring: str, lines: list[str], *constants: str) -> Piece:
    head = "def decode(logits: np.ndarray) -> np.ndarray:"
    return Piece(f'{head}\n    """{docstring}: Int[h w]."""\n{indented(lines)}', constants)


def _cut(threshold: float, activation: str) -> tuple[str, str]:
    """The threshold as a constant, and what is compared: a logit where sigmoid has an inverse."""
    constant = f"THRESHOLD = {threshold!r}"
    if activation != "sigmoid":
        return constant, "np.float32(THRESHOLD)"
    constant += "  # of the probability: sigmoid(logit)"
    if threshold <= 0 or threshold >= 1:
        return constant, "-np.inf" if threshold <= 0 else "np.inf"
    return constant, "np.float32(np.log(THRESHOLD / (1 - THRESHOLD)))"


def saving(inspection: Inspection) -> Piece:
    """Write the label map."""
    colors = palette_of(inspection.labels, inspection.settings.display)
    palette = wrapped("PALETTE", (bytes(color).hex() for color in colors))
    return Piece(SAVE, (palette,), ("from PIL import Image, ImageOps", "import numpy as np"))
