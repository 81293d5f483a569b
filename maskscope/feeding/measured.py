"""What a preprocessing function does to a picture: measured, rebuilt as settings, and compared."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from core.diagnosis.normalization.naming import in_words
from core.errors import InspectionError
from core.image import Image
from core.preprocess import preprocess
from core.settings import Preprocessing, Settings, change
from maskscope.errors import PreprocessError
from maskscope.feeding.affine import Affine, fit_affine
from maskscope.feeding.calls import Returned, Way, find_way
from maskscope.feeding.dependent import read_dependent
from maskscope.feeding.geometry import Geometry, find_geometry
from maskscope.feeding.reading import Reading, read_numbers, read_size
from maskscope.picture import open_picture

INTERPOLATIONS = ("bilinear", "bilinear-no-antialias", "bicubic", "nearest")
DTYPES = ("float16", "bfloat16")
REBUILT = 1e-4  # of the spread of the tensor: as near as float32 gets
NEAR = 0.05  # of that, in the mean: resampled otherwise, and the same to the eye


@dataclass(frozen=True, eq=False)
class Feeding:
    """What was measured, as settings of the app that do the same."""

    changes: Mapping[str, Any]  # of the settings
    picture: Image  # as it is fed under them: a part of the user's where that was cropped
    crop: tuple[int, int, int, int]  # top, left, bottom, right of that part
    is_whole: bool  # whether that is all of it
    affine: Affine | None  # pixels 0..255 to the tensor; None where it depends on the picture
    values: np.ndarray  # Float32[c h w]: the user's own tensor
    error: float  # the mean difference of the rebuilt one, in standard deviations of the tensor
    largest: float  # the largest difference
    words: tuple[str, ...]  # sentences for people

    @property
    def is_rebuilt(self) -> bool:
        """Whether the settings give the user's own tensor, to what float32 holds."""
        return self.error <= REBUILT


def measure_feeding(function: Any, given: Any, image: Image) -> Feeding:
    """Call a function on the user's picture and on some colors, and say what it does.

    Args:
        function: the user's preprocessing.
        given: the picture as the user gave it.
        image: the same, decoded.

    Raises:
        PreprocessError: it stops, returns no tensor of one picture, NaN, or each time another one.
    """
    gray = image.facts.bands == 1
    pixels = image.pixels[..., 0] if gray else image.pixels
    way = find_way(function, given, pixels)
    own = _own(way, pixels)
    size = (pixels.shape[0], pixels.shape[1])
    affine = fit_affine(way, size, gray)
    if affine is None or not affine.fits:
        return _of_this_picture(way, own, image, affine)
    geometry = find_geometry(way, size, affine, gray)
    picture = _cropped(image, geometry)
    shown = (picture.pixels.shape[0], picture.pixels.shape[1])
    numbers, sizes = read_numbers(affine, gray), read_size(geometry, shown)
    changes = {**numbers.changes, **sizes.changes, **_dtype(own)}
    feeding = _rebuilt(own, picture, geometry.crop, changes, affine, (numbers, sizes), way)
    told = numbers.notes or sizes.notes or not np.isfinite(feeding.error)
    if feeding.error > NEAR and not told:  # a color says one thing, a picture another: CLAHE
        return _of_this_picture(way, own, image, affine)
    return feeding


def _own(way: Way, pixels: np.ndarray) -> Returned:
    """The tensor of the user's picture, which has to be one number each, and the same each time."""
    own, again = way(pixels), way(pixels)
    if not np.isfinite(own.values).all():
        share = 1 - float(np.isfinite(own.values).mean())
        raise PreprocessError(
            f"Your preprocess returns NaN or infinity for {share:.1%} of this picture's values.",
            remedy="Look for a division by zero in it: a std of 0, or a picture of one color.",
        )
    same = own.values.shape == again.values.shape and np.array_equal(own.values, again.values)
    if not same:
        raise PreprocessError(
            "Your preprocess returns another tensor each time that it is called with the same "
            "picture, as transforms of the training do.",
            remedy="Give that of the validation, without random crops, flips and colors.",
        )
    return own


def _dtype(own: Returned) -> dict[str, Any]:
    return {"dtype": own.dtype} if own.dtype in DTYPES else {}


