"""Bytes to picture: what is in the file, decoded once, with a note of each change."""

from __future__ import annotations

import hashlib
import io
from dataclasses import dataclass, field

import numpy as np
import PIL.Image
from PIL import ImageOps

from core.errors import ImageError

# Pillow's own bomb check is a process-wide warning; ours is the limit below, before decoding.
PIL.Image.MAX_IMAGE_PIXELS = None

# MPO opens as JPEG. Nothing else: without the list Pillow starts Ghostscript on an EPS.
FORMATS = ("PNG", "JPEG", "WEBP", "BMP", "TIFF", "GIF")
WHITE = (255, 255, 255)
ORIENTATION = 0x0112  # EXIF tag
TURNS = {
    2: "mirrored",
    3: "turned by 180 degrees",
    4: "flipped",
    5: "mirrored and turned by 90 degrees",
    6: "turned by 90 degrees",
    7: "mirrored and turned by 270 degrees",
    8: "turned by 270 degrees",
}
OTHER_FILES = (
    (b"PK\x03\x04", "a ZIP file, perhaps a checkpoint"),
    (b"\x80\x02", "a pickle, perhaps a checkpoint"),
    (b"%PDF", "a PDF"),
    (b"%!PS", "an EPS or PostScript file"),
    (b"8BPS", "a Photoshop file"),
    (b"\x1f\x8b", "a gzip file"),
    (b"version https://git-lfs", "a git-lfs pointer, not the file itself"),
)
FULL = {"1": 1, "I;16": 16, "I;16B": 16, "I;16L": 16, "I": 32, "F": 32}  # bits per sample by mode


@dataclass(frozen=True)
class ImageLimits:
    """What a picture may be at most, checked before it is decoded."""

    num_bytes: int = 64 * 2**20
    pixels: int = 25_000_000
    side: int = 16_384


@dataclass(frozen=True)
class ImageFacts:
    """What the file said, for the page and for the diagnosis."""

    format: str
    mode: str  # of the file, as Pillow calls it
    width: int  # as stored, before EXIF
    height: int
    bits: int  # per sample
    frames: int
    orientation: int  # EXIF 1..8
    alpha: bool  # some pixels are not opaque
    window: tuple[float, float] | None  # samples shown as 0 and 255, where deeper than 8 bit
    notes: tuple[str, ...] = field(default=())


@dataclass(frozen=True, eq=False)
class Image:
    """A decoded picture. The arrays are read-only."""

    pixels: np.ndarray  # UInt8[h w 3], RGB, as shown
    samples: np.ndarray  # UInt8|UInt16|Int32|Float32[h w 3], the file's own numbers
    facts: ImageFacts
    digest: str  # SHA-256 of the file's bytes, hexadecimal


def decode_image(
    content: bytes,
    *,
    background: tuple[int, int, int] = WHITE,
    limits: ImageLimits = ImageLimits(),
) -> Image:
    """Decode a picture.

    Args:
        content: the file: PNG, JPEG, WebP, BMP, TIFF or GIF.
        background: color under transparent pixels, 0..255.
        limits: what the picture may be at most.

    Raises:
        ImageError: it cannot be decoded, or is over a limit.

    A picture of 16 bits keeps its numbers in `samples`; `pixels` are what one sees of them:

    >>> file = io.BytesIO()
    >>> PIL.Image.fromarray(np.array([[0, 65535]], np.uint16)).save(file, "PNG")
    >>> image = decode_image(file.getvalue())
    >>> image.samples.shape, image.samples[0, :, 0].tolist(), image.pixels[0, :, 0].tolist()
    ((1, 2, 3), [0, 65535], [0, 255])
    >>> image.facts.bits, image.facts.mode
    (16, 'I;16')
    """
    opened = _opened(content, limits)
    mode, size, kind = opened.mode, opened.size, str(opened.format)
    frames = getattr(opened, "n_frames", 1)
    notes = [f"first of {frames} frames"] if frames > 1 else []
    orientation = _orientation(opened)
    turned = _loaded(opened, orientation)
    if orientation in TURNS:
        notes.append(f"EXIF orientation {orientation}: {TURNS[orientation]}")
    flat, alpha = _flattened(turned, background)
    if alpha:
        notes.append(f"transparency composited on rgb{background}")
    samples, pixels, window = _samples(flat)
    if window is not None:
        notes.append(f"{FULL[mode]} bit, shown with {window[0]:g} .. {window[1]:g} as 0 .. 255")
    if mode not in ("RGB", "L") and window is None:
        notes.append(f"mode {mode} converted to RGB")
    bits = FULL.get(mode, 8)
    facts = ImageFacts(
        kind, mode, *size, bits, frames, orientation, alpha, window, notes=tuple(notes)
    )
    return Image(_frozen(pixels), _frozen(samples), facts, hashlib.sha256(content).hexdigest())


