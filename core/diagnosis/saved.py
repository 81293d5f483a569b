"""The user's own wrong output: which way of saving, deciding or feeding would have written it.

First it is asked whether the file is a function of our label map (one value for each class): then
the network is right, and the function names the bug. Else each common bug is repeated on this
picture and checkpoint, and what it writes is compared with the file.
"""

from __future__ import annotations

import io
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from PIL import Image as PillowImage

from core.colors import DARK, palette_colors
from core.diagnosis.evidence import Facts
from core.diagnosis.finding import Evidence, Finding
from core.image import FORMATS, ImageLimits
from core.settings import Display

SAME = 0.97  # gain from which on two maps are the same; the rest is rounding of another machine
LOSSY = 40  # gray levels by which a JPEG changes pixels at edges
BLACK = 32  # of every channel: below it a color cannot be told from black
LUMA = np.array([299, 587, 114])
PALETTES = ("voc", "cityscapes", "ade20k", "safe")


@dataclass(frozen=True, eq=False)
class Written:
    """The user's file, decoded without a change of its numbers."""

    values: np.ndarray  # Int32[h w], or Int32[h w 3] where it is in color
    shown: np.ndarray  # UInt8[h w], how bright a viewer shows it
    mode: str
    format: str

    @property
    def flat(self) -> bool:
        """Whether it holds one value only."""
        first = self.values[:1, :1]
        return bool((self.values == first).all())

    @property
    def packed(self) -> np.ndarray:
        """One number for each gray level or color, Int64[h w]."""
        if self.values.ndim == 2:
            return self.values.astype(np.int64)
        packed: np.ndarray = self.values.astype(np.int64) @ np.array([65536, 256, 1])
        return packed


def read_written(content: bytes) -> Written | None:
    """Decode the file; None where it is no picture or too large a one."""
    limits = ImageLimits()
    try:
        picture = PillowImage.open(io.BytesIO(content), formats=FORMATS)
        if picture.width * picture.height > limits.pixels or len(content) > limits.num_bytes:
            return None
        picture.load()
    except (OSError, ValueError, SyntaxError):
        return None
    shown = np.array(picture.convert("L"))
    if picture.mode.startswith("I"):
        shown = (np.array(picture).astype(np.int64) >> 8).clip(0, 255).astype(np.uint8)
    return Written(_numbers(picture), shown, picture.mode, str(picture.format))


def _numbers(picture: PillowImage.Image) -> np.ndarray:
    if picture.mode in ("L", "P", "I", "I;16", "I;16B", "F", "1"):
        return np.array(picture).astype(np.int32)
    rgb = np.array(picture.convert("RGB")).astype(np.int32)
    gray = bool((rgb == rgb[..., :1]).all())
    return rgb[..., 0] if gray else rgb


@dataclass(frozen=True, eq=False)
class Coding:
    """Which value the file has where the label map has an id."""

    purity: float  # share of the pixels that have the value of their id, 0..1
    gain: float  # the same, where always guessing the most frequent value is 0 and all right is 1
    values: dict[int, int]  # id -> value, packed where it is a color

    @property
    def distinct(self) -> int:
        """How many different values there are."""
        return len(set(self.values.values()))


def coding(packed: np.ndarray, ids: np.ndarray) -> Coding:
    """Read off the most frequent value for each id.

    Args:
        packed: Int64[h w], the file.
        ids: Int32[h w], a label map of the same size.
    """
    agreed, values = 0, {}
    for class_id in np.unique(ids).tolist():
        found, counts = np.unique(packed[ids == class_id], return_counts=True)
        values[class_id] = int(found[counts.argmax()])
        agreed += int(counts.max())
    purity, guess = agreed / ids.size, float(np.unique(packed, return_counts=True)[1].max())
    rest = 1 - guess / ids.size
    return Coding(purity, 1 - (1 - purity) / rest if rest else float(purity), values)


# --- the file is a function of our labels ---------------------------------------------------------


def of_labels(facts: Facts, written: Written) -> Iterator[Finding]:
    """D1 and D3 to D7: the label map is right, and only its picture is not."""
    ids = facts.seen.labels.ids
    found = coding(written.packed, ids)
    agreed = Evidence(f"Your file agrees with our label map at {found.purity:.1%}.", found.purity)
    if written.format == "JPEG":
        yield from _lossy(written, ids, agreed)
    elif found.gain < SAME or len(found.values) < 2 or found.distinct < 2:
        return
    elif written.values.ndim == 2:
        yield from _gray(facts, written, found, agreed)
    else:
        yield from _colored(found, agreed)


def _lossy(written: Written, ids: np.ndarray, agreed: Evidence) -> Iterator[Finding]:
    """D6: near the value of its class everywhere, and exactly it nowhere near the edges."""
    gray = written.shown.astype(np.int64)
    middle = np.zeros(ids.max() + 2)
    for class_id in np.unique(ids).tolist():
        middle[class_id] = np.median(gray[ids == class_id])
    near = float((np.abs(gray - middle[ids]) < LOSSY).mean())
    values = len(np.unique(written.packed))
    yield _finding(
        "D6",
        "certain",
        (
            Evidence("Your file is a JPEG."),
            Evidence(f"It holds {values} different values; a label map has few.", values),
            Evidence(f"{near:.0%} of its pixels are near the value of their class.", near),
        ),
    )


