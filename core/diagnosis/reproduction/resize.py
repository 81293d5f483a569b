"""The picture's size: resized, padded, cut or letterboxed, by the library that the script uses.

cv2 is no dependency. Its INTER_LINEAR takes pixels as half-open squares and has no antialiasing,
which is torch's interpolation with align_corners=False, rounded to whole numbers.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image as PillowImage

from core.diagnosis.reproduction.program import Choice
from core.diagnosis.thresholds import BARS, BOXES, SIDES
from core.settings import Preprocessing

Size = tuple[int, int]
RESIZED = "Resize as in the training: same size, same library, same interpolation."
UNCROPPED = "Cut the bars off the logits before they are enlarged to the picture."

# As (words, function's name and mode, antialiased, whole numbers after it).
PILLOW = {"bilinear": "BILINEAR", "bicubic": "BICUBIC", "nearest": "NEAREST"}
TORCH = {
    "torch antialias": 'mode="bilinear", antialias=True',
    "torch": 'mode="bilinear"',
    "torch corners": 'mode="bilinear", align_corners=True',
    "torch bicubic": 'mode="bicubic", antialias=True',
    "torch nearest": 'mode="nearest-exact"',
    "cv2 nearest": 'mode="nearest"',
    "cv2": 'mode="bilinear"',
}
KEYWORDS: dict[str, dict[str, object]] = {
    "torch antialias": {"mode": "bilinear", "antialias": True},
    "torch": {"mode": "bilinear"},
    "torch corners": {"mode": "bilinear", "align_corners": True},
    "torch bicubic": {"mode": "bicubic", "antialias": True},
    "torch nearest": {"mode": "nearest-exact"},
    "cv2 nearest": {"mode": "nearest"},
    "cv2": {"mode": "bilinear"},
}
WORDS = {
    "pil bilinear": "Pillow's bilinear resize",
    "pil bicubic": "Pillow's bicubic resize",
    "pil nearest": "Pillow's nearest resize",
    "torch antialias": "torch's bilinear resize with antialiasing",
    "torch": "torch's bilinear resize without antialiasing",
    "torch corners": "torch's bilinear resize with align_corners=True",
    "torch bicubic": "torch's bicubic resize",
    "torch nearest": "torch's resize to the nearest pixel",
    "cv2 nearest": "cv2's resize to the nearest pixel",
    "cv2": "cv2's bilinear resize, which has no antialiasing,",
}
OF_SETTINGS = {  # core/preprocess.py resizes float numbers with torch
    "bilinear": "torch antialias",
    "bilinear-no-antialias": "torch",
    "bicubic": "torch bicubic",
    "nearest": "torch nearest",
}


# --- which pixel comes from where -----------------------------------------------------------------


def interpolation_choices(right: str) -> Iterator[Choice]:
    """Every way to compute a pixel of another size; the one of the settings first."""
    first = OF_SETTINGS[right]
    for key in (first, *(key for key in WORDS if key != first)):
        yield Choice("interpolation", key, WORDS[key], (), "S2", RESIZED, key)


def resized(image: np.ndarray, size: Size, how: str) -> np.ndarray:
    """[h w c] at another size: UInt8 by Pillow and cv2, Float32 by torch."""
    if tuple(image.shape[:2]) == tuple(size):
        return image
    if how.startswith("pil") and image.dtype == np.uint8:
        mode = PillowImage.Resampling[PILLOW[how.removeprefix("pil ")]]
        plain = image[..., 0] if image.shape[2] == 1 else image
        made = np.asarray(PillowImage.fromarray(plain).resize(size[::-1], mode))
        return made[..., None] if made.ndim == 2 else made
    how = how if how in KEYWORDS else "torch antialias"  # Pillow has no colors beyond 8 bits
    planes = torch.from_numpy(image.astype(np.float32)).permute(2, 0, 1)[None]
    enlarged = F.interpolate(planes, size=tuple(size), **KEYWORDS[how])  # type: ignore[arg-type]
    pixels = enlarged[0].permute(1, 2, 0).contiguous()
    if how.startswith("cv2") and image.dtype == np.uint8:
        pixels = pixels.round().clamp(0, 255).byte()
    values: np.ndarray = pixels.numpy()
    return values


def resize_lines(size: Size, how: str, gray: bool) -> tuple[str, ...]:
    """Python for `resized`."""
    if how.startswith("pil"):
        mode = f"Image.Resampling.{PILLOW[how.removeprefix('pil ')]}"
        plain, back = ("image[..., 0]", "[..., None]") if gray else ("image", "")
        made = f"Image.fromarray({plain}).resize(({size[1]}, {size[0]}), {mode})"
        return (f"image = np.array({made}){back}",)
    start = "planes = torch.from_numpy(image.copy()).permute(2, 0, 1)[None].float()"
    made = f"planes = F.interpolate(planes, size=({size[0]}, {size[1]}), {TORCH[how]})"
    if how.startswith("cv2"):
        made += ".round().byte()  # as cv2.resize"
    return start, made, "image = planes[0].permute(1, 2, 0).numpy()"


# --- which size -----------------------------------------------------------------------------------


def size_choices(chosen: Preprocessing, picture: Size, file: Size) -> Iterator[Choice]:
    """The size of the settings first; then what the file's own size admits, then usual ones.

    Args:
        chosen: the settings, with the training's size.
        picture: h, w of the picture.
        file: h, w of the user's file.
    """
    right = _of_settings(chosen, picture)
    yield right
    done = {right.key}
    for choice in _others(picture, file, max(right.value[1:]) if right.value else 0):
        if choice.key not in done:
            done.add(choice.key)
            yield choice


def _of_settings(chosen: Preprocessing, picture: Size) -> Choice:
    from core.preprocess import target_size

    if chosen.resize == "multiple":
        return _padded(chosen.multiple)
    return _fixed(target_size(*picture, chosen), picture)


def _others(picture: Size, file: Size, trained: int) -> Iterator[Choice]:
    yield _fixed(picture, picture)
    if file != picture:
        yield _fixed(file, picture)
        if file[0] <= picture[0] and file[1] <= picture[1]:
            yield _cropped(file)
    square = file[0] == file[1]
    if picture[0] != picture[1]:
        boxes = (trained, *BOXES) if trained else BOXES
        for side in (file[0],) if square else boxes if file == picture else ():
            yield from (_letterboxed(side, bars) for bars in BARS)
    if file == picture:
        yield from (_fixed((side, side), picture) for side in SIDES)
        yield _padded(32)


def _fixed(size: Size, picture: Size) -> Choice:
    if size == picture:
        return Choice("size", "as it is", "the picture at its own size", (), "S2", RESIZED)
    words = f"resizing the picture to {size[1]} x {size[0]}"
    return Choice("size", f"{size[0]} {size[1]}", words, (), "S2", RESIZED, ("fixed", *size))


def _cropped(size: Size) -> Choice:
    words = f"cutting {size[1]} x {size[0]} pixels out of the middle"
    fix = "Feed the whole picture, or put the piece back where it was cut out."
    lines = (
        f"top, left = (height - {size[0]}) // 2, (width - {size[1]}) // 2",
        f"image = image[top : top + {size[0]}, left : left + {size[1]}]",
    )
    return Choice("size", f"crop {size[0]} {size[1]}", words, lines, "S2", fix, ("crop", *size))


def _padded(multiple: int) -> Choice:
    words = f"black at the right and at the bottom, up to a multiple of {multiple}"
    lines = (
        f"extra = -height % {multiple}, -width % {multiple}",
        "image = np.pad(image, ((0, extra[0]), (0, extra[1]), (0, 0)))",
    )
    return Choice("size", f"pad {multiple}", words, lines, "S2", RESIZED, ("pad", multiple))


def _letterboxed(side: int, bars: int) -> Choice:
    words = f"a letterbox of {side} x {side} with bars of {bars} that were never cut off"
    value = ("letterbox", side, bars)
    return Choice("size", f"letterbox {side} {bars}", words, (), "S2", UNCROPPED, value)


def sized(image: np.ndarray, size: Choice, how: str) -> tuple[np.ndarray, Size]:
    """The array that goes on, and h, w of the part of it that is picture and no padding."""
    kind, *numbers = size.value or ("fixed", *image.shape[:2])
    height, width = image.shape[:2]
    if kind == "fixed":
        return resized(image, (numbers[0], numbers[1]), how), (numbers[0], numbers[1])
    if kind == "crop":
        top, left = (height - numbers[0]) // 2, (width - numbers[1]) // 2
        return image[top : top + numbers[0], left : left + numbers[1]], (numbers[0], numbers[1])
    if kind == "pad":
        extra = -height % numbers[0], -width % numbers[0]
        return np.pad(image, ((0, extra[0]), (0, extra[1]), (0, 0))), (height, width)
    side, bars = numbers
    inner = _inner(height, width, side)
    top, left = (side - inner[0]) // 2, (side - inner[1]) // 2
    box = np.full((side, side, image.shape[2]), bars, image.dtype)
    small = resized(image, inner, how)
    box = box.astype(small.dtype)
    box[top : top + inner[0], left : left + inner[1]] = small
    return box, (side, side)


def _inner(height: int, width: int, side: int) -> Size:
    scale = side / max(height, width)
    return max(1, round(height * scale)), max(1, round(width * scale))


def size_lines(size: Choice, how: str, picture: Size, gray: bool) -> tuple[str, ...]:
    """Python for `sized`, which needs both choices."""
    kind, *numbers = size.value or ("", 0)
    if kind == "fixed":
        return resize_lines((numbers[0], numbers[1]), how, gray)
    if kind != "letterbox":
        return size.lines
    side, bars = numbers
    inner = _inner(*picture, side)
    top, left = (side - inner[0]) // 2, (side - inner[1]) // 2
    place = f"{top} : {top + inner[0]}, {left} : {left + inner[1]}"
    return (
        *resize_lines(inner, how, gray),
        f"box = np.full(({side}, {side}, image.shape[2]), {bars}, image.dtype)",
        f"box[{place}] = image",
        "image = box",
    )
