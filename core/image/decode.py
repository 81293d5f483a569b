"""Bytes to picture: what is in the file, decoded once, with a note of each change."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import PIL.Image

from core.image.picture import FIRST_BANDS, TURNS, Image, ImageFacts
from core.image.raster import ImageLimits, Raster, turned
from core.image.read import Reader, read_raster
from core.image.window import by_rows, eight_bits

WHITE = (255, 255, 255)
HUGE = 1e30  # no sensor gives more; -3.4e38 is what GIS programs write for "no data"
Bands = tuple[int, int, int]
Window = tuple[float, float]


def decode_image(
    content: bytes,
    *,
    background: tuple[int, int, int] = WHITE,
    bands: Bands = FIRST_BANDS,
    limits: ImageLimits | None = None,
    window: Window | None = None,
    read: Reader = read_raster,
) -> Image:
    """Decode a picture.

    By default the decoders run in this process, which is right for files of our own and for bytes
    that came in by `read_guarded` before. Uploads and files of the command line pass
    `read=read_guarded`.

    Args:
        content: the file, of one of the formats of `sniff.py`.
        background: color under transparent pixels, 0..255.
        bands: which are red, green and blue, from 1, where the file has more than three; the
            first three are taken, and this is told, where it has no such band.
        limits: what the picture may be at most, of this process.
        window: which samples are shown as 0 and 255, where they are deeper than 8 bits; None
            where the numbers themselves tell.
        read: where the decoders run.

    Raises:
        ImageError: it cannot be decoded, or is over a limit.

    A picture of 16 bits keeps its numbers in `samples`; `pixels` are what one sees of them:

    >>> import io
    >>> file = io.BytesIO()
    >>> PIL.Image.fromarray(np.array([[0, 65535]], np.uint16)).save(file, "PNG")
    >>> image = decode_image(file.getvalue())
    >>> image.samples.shape, image.samples[0, :, 0].tolist(), image.pixels[0, :, 0].tolist()
    ((1, 2, 3), [0, 65535], [0, 255])
    >>> image.facts.bits, image.facts.mode
    (16, 'I;16')
    """
    raster = read(content) if limits is None else read_raster(content, limits)
    return image_of(raster, hashlib.sha256(content).hexdigest(), background, bands, window)


def image_of(
    raster: Raster,
    digest: str,
    background: Bands = WHITE,
    bands: Bands = FIRST_BANDS,
    chosen: Window | None = None,
) -> Image:
    """What one sees of a file's numbers, turned upright, transparency composited."""
    raster, absent = _without_absent(raster)
    notes = [*_first_notes(raster), *absent]
    flat, alpha = _flattened(raster, background)
    if _is_clear(raster):
        notes.append("every pixel is fully transparent: opacity is ignored, colors are taken")
    if alpha:
        notes.append(f"transparency composited on rgb{background}")
    count = 1 if flat.ndim == 2 else flat.shape[2]
    bands, told = _chosen(count, bands)
    notes += told
    upright = _three(turned(flat, raster.orientation), bands)
    samples, pixels, window, told = _samples(upright, chosen)
    notes += told
    told_mode = raster.mode in ("RGB", "L") or raster.format in ("NPY", "NPZ", "NIFTI", "STACK")
    if window is None and not told_mode and count < 4:
        notes.append(f"mode {raster.mode} converted to RGB")
    facts = ImageFacts(
        raster.format, raster.mode, *raster.size, _bits(raster), raster.several,
        raster.orientation, alpha, window, tuple(notes), count, bands,
        raster.volume, raster.cut, own_window=window is None or chosen is None,
        no_data=raster.no_data if absent else None,
    )  # fmt: skip
    digest += _told_apart(facts)
    return Image(_frozen(pixels), _frozen(samples), facts, digest)


def _told_apart(facts: ImageFacts) -> str:
    """What a digest has beside the file's: two pictures of one file are not the same."""
    parts: dict[str, tuple[float, ...]] = {
        "bands": facts.chosen if facts.chosen != FIRST_BANDS else (),
        "slice": facts.cut,
        "window": () if facts.own_window else facts.window or (),
    }
    return "".join(f"-{name}-{_joined(told)}" for name, told in parts.items() if told)


def _joined(numbers: tuple[float, ...]) -> str:
    return "-".join(f"{number:g}" for number in numbers)


def _first_notes(raster: Raster) -> Iterator[str]:
    if raster.several:
        yield "first of several frames"
    if raster.orientation in TURNS:
        yield f"EXIF orientation {raster.orientation}: {TURNS[raster.orientation]}"
    yield from raster.notes


def _without_absent(raster: Raster) -> tuple[Raster, tuple[str, ...]]:
    """0 where the file itself says that nothing was measured, and how to say it."""
    if raster.no_data is None or raster.palette is not None:
        return raster, ()
    absent = raster.values == raster.no_data
    if not absent.any():
        return raster, ()
    values = np.where(absent, np.zeros((), raster.values.dtype), raster.values)
    share = f"{absent.mean():.1%} of the samples are {raster.no_data:g}, no data by the file's tag"
    return replace(raster, values=values), (f"{share}: taken as 0",)


