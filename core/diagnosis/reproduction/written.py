"""The user's own output, decoded; and which value it has where a label map has an id."""

from __future__ import annotations

import io
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import Any

import numpy as np
from PIL import Image as PillowImage
from PIL import JpegImagePlugin

from core.diagnosis.thresholds import (
    ALIKE,
    BLOCK,
    BYTE_VALUES,
    FAR_STEP,
    FEW_LEVELS,
    FIGURE_MARGIN,
    FIGURE_VALUES,
    FLAT_LEVELS,
    NEAR_JPEG,
    SAME_COLOR,
)
from core.errors import ImageError
from core.image import read_raster

Size = tuple[int, int]


@dataclass(frozen=True, eq=False)
class Written:
    """The user's file, decoded without a change of its numbers."""

    values: np.ndarray  # Int32[h w], or Int32[h w 3] where it is in color
    shown: np.ndarray  # UInt8[h w], how bright a viewer shows it
    mode: str
    format: str
    jpeg: dict[str, Any] | None = None  # how a JPEG was encoded, as options of Pillow's save
    software: str = ""  # that wrote it, where the file says so

    @property
    def size(self) -> Size:
        """h, w."""
        return self.values.shape[0], self.values.shape[1]

    @property
    def flat(self) -> bool:
        """Whether it holds one value only."""
        first = self.values[:1, :1]
        return bool((self.values == first).all())

    @property
    def is_array(self) -> bool:
        """Whether it is an array of NumPy or torch, which no viewer shows."""
        return self.format in ("NPY", "NPZ", "PT")

    @cached_property
    def packed(self) -> np.ndarray:
        """One number for each gray level or color, Int64[h w]."""
        return packed(self.values)

    @cached_property
    def levels(self) -> np.ndarray:
        """The different values, Int64[n], in their order; of a JPEG those of its flat blocks."""
        return distinct(self.packed) if self._flat is None else packed(self._flat[None])[0]

    @cached_property
    def codes(self) -> np.ndarray:
        """Which of the levels each pixel has, Int64[h w]; in a JPEG the nearest one."""
        if self._flat is not None:
            return nearest_of(self._flat, self.values)
        if len(self.levels) > FEW_LEVELS:
            return np.searchsorted(self.levels, self.packed)
        codes = np.zeros(self.size, np.int64)
        for code, level in enumerate(self.levels[1:], start=1):
            codes[self.packed == level] = code
        return codes

    @cached_property
    def guessed(self) -> float:
        """Share of the most frequent value, 0..1."""
        return most_frequent(self.packed)

    @cached_property
    def planes(self) -> np.ndarray:
        """The values as [h w] or [3 h w], in as few bytes as hold them."""
        planes = self.values if self.values.ndim == 2 else self.values.transpose(2, 0, 1)
        small = planes.min() >= 0 and planes.max() < BYTE_VALUES
        return np.ascontiguousarray(planes, dtype=np.uint8 if small else None)

    def away(self, made: np.ndarray) -> float:
        """By how many levels a mask differs before it is encoded; another size by the most."""
        if self.values.ndim == 2 and made.ndim == 3:  # its colors may be gray levels
            made = made[..., 0]
        if made.shape != self.values.shape:
            return float(BYTE_VALUES)
        sparse = self.values[::FAR_STEP, ::FAR_STEP] - made[::FAR_STEP, ::FAR_STEP].astype(np.int32)
        return float(np.abs(sparse).mean())

    def equal(self, made: np.ndarray) -> float:
        """Share of the pixels that are the same, 0..1; 0 where sizes or channels differ.

        Args:
            made: Int[h w] or Int[h w 3].
        """
        if made.shape != self.values.shape:
            return 0.0
        planes = made[None] if made.ndim == 2 else made.transpose(2, 0, 1)
        same = np.ones(self.size, bool)
        for mine, theirs in zip(planes, self.planes.reshape(-1, *self.size), strict=True):
            same &= mine == theirs
        return float(np.count_nonzero(same) / same.size)

    @property
    def is_coded(self) -> bool:
        """Whether its levels are those of ids: always, but in a JPEG without flat blocks."""
        return self.jpeg is None or self._flat is not None

    @cached_property
    def _flat(self) -> np.ndarray | None:
        """The colors that whole blocks of a JPEG have, Int32[n] or [n 3] in order; else None."""
        colors = flat_colors(self.values) if self.jpeg is not None else None
        return colors if colors is not None and len(colors) > 1 else None

    @cached_property
    def is_figure(self) -> bool:
        """Whether it is a drawing with a white margin all around, as plt.savefig writes it."""
        margin = max(2, round(FIGURE_MARGIN * min(self.size)))
        edges = [self.values[:margin], self.values[-margin:]]
        edges += [self.values[:, :margin], self.values[:, -margin:]]
        white = all(bool((edge == 255).all()) for edge in edges)
        return white and (
            "atplotlib" in self.software or len(np.unique(self.packed)) >= FIGURE_VALUES
        )