def _gray(facts: Facts, written: Written, found: Coding, agreed: Evidence) -> Iterator[Finding]:
    values = {class_id: value for class_id, value in found.values.items() if class_id >= 0}
    brightest = int(written.shown.max())
    as_ids = all(value == class_id for class_id, value in values.items())
    dark = Evidence(f"Its brightest pixel is {brightest} of 255.", brightest)
    if facts.num_ids == 2 and values.get(0, 0) > values.get(1, 255):
        inverse = Evidence(f"The background is {values[0]}, the foreground {values[1]}.")
        yield _finding("R7", "certain", (agreed, inverse))
    elif written.mode.startswith("I") and brightest < DARK:
        deep = Evidence(
            f"It has 16 bits or more a sample, its largest value is {max(values.values())}.",
            max(values.values()),
        )
        yield _finding("D7", "certain", (agreed, deep, dark))
    elif written.mode == "P":
        return  # indices with a palette: as it should be
    elif as_ids and brightest < 4 * DARK:
        yield _finding("D1", "certain", (agreed, Evidence("Its values are the class ids."), dark))
    elif facts.num_ids > 2 and _wraps(values):
        listed = ", ".join(f"{k} became {v}" for k, v in list(values.items())[:4])
        yield _finding("D3", "certain", (agreed, Evidence(f"255 times the id wraps: {listed}.")))
    elif name := _luminances(facts, values):
        words = f"Its gray levels are the brightnesses of the palette {name}."
        yield _finding("D5", "certain", (agreed, Evidence(words)))
    elif found.distinct < len(values):
        yield from _merged(found, agreed)


def _wraps(values: dict[int, int]) -> bool:
    return all(value == class_id * 255 % 256 for class_id, value in values.items())


def _luminances(facts: Facts, values: dict[int, int]) -> str:
    """The palette whose brightness each id has; "" for none."""
    chosen = facts.settings.display
    tables = {name: palette_colors(Display(palette=name), facts.num_ids) for name in PALETTES}
    if chosen.palette == "custom":
        tables["of your settings"] = palette_colors(chosen, facts.num_ids)
    for name, table in tables.items():
        luma = table.astype(int) @ LUMA / 1000
        if all(abs(luma[k] - value) < 1.5 for k, value in values.items()):
            return name
    return ""


def _colored(found: Coding, agreed: Evidence) -> Iterator[Finding]:
    black = [k for k, color in found.values.items() if k > 0 and _brightest(color) < BLACK]
    if not black and found.distinct == len(found.values):
        return
    yield from _merged(found, agreed, black)


def _brightest(packed: int) -> int:
    return max(packed >> 16, packed >> 8 & 255, packed & 255)


def _merged(found: Coding, agreed: Evidence, black: list[int] | None = None) -> Iterator[Finding]:
    """D4: ids that cannot be told apart any more."""
    by_value: dict[int, list[int]] = {}
    for class_id, value in found.values.items():
        by_value.setdefault(value, []).append(class_id)
    same = [ids for ids in by_value.values() if len(ids) > 1]
    evidence = [agreed]
    if black:
        evidence.append(Evidence(f"Class {', '.join(map(str, black))} is black.", len(black)))
    for ids in same[:2]:
        words = f"Classes {' and '.join(map(str, ids))} have the same color."
        evidence.append(Evidence(words, len(ids)))
    yield _finding("D4", "certain", tuple(evidence))


# --- how each is mended ---------------------------------------------------------------------------

FIXES: dict[str, tuple[str, str]] = {
    "D1": (
        "The network is fine: color the ids, or multiply them for viewing.",
        "Image.fromarray(palette[labels]).save('mask.png')",
    ),
    "D2": (
        "Decide first, then scale; a cast cuts every probability below 1 to 0.",
        "Image.fromarray((probs > 0.5).astype(np.uint8) * 255)",
    ),
    "D3": (
        "The network is fine: look colors up instead of multiplying.",
        "Image.fromarray(palette[labels]).save('mask.png')",
    ),
    "D4": (
        "The network is fine: give every class a color of its own, by its id.",
        "palette = np.array(colors, np.uint8); assert len(palette) >= num_classes",
    ),
    "D5": (
        "The network is fine: keep the palette indices, never convert them to gray.",
        "ids = np.array(Image.open('mask.png'))  # mode P, no convert('L')",
    ),
    "D6": ("Save masks as PNG.", "Image.fromarray(mask).save('mask.png')"),
    "R7": (
        "The network is fine: show the channel of the foreground.",
        "Image.fromarray((probs[1] > 0.5).astype(np.uint8) * 255)",
    ),
    "D7": (
        "The network is fine: save ids in 8 bits with a palette, or scale them for viewing.",
        "Image.fromarray(palette[labels.astype(np.uint8)]).save('mask.png')",
    ),
}


def _finding(cause: str, certainty: str, evidence: tuple[Evidence, ...]) -> Finding:
    fix, code = FIXES[cause]
    return Finding(cause, certainty, evidence, fix, code)  # type: ignore[arg-type]