def _bits(raster: Raster) -> int:
    return 1 if raster.values.dtype == np.bool_ else raster.values.dtype.itemsize * 8


# --- opacity --------------------------------------------------------------------------------------


def _flattened(raster: Raster, background: Bands) -> tuple[np.ndarray, bool]:
    """[h w] or [h w c] without opacity; True where some pixel was not opaque."""
    values = raster.values
    if _is_clear(raster):
        return np.ascontiguousarray(values[..., :-1]), False
    if raster.palette is not None:
        return _over(raster.palette[values], background)
    if raster.alpha and values.dtype == np.uint8 and values.shape[2] == 4:
        return _over(values, background)
    if raster.alpha:
        return _over_deep(values, background)
    return values, False


def _is_clear(raster: Raster) -> bool:
    """Whether opacity is 0 everywhere above colors that differ: a broken channel, not a picture."""
    if not raster.alpha or raster.values[..., -1].any():
        return False
    colors = raster.values[..., :-1]
    return bool((colors != colors[0, 0]).any())


def _over(rgba: np.ndarray, background: Bands) -> tuple[np.ndarray, bool]:
    """UInt8[h w 4] over a color, in the arithmetic of Pillow."""
    if rgba[..., 3].min() == 255:
        return np.ascontiguousarray(rgba[..., :3]), False
    picture = PIL.Image.fromarray(rgba)
    under = PIL.Image.new("RGBA", picture.size, (*background, 255))
    return np.array(PIL.Image.alpha_composite(under, picture).convert("RGB")), True


def _over_deep(values: np.ndarray, background: Bands) -> tuple[np.ndarray, bool]:
    """The same for other depths: white is the largest number of the type."""
    whole = values.dtype.kind in "ui"
    full = np.iinfo(values.dtype).max if whole else 1
    if values[..., -1].min() == full:
        return np.ascontiguousarray(values[..., :-1]), False
    under = np.resize(np.array(background, np.float64) * full / 255, values.shape[2] - 1)

    def mix(rows: np.ndarray) -> np.ndarray:
        opacity = rows[..., -1:].astype(np.float64) / full
        mixed = rows[..., :-1] * opacity + under * (1 - opacity)
        return np.rint(mixed) if whole else mixed

    return by_rows(mix, values, np.empty((*values.shape[:2], len(under)), values.dtype)), True


# --- bands, turns, depths -------------------------------------------------------------------------


def _chosen(count: int, bands: Bands) -> tuple[Bands, tuple[str, ...]]:
    """The bands that are taken, and how to say it; of three and fewer there is no choice."""
    if count == 2:
        return FIRST_BANDS, ("2 bands: the first is taken as gray",)
    if count < 4:
        return FIRST_BANDS, ()
    missing = [band for band in bands if band > count]
    red, green, blue = taken = FIRST_BANDS if missing else bands
    why = f"; there is no band {missing[0]}" if missing else ""
    return taken, (f"{count} bands: {red}, {green}, {blue} are taken as red, green, blue{why}",)


def _three(values: np.ndarray, bands: Bands) -> np.ndarray:
    """[h w 3] of gray, of colors, or of the chosen bands."""
    if values.ndim == 2 or values.shape[2] < 3:
        gray = values if values.ndim == 2 else values[..., 0]
        return np.repeat(gray[..., None], 3, axis=2)
    if values.shape[2] == 3:
        return values
    return np.ascontiguousarray(values[..., [band - 1 for band in bands]])


def _samples(
    values: np.ndarray, chosen: Window | None
) -> tuple[np.ndarray, np.ndarray, tuple[float, float] | None, tuple[str, ...]]:
    """The file's numbers, what is shown of them, the window between the two, and how to say it."""
    if values.dtype == np.bool_:
        values = values * np.uint8(255)
    if values.dtype == np.uint8:
        return values, values, None, ()
    odd = values.dtype.kind == "f" and ~(np.abs(values) < HUGE)
    values = _of_common_type(values, odd)
    pixels, window, told = eight_bits(values, chosen)
    share = f"{np.mean(odd):.1%} of the samples are no numbers, or beyond {HUGE:g}: taken as 0"
    return values, pixels, window, (*([share] if np.any(odd) else []), told)


def _of_common_type(values: np.ndarray, odd: np.ndarray | bool) -> np.ndarray:
    """UInt16, Int32 or Float32; what is not a number becomes 0."""
    if values.dtype.kind == "f":
        return np.where(odd, 0, values).astype(np.float32)
    if values.dtype == np.uint16:
        return values
    return values.clip(-(2**31), 2**31 - 1).astype(np.int32)


def _frozen(array: np.ndarray) -> np.ndarray:
    array.setflags(write=False)
    return array
