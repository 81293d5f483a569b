"""The first stages: the picture's file to an array [h w c], as scripts open it."""

from __future__ import annotations

import io
from collections.abc import Iterator

import numpy as np
from PIL import Image as PillowImage

from core.diagnosis.case import Case
from core.diagnosis.reproduction.program import Choice
from core.image import TURNS, Image, decode_image, read_raster

OPENED = 'picture = Image.open("picture.png")'
TURNED = 'picture = ImageOps.exif_transpose(Image.open("picture.png"))'
AS_RGB = 'image = np.array(picture.convert("RGB"))'
SIZE = "height, width = image.shape[:2]"
ON = 'picture = Image.alpha_composite(Image.new("RGBA", picture.size, "{}"), picture)'
AS_RGBA = 'picture = picture.convert("RGBA")'


def opened_choices(case: Case) -> Iterator[Choice]:
    """The right way to open the picture first, then others that give another array."""
    facts, file = case.image.facts, case.picture_file
    opening = TURNED if facts.orientation in TURNS else OPENED
    flat = (AS_RGBA, ON.format("white")) if facts.alpha else ()
    deep = case.settings.preprocessing.depth == "file" and facts.window is not None
    last = "image = samples  # the file's own numbers" if deep else AS_RGB
    yield Choice("picture", "right", "opening the picture", (opening, *flat, last, SIZE))
    if file is None:
        return
    if facts.orientation in TURNS:
        yield Choice(
            "picture",
            "stored",
            "reading the picture as it is stored, not turned as its EXIF tag says,",
            (OPENED, *flat, AS_RGB, SIZE),
            "F1",
            "Turn the picture when it is opened.",
            as_stored,
        )
    if facts.alpha:
        fix = "Lay the picture on the background of the training."
        words = "looking under transparent pixels"
        lines = (opening, AS_RGB, SIZE)
        yield Choice("picture", "beneath", words, lines, "F2", fix, as_stored)
        words = "laying transparent pixels on black"
        black = (opening, AS_RGBA, ON.format("black"), AS_RGB, SIZE)
        yield Choice("picture", "on black", words, black, "F2", fix, on_black)


def opened(case: Case, choice: Choice) -> np.ndarray:
    """The array of a choice, UInt8[h w 3]; the file's own numbers where the settings say so."""
    image = case.image
    if choice.value is not None and case.picture_file is not None:
        image = choice.value(case.picture_file)
    return image.pixels if case.settings.preprocessing.depth == "8" else image.samples


def as_stored(file: bytes) -> Image:
    """The picture without its EXIF tag and without its transparency."""
    plain = io.BytesIO()
    read_raster(file).as_pillow().convert("RGB").save(plain, "PNG")
    return decode_image(plain.getvalue())


def on_black(file: bytes) -> Image:
    """The picture with black under its transparency."""
    return decode_image(file, background=(0, 0, 0))


# --- the order of the channels --------------------------------------------------------------------

SWAPPED = "image = image[..., ::-1]  # blue, green, red: as cv2.imread gives it"
GRAY = 'image = np.array(Image.fromarray(image).convert("L"))[..., None]'
GRAY_THRICE = 'image = np.array(Image.fromarray(image).convert("L").convert("RGB"))'


def color_choices(right: str) -> Iterator[Choice]:
    """The order of the settings first, then the other one, and gray in place of color."""
    lines = {"rgb": (), "bgr": (SWAPPED,), "gray": (GRAY,)}
    yield Choice("color", right, "the order of the channels", lines[right], value=right)
    if right == "gray":
        return
    other = "bgr" if right == "rgb" else "rgb"
    fix = "Give the channels in the order of the training."
    yield Choice("color", other, "red and blue swapped", lines[other], "P6", fix, other)
    fix = "Keep the colors: the network was trained on them."
    words = "the picture in gray, three times,"
    yield Choice("color", "gray thrice", words, (GRAY_THRICE,), "F3", fix, "gray thrice")


def ordered(samples: np.ndarray, color: str) -> np.ndarray:
    """[h w c] in the order fed, of the same type; gray as Pillow's mode L."""
    if color == "bgr":
        return np.ascontiguousarray(samples[..., ::-1])
    if color.startswith("gray"):
        gray = _gray(samples)
        return np.repeat(gray, 3, axis=2) if color == "gray thrice" else gray
    return samples


def _gray(samples: np.ndarray) -> np.ndarray:
    if samples.dtype == np.uint8:
        return np.asarray(PillowImage.fromarray(samples).convert("L"))[..., None]
    gray: np.ndarray = samples.astype(np.float64) @ np.array((0.299, 0.587, 0.114))
    return gray[..., None]