# --- the border to Pillow -------------------------------------------------------------------------


def _opened(content: bytes, limits: ImageLimits) -> PIL.Image.Image:
    """Read the header only, and refuse what is over a limit."""
    if not content:
        raise ImageError("The file is empty.", remedy="Upload the picture again.")
    if len(content) > limits.num_bytes:
        raise _too_large(f"{len(content) / 2**20:.0f} MiB", f"{limits.num_bytes / 2**20:.0f} MiB")
    try:
        opened = PIL.Image.open(io.BytesIO(content), formats=FORMATS)
    except Exception as error:
        raise _no_picture(content) from error
    width, height = opened.size
    if width < 1 or height < 1:
        raise ImageError("The picture has no pixels.", remedy="Upload another picture.")
    if width * height > limits.pixels or max(width, height) > limits.side:
        allowed = f"{limits.pixels / 1e6:.0f} megapixels and {limits.side} pixels a side"
        raise _too_large(f"{width} x {height} pixels", allowed)
    return opened


def _too_large(size: str, limit: str) -> ImageError:
    return ImageError(
        f"The picture is too large: {size}; at most {limit} are allowed.",
        remedy="Upload a smaller version, or a crop of it.",
    )


def _no_picture(content: bytes) -> ImageError:
    what = next((name for magic, name in OTHER_FILES if content.startswith(magic)), None)
    if what is None and content[8:9] == b"{":
        what = "a safetensors file, a checkpoint"
    if what is None and content[4:12] in (b"ftypheic", b"ftypheix", b"ftypmif1"):
        what = "a HEIC picture, which cannot be read here"
    if what is None and b"<svg" in content[:1000]:
        what = "an SVG drawing, which has no pixels"
    if what is None and content[:200].isascii() and b"\0" not in content[:200]:
        what = "a text file"
    sentence = f"The file is {what}." if what else "The file is not a picture that can be read."
    return ImageError(
        sentence,
        remedy="Upload a PNG, JPEG, WebP, BMP, TIFF or GIF picture; a checkpoint goes under "
        "Checkpoint.",
    )


def _orientation(opened: PIL.Image.Image) -> int:
    try:
        return int(opened.getexif().get(ORIENTATION, 1))
    except Exception:  # broken EXIF is no reason to refuse the picture
        return 1


def _loaded(opened: PIL.Image.Image, orientation: int) -> PIL.Image.Image:
    try:
        opened.load()
        return ImageOps.exif_transpose(opened) if orientation in TURNS else opened
    except Exception as error:
        raise ImageError(
            "The picture cannot be decoded; the file is damaged or not complete.",
            remedy="Save or download it again, then upload it once more.",
        ) from error


# --- modes ----------------------------------------------------------------------------------------


def _flattened(
    picture: PIL.Image.Image, background: tuple[int, int, int]
) -> tuple[PIL.Image.Image, bool]:
    """Composite transparency; True where some pixel was not opaque."""
    if picture.mode not in ("LA", "PA", "RGBA", "La", "RGBa") and not picture.has_transparency_data:
        return picture, False
    rgba = picture.convert("RGBA")
    opaque = rgba.getchannel("A").getextrema()[0] == 255
    under = PIL.Image.new("RGBA", rgba.size, (*background, 255))
    return PIL.Image.alpha_composite(under, rgba).convert("RGB"), not opaque


def _samples(
    picture: PIL.Image.Image,
) -> tuple[np.ndarray, np.ndarray, tuple[float, float] | None]:
    """The file's numbers, what is shown of them, and the window between the two."""
    if picture.mode not in FULL or picture.mode == "1":
        pixels = np.array(picture.convert("RGB"))
        return pixels, pixels, None
    values = np.nan_to_num(np.array(picture))
    values = values.astype(np.uint16 if picture.mode.startswith("I;16") else values.dtype)
    window = _window(values)
    shown = (values.astype(np.float64) - window[0]) * (255 / (window[1] - window[0]))
    pixels = np.rint(shown.clip(0, 255)).astype(np.uint8)
    return _three(values), _three(pixels), window


def _window(values: np.ndarray) -> tuple[float, float]:
    """Integers: 0 to the smallest 2^k - 1 that holds all; floats: 0..1, else their own range."""
    low, high = float(values.min()), float(values.max())
    if values.dtype.kind in "ui" and low >= 0:
        return 0.0, float(2 ** max(8, int(high).bit_length()) - 1)
    if low >= 0 and high <= 1:
        return 0.0, 1.0
    return low, high if high > low else low + 1


def _three(channel: np.ndarray) -> np.ndarray:
    return np.repeat(channel[..., None], 3, axis=2)


def _frozen(array: np.ndarray) -> np.ndarray:
    array.setflags(write=False)
    return array