def _cropped(image: Image, geometry: Geometry) -> Image:
    if not geometry.is_cropped((image.pixels.shape[0], image.pixels.shape[1])):
        return image
    top, left, bottom, right = geometry.crop
    return open_picture(image.pixels[top:bottom, left:right])[0]


def _of_this_picture(way: Way, own: Returned, image: Image, affine: Affine | None) -> Feeding:
    """Where colors alone do not tell it: a z-score, a maximum, CLAHE, a curve."""
    reading = read_dependent(way, own.values, image, affine)
    crop = (0, 0, *image.pixels.shape[:2])
    changes = {**reading.changes, **_dtype(own)}
    picture = image if reading.pixels is None else open_picture(reading.pixels)[0]
    return _rebuilt(own, picture, crop, changes, None, (reading,), way)


# --- rebuilt, and compared ------------------------------------------------------------------------


def _rebuilt(
    own: Returned,
    picture: Image,
    crop: tuple[int, int, int, int],
    changes: Mapping[str, Any],
    affine: Affine | None,
    readings: tuple[Reading, ...],
    way: Way,
) -> Feeding:
    """The nearest of the ways to resample, and how near it comes."""
    kinds = INTERPOLATIONS if changes.get("resize") in ("fixed", "letterbox") else ("bilinear",)
    tried = [(_difference(own.values, picture, {**changes, "interpolation": k}), k) for k in kinds]
    (error, largest), kind = min(tried)
    chosen = {**changes, "interpolation": kind}
    whole = crop == (0, 0, *picture.pixels.shape[:2])
    notes = (*own.notes, *(note for reading in readings for note in reading.notes))
    words = tuple(_words(chosen, crop, whole, error, largest, way))
    said = (*words, *notes)
    return Feeding(chosen, picture, crop, whole, affine, own.values, error, largest, said)


def _difference(
    values: np.ndarray, picture: Image, changes: Mapping[str, Any]
) -> tuple[float, float]:
    """Mean difference in standard deviations of the tensor, and the largest one."""
    try:
        mine = preprocess(picture, change(Settings(), **changes).preprocessing).values
    except InspectionError:
        return float("inf"), float("inf")
    if mine.shape != values.shape:
        return float("inf"), float("inf")
    off = np.abs(mine.astype(np.float64) - values)
    return float(off.mean() / max(float(values.std()), 1e-12)), float(off.max())


def _words(
    changes: Mapping[str, Any],
    crop: tuple[int, int, int, int],
    whole: bool,
    error: float,
    largest: float,
    way: Way,
) -> Iterator[str]:
    chosen = change(Settings(), **changes).preprocessing
    order = {"rgb": "RGB", "bgr": "BGR", "gray": "gray, one channel"}[chosen.color]
    plain = replace(
        chosen, divide_again=1.0, scale="255" if chosen.scale == "max" else chosen.scale
    )
    parts = [order, in_words(plain), *_more(chosen)]
    if not whole:
        top, left, bottom, right = crop
        parts.append(f"only rows {top} to {bottom} and columns {left} to {right} of the picture")
    yield f"Your preprocess, measured (called with {way.form}): {', '.join(parts)}."
    if not np.isfinite(error):
        yield "No settings here give a tensor of its size; the findings are about another one."
    elif error <= REBUILT:
        yield f"Rebuilt from these numbers your tensor differs by at most {largest:.1g}."
    else:
        yield (
            f"Rebuilt from these numbers your tensor differs by {error:.2g} of its standard "
            f"deviation in the mean, at most by {largest:.2g}; the findings are of the rebuilt one."
        )


def _more(chosen: Preprocessing) -> Iterator[str]:
    """Size, orientation and precision, where they are not those of the picture."""
    if chosen.divide_again != 1 and not chosen.zscore:
        yield f"divided by {chosen.divide_again:g} again"
    if chosen.scale == "max":
        yield "after a division by the picture's own maximum"
    if chosen.resize == "fixed":
        yield f"resized to {chosen.width} x {chosen.height} ({chosen.interpolation})"
    if chosen.resize == "letterbox":
        yield f"in a letterbox of {chosen.width} x {chosen.height} on {chosen.pad_color}"
    if chosen.resize == "multiple":
        yield f"padded to a multiple of {chosen.multiple}"
    if chosen.orientation != "none":
        yield f"orientation {chosen.orientation}"
    if chosen.dtype != "float32":
        yield chosen.dtype
