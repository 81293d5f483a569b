"""The user's file as a function of a label map: what was done to its ids on the way to the file."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from core.colors import COLORED, DARK, palette_colors
from core.diagnosis.finding import Certainty, Evidence, Finding
from core.diagnosis.measure.measurements import Measurements
from core.diagnosis.reproduction.written import Coding, Written, coding
from core.diagnosis.thresholds import BLACK_CHANNEL, JPEG_LEVELS, RANDOM_GAIN, SAME_GAIN
from core.settings import Display

LUMA = np.array([299, 587, 114])


def of_labels(
    measured: Measurements, written: Written, ids: np.ndarray, *, ours: bool = True
) -> Iterator[Finding]:
    """D1 and D3 to D7: the label map is as the script had it, and its picture is not.

    Args:
        measured: the case.
        written: the user's file.
        ids: Int32[h w], of the file's size: what the script's decision was.
        ours: whether that is the label map under the user's settings.
    """
    found = coding(written, ids)
    whose = "our label map" if ours else "the label map of that program"
    agreed = Evidence(f"Your file agrees with {whose} at {found.purity:.1%}.", found.purity)
    if written.format == "JPEG":
        yield from _lossy(written, ids)
    elif found.gain < SAME_GAIN or len(found.values) < 2 or found.distinct < 2:
        return
    elif written.values.ndim == 2:
        yield from _gray(measured, written, found, agreed)
    else:
        yield from _colored(found, agreed)


def is_lossy_copy(written: Written, ids: np.ndarray) -> bool:
    """Whether the file is a JPEG that shows our objects, and not those of another mask."""
    if written.format != "JPEG" or written.shown.shape != ids.shape:
        return False
    flat = float((np.abs(written.shown - np.median(written.shown)) < JPEG_LEVELS).mean())
    return _near(written, ids) - flat >= RANDOM_GAIN * (1 - flat)


def _near(written: Written, ids: np.ndarray) -> float:
    """Share of the pixels whose gray level is near that of most pixels of their class, 0..1."""
    gray = written.shown.astype(np.int64)
    middle = np.zeros(ids.max() + 2)
    for class_id in np.unique(ids).tolist():
        middle[class_id] = np.median(gray[ids == class_id])
    return float((np.abs(gray - middle[ids]) < JPEG_LEVELS).mean())


def _lossy(written: Written, ids: np.ndarray) -> Iterator[Finding]:
    """D6: near the value of its class everywhere, and exactly it nowhere near the edges."""
    near = _near(written, ids)
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


def _gray(
    measured: Measurements, written: Written, found: Coding, agreed: Evidence
) -> Iterator[Finding]:
    values = {class_id: value for class_id, value in found.values.items() if class_id >= 0}
    brightest = int(written.shown.max())
    as_ids = all(value == class_id for class_id, value in values.items())
    dark = Evidence(f"Its brightest pixel is {brightest} of 255.", brightest)
    if measured.num_ids == 2 and values.get(0, 0) > values.get(1, 255):
        inverse = Evidence(f"The background is {values[0]}, the foreground {values[1]}.")
        yield _finding("R7", "certain", (agreed, inverse))
    elif written.mode.startswith("I") and brightest < DARK and not written.is_array:
        deep = Evidence(
            f"It has 16 bits or more a sample, its largest value is {max(values.values())}.",
            max(values.values()),
        )
        yield _finding("D7", "certain", (agreed, deep, dark))
    elif written.mode == "P" or written.is_array:
        return  # indices with a palette, or an array of ids: as it should be
    elif as_ids and brightest < 4 * DARK:
        yield _finding("D1", "certain", (agreed, Evidence("Its values are the class ids."), dark))
    elif measured.num_ids > 2 and _wraps(values):
        listed = ", ".join(f"{k} became {v}" for k, v in list(values.items())[:4])
        yield _finding("D3", "certain", (agreed, Evidence(f"255 times the id wraps: {listed}.")))
    elif name := _luminances(measured, values):
        words = f"Its gray levels are the brightnesses of the palette {name}."
        yield _finding("D5", "certain", (agreed, Evidence(words)))
    elif found.distinct < len(values):
        yield from _merged(found, agreed)


def _wraps(values: dict[int, int]) -> bool:
    return all(value == class_id * 255 % 256 for class_id, value in values.items())


def _luminances(measured: Measurements, values: dict[int, int]) -> str:
    """The palette whose brightness each id has; "" for none."""
    chosen = measured.settings.display
    tables: dict[str, np.ndarray] = {
        name: palette_colors(Display(palette=name), measured.num_ids) for name in COLORED
    }
    if chosen.palette == "custom":
        tables["of your settings"] = palette_colors(chosen, measured.num_ids)
    for name, table in tables.items():
        luma = table.astype(int) @ LUMA / 1000
        if all(abs(luma[k] - value) < 1.5 for k, value in values.items()):
            return name
    return ""


def _colored(found: Coding, agreed: Evidence) -> Iterator[Finding]:
    black = [k for k, color in found.values.items() if k > 0 and _brightest(color) < BLACK_CHANNEL]
    if not black and found.distinct == len(found.values):
        return
    yield from _merged(found, agreed, black)


def _brightest(packed: int) -> int:
    return max(packed >> 16, packed >> 8 & 255, packed & 255)


def _merged(found: Coding, agreed: Evidence, black: list[int] | None = None) -> Iterator[Finding]:
    """D4: ids that cannot be distinguished any more."""
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


def _finding(cause: str, certainty: Certainty, evidence: tuple[Evidence, ...]) -> Finding:
    fix, code = FIXES[cause]
    return Finding(cause, certainty, evidence, fix, code)