def packed(values: np.ndarray) -> np.ndarray:
    """Int[h w] or Int[h w 3] as one number a pixel, Int64[h w]."""
    if values.ndim == 2:
        return values.astype(np.int64)
    red, green, blue = (values[..., k].astype(np.int64) for k in range(3))
    made: np.ndarray = (red << 16) + (green << 8) + blue
    return made


def distinct(codes: np.ndarray) -> np.ndarray:
    """The different values in their order; of few values without sorting all pixels."""
    left = codes.ravel()
    found: list[int] = []
    while left.size and len(found) < FEW_LEVELS:
        found.append(int(left[0]))
        left = left[left != left[0]]
    return np.sort(np.array(found, codes.dtype)) if not left.size else np.unique(codes)


def most_frequent(codes: np.ndarray) -> float:
    """Share of the most frequent value, 0..1."""
    levels = distinct(codes)
    if len(levels) > FEW_LEVELS:
        return float(np.unique(codes, return_counts=True)[1].max() / codes.size)
    return max(np.count_nonzero(codes == level) for level in levels) / codes.size


def flat_colors(values: np.ndarray) -> np.ndarray:
    """The values that whole blocks of a JPEG have, Int32[n] or [n 3] in the order of `packed`.

    A JPEG keeps a block of one color nearly as it was; what lies between colors is at their edges.
    """
    height, width = (side // BLOCK * BLOCK for side in values.shape[:2])
    channels = np.atleast_3d(values)[:height, :width]
    rows, columns, depth = height // BLOCK, width // BLOCK, channels.shape[2]
    blocks = channels.reshape(rows, BLOCK, columns, BLOCK, depth)
    blocks = blocks.transpose(0, 2, 1, 3, 4).reshape(rows * columns, BLOCK * BLOCK, depth)
    flat = blocks[(blocks.max(axis=1) - blocks.min(axis=1)).max(axis=1) <= FLAT_LEVELS][:, 0]
    different, counts = np.unique(flat, axis=0, return_counts=True)
    kept: list[np.ndarray] = []
    for color in different[np.argsort(-counts, kind="stable")]:
        if all(np.abs(color - other).max() > SAME_COLOR for other in kept):
            kept.append(color)
    colors = np.array(kept, np.int32).reshape(-1, depth)
    colors = colors if values.ndim == 3 else colors[:, 0]
    made: np.ndarray = colors[np.argsort(packed(colors[None])[0])]
    return made


def nearest_of(colors: np.ndarray, values: np.ndarray) -> np.ndarray:
    """Index of the nearest color for each pixel, Int64[h w]; colors Int32[n] or [n 3]."""
    best = np.zeros(values.shape[:2], np.int64)
    least = np.full(values.shape[:2], np.inf)
    for number, color in enumerate(colors):
        away = np.abs(values - color)
        away = away.sum(axis=2) if values.ndim == 3 else away
        nearer = away < least
        best[nearer], least[nearer] = number, away[nearer]
    return best


def read_written(content: bytes) -> Written | None:
    """Decode the file, which came in by the guarded door; None where it is no picture."""
    try:
        raster = read_raster(content)
    except ImageError:
        return None
    picture = raster.as_pillow()
    shown = np.array(picture.convert("L"))
    if picture.mode.startswith("I"):
        shown = (np.array(picture).astype(np.int64) >> 8).clip(0, 255).astype(np.uint8)
    jpeg, software = _header(content, raster.format)
    return Written(numbers(picture), shown, picture.mode, raster.format, jpeg, software)


def _header(content: bytes, kind: str) -> tuple[dict[str, Any] | None, str]:
    """How a JPEG was encoded, and what wrote a PNG: of the header, once all of it could be read."""
    if kind not in ("JPEG", "PNG"):
        return None, ""
    try:
        with PillowImage.open(io.BytesIO(content), formats=("JPEG", "PNG")) as picture:
            return _encoding(picture), str(picture.info.get("Software", ""))
    except (OSError, ValueError, SyntaxError):
        return None, ""


def numbers(picture: PillowImage.Image) -> np.ndarray:
    """Int32[h w], palette indices as they are; or Int32[h w 3], where it is in color.

    Floats from 0 to 1 that are no whole numbers are probabilities: they are read as bytes.
    """
    if picture.mode == "F":
        values = np.nan_to_num(np.array(picture))
        soft = values.min() >= 0 and values.max() <= 1 and bool((values % 1 != 0).any())
        whole: np.ndarray = (values * (BYTE_VALUES - 1 if soft else 1)).astype(np.int32)
        return whole
    if picture.mode in ("L", "P", "I", "I;16", "I;16B", "1"):
        return np.array(picture).astype(np.int32)
    rgb = np.array(picture.convert("RGB")).astype(np.int32)
    gray = bool((rgb == rgb[..., :1]).all())
    return rgb[..., 0] if gray else rgb


def _encoding(picture: PillowImage.Image) -> dict[str, Any] | None:
    """Options by which Pillow encodes a JPEG as this one was: the file has its own tables."""
    if not isinstance(picture, JpegImagePlugin.JpegImageFile):
        return None
    sampling = JpegImagePlugin.get_sampling(picture)
    more = {"subsampling": sampling} if sampling >= 0 and picture.mode != "L" else {}
    for quality in range(1, 101):
        if _tables(picture.mode, quality) == picture.quantization:
            return {"quality": quality, **more}
    return {"qtables": picture.quantization, **more}


@lru_cache(maxsize=200)
def _tables(mode: str, quality: int) -> dict[int, list[int]]:
    file = io.BytesIO()
    PillowImage.new(mode, (8, 8)).save(file, "JPEG", quality=quality)
    with PillowImage.open(file, formats=("JPEG",)) as written:
        found: dict[int, list[int]] = written.quantization  # type: ignore[attr-defined]
    return found


# --- beside a label map ---------------------------------------------------------------------------


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


def coding(written: Written, ids: np.ndarray, part: tuple[slice, slice] | None = None) -> Coding:
    """Read off the most frequent value for each id.

    Args:
        written: the file.
        ids: Int32[h w], a label map of the same size.
        part: rows and columns of the file that are compared; `ids` has their size then.
    """
    codes = written.codes if part is None else written.codes[part]
    lowest, levels = int(ids.min()), len(written.levels)
    shifted = (ids - lowest).ravel().astype(np.int64)
    joint = np.bincount(
        shifted * levels + codes.ravel(), minlength=(int(shifted.max()) + 1) * levels
    )
    table = joint.reshape(-1, levels)  # ids levels
    present = np.flatnonzero(table.any(axis=1))
    most = table.argmax(axis=1)
    purity = float(table.max(axis=1).sum() / ids.size)
    values = {int(k) + lowest: int(written.levels[most[k]]) for k in present}
    return Coding(purity, gain(purity, float(table.sum(axis=0).max() / ids.size)), values)


def gain(share: float, guessed: float) -> float:
    """A share of right pixels, where the share that guessing has is 0 and all right is 1."""
    return 1 - (1 - share) / (1 - guessed) if guessed < 1 else float(share)


def of_numbers(
    written: Written, made: np.ndarray, part: tuple[slice, slice] | None = None
) -> float:
    """How much of a gray file numbers from 0 to 1 explain, cast as they are or times 255.

    Where few pixels are the same, half of the variance that a straight line explains; so numbers
    never explain as much as a label map that fits.
    """
    if written.values.ndim == 3:
        return 0.0
    shown = (written.values if part is None else written.values[part]).ravel()
    numbers = np.nan_to_num(made).astype(np.float64).ravel()
    slack = 1 if written.jpeg is None else NEAR_JPEG
    guessed = written.guessed if part is None else most_frequent(shown)
    whole = np.floor(numbers)  # as they are: only those of 1 are left
    same = max(
        float((whole == shown).mean()) if whole.any() else 0.0,
        float((np.abs(np.floor(numbers * 255) - shown) <= slack).mean()),
    )
    if (found := gain(same, guessed)) >= ALIKE:
        return found
    if numbers.std() == 0 or shown.std() == 0:
        return 0.0
    return ALIKE * float(np.corrcoef(numbers, shown)[0, 1] ** 2)


def spread(written: Written, ids: np.ndarray, part: tuple[slice, slice] | None = None) -> float:
    """Share of the file's variance that the mean color of each id explains, 0..1: for a JPEG."""
    values = written.values if part is None else written.values[part]
    colors = values.reshape(ids.size, -1).astype(np.float64)
    flat = (ids - ids.min()).ravel()
    count = np.maximum(np.bincount(flat), 1)
    means = np.stack([np.bincount(flat, channel) / count for channel in colors.T])
    rest = colors - means[:, flat].T
    whole = ((colors - colors.mean(axis=0)) ** 2).sum()
    return float(1 - (rest**2).sum() / whole) if whole else 0.0
