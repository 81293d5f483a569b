"""Labels to RGB: palettes, and a mask over a picture; lossless, pixel by pixel."""

from __future__ import annotations

import colorsys
import io
import json
from functools import cache

import numpy as np
from PIL import Image as PillowImage

from core.errors import ImageError, MaskError
from core.image.read import Reader, read_raster
from core.labels import NO_CLASS
from core.settings import Display, Palette

PALETTES: dict[Palette, str] = {
    "voc": "Pascal VOC",
    "cityscapes": "Cityscapes",
    "ade20k": "ADE20K",
    "safe": "safe for color-blind eyes",
    "gray": "ids as gray levels",
    "custom": "custom",
}
COLORED = tuple(name for name in PALETTES if name not in ("gray", "custom"))  # looked for in masks
NO_CLASS_COLOR = (0, 0, 0)
DARK = 16  # luma, 0..255: below it a person sees black on most screens
GOLDEN = (5**0.5 - 1) / 2  # of a turn: the step between hues that crowds them least
MAX_FILE = 2**20  # bytes of a palette file

# cityscapesScripts helpers/labels.py, by trainId
_CITYSCAPES = (
    "804080 f423e8 464646 66669c be9999 999999 faaa1e dcdc00 6b8e23 98fb98 4682b4 dc143c ff0000 "
    "00008e 000046 003c64 005064 0000e6 770b20"
)
# Okabe and Ito, Color Universal Design (2008), black first; then Paul Tol's muted scheme
_SAFE = (
    "000000 e69f00 56b4e9 009e73 f0e442 0072b2 d55e00 cc79a7 999999 332288 88ccee 44aa99 117733 "
    "999933 ddcc77 cc6677 882255 aa4499"
)

# MIT Scene Parsing Benchmark, as mmsegmentation's ADE20KDataset lists it
_ADE20K = (
    "787878 b47878 06e6e6 503232 04c803 787850 8c8c8c cc05ff e6e6e6 04fa07 e005ff ebff07 96053d "
    "787846 08ff33 ff0652 8fff8c ccff04 ff3307 cc4603 0066c8 3de6fa ff0633 0b66ff ff0747 ff09e0 "
    "0907e6 dcdcdc ff095c 7009ff 08ffd6 07ffe0 ffb806 0aff47 ff290a 07ffff e0ff08 6608ff ff3d06 "
    "ffc207 ff7a08 00ff14 ff0829 ff0599 0633ff eb0cff a09614 00a3ff 8c8c8c fa0a0f 14ff00 1fff00 "
    "ff1f00 ffe000 99ff00 0000ff ff4700 00ebff 00adff 1f00ff 0bc8c8 ff5200 00fff5 003dff 00ff70 "
    "00ff85 ff0000 ffa300 ff6600 c2ff00 008fff 33ff00 0052ff 00ff29 00ffad 0a00ff adff00 00ff99 "
    "ff5c00 ff00ff ff00f5 ff0066 ffad00 ff0014 ffb8b8 001fff 00ff3d 0047ff ff00cc 00ffc2 00ff52 "
    "000aff 0070ff 3300ff 00c2ff 007aff 00ffa3 ff9900 00ff0a ff7000 8fff00 5200ff a3ff00 ffeb00 "
    "08b8aa 8500ff 00ff5c b800ff ff001f 00b8ff 00d6ff ff0070 5cff00 00e0ff 70e0ff 46b8a0 a300ff "
    "9900ff 47ff00 ff00a3 ffcc00 ff008f 00ffeb 85ff00 ff00eb f500ff ff007a fff500 0abed4 d6ff00 "
    "00ccff 1400ff ffff00 0099ff 0029ff 00ffcc 2900ff 29ff00 ad00ff 00f5ff 4700ff 7a00ff 00ffb8 "
    "005cff b8ff00 0085ff ffd600 19c2c2 66ff00 5c00ff"
)
_TABLES = {"cityscapes": _CITYSCAPES, "ade20k": _ADE20K, "safe": _SAFE}


def palette_colors(display: Display, num_classes: int) -> np.ndarray:
    """Colors by id: UInt8[n 3] with n >= num_classes; a palette that is too short begins again.

    The default, "safe", has a color of its own for every class; those of a data set have not.

    >>> palette_colors(Display(palette="voc"), 3)[:3].tolist()  # black, maroon, green
    [[0, 0, 0], [128, 0, 0], [0, 128, 0]]
    >>> palette_colors(Display(palette="custom", custom=("#ff0000", "#0000ff")), 3).tolist()
    [[255, 0, 0], [0, 0, 255], [255, 0, 0]]
    """
    if display.palette == "gray":
        colors = np.repeat(np.arange(256, dtype=np.uint8)[:, None], 3, axis=1)
    elif display.palette == "voc" or (display.palette == "custom" and not display.custom):
        colors = _voc()
    elif display.palette == "custom":
        colors = _from_hex(tuple(color.removeprefix("#") for color in display.custom))
    elif display.palette == "safe":
        colors = _safe(num_classes)
    elif display.palette in _TABLES:
        colors = _from_hex(tuple(_TABLES[display.palette].split()))
    else:
        colors = _voc()
    return np.resize(colors, (max(num_classes, len(colors)), 3))


@cache
def _voc() -> np.ndarray:
    """Spread the bits of the id over the channels, highest first: the devkit's VOClabelcolormap."""
    ids = np.arange(256, dtype=np.uint16)
    colors = np.zeros((256, 3), np.uint16)
    for bit in range(8):
        for channel in range(3):
            colors[:, channel] |= ((ids >> (3 * bit + channel)) & 1) << (7 - bit)
    return colors.astype(np.uint8)


@cache
def _safe(num_classes: int) -> np.ndarray:
    """The colors that were chosen for it, then as many as there are classes: UInt8[n 3].

    Hues a golden angle apart in three brightnesses: no two are alike, and none is dark.
    """
    named = _TABLES["safe"].split()
    seen, k = dict.fromkeys(named), 0
    while len(seen) < num_classes:
        hue, value = k * GOLDEN % 1, (1.0, 0.75, 0.55)[k % 3]
        color = colorsys.hsv_to_rgb(hue, (0.85, 0.55)[k // 3 % 2], value)
        seen.setdefault(bytes(round(255 * part) for part in color).hex())
        k += 1
    return _from_hex(tuple(seen))


@cache
def _from_hex(colors: tuple[str, ...]) -> np.ndarray:
    return np.array([list(bytes.fromhex(color)) for color in colors], np.uint8)


def palette_warnings(colors: np.ndarray, num_classes: int) -> tuple[str, ...]:
    """Sentences about classes that cannot be distinguished, or from black."""
    used = colors[:num_classes].astype(int)
    luma = used @ (299, 587, 114) // 1000
    dark = [str(k) for k in range(1, num_classes) if luma[k] < DARK]
    seen: dict[tuple[int, ...], int] = {}
    twins = [(seen.setdefault(tuple(color), k), k) for k, color in enumerate(used)]
    same = [f"{a} and {b}" for a, b in twins if a != b]
    warnings = []
    if dark:
        warnings.append(
            f"In this palette class {_few(dark)} can hardly be distinguished from black."
        )
    if same:
        warnings.append(f"In this palette classes {_few(same)} have the same color.")
    return tuple(warnings)


def _few(names: list[str]) -> str:
    return ", ".join(names[:5]) + (f" and {len(names) - 5} more" if len(names) > 5 else "")


def colorize(ids: np.ndarray, colors: np.ndarray) -> np.ndarray:
    """Int32[h w] to UInt8[h w 3]; NO_CLASS and ids beyond the palette are black.

    >>> ids = np.array([[0, 1, NO_CLASS]], np.int32)
    >>> colorize(ids, np.array([[10, 10, 10], [255, 0, 0]], np.uint8)).tolist()
    [[[10, 10, 10], [255, 0, 0], [0, 0, 0]]]

    Ids that are saved as they are, without a palette, are a mask that looks black:

    >>> colorize(ids, palette_colors(Display(palette="gray"), 2)).tolist()
    [[[0, 0, 0], [1, 1, 1], [0, 0, 0]]]
    """
    table = np.vstack([colors, np.array([NO_CLASS_COLOR], np.uint8)])
    known = (ids != NO_CLASS) & (ids >= 0) & (ids < len(colors))
    return table[np.where(known, ids, len(colors))]


def overlay(pixels: np.ndarray, mask: np.ndarray, alpha: float) -> np.ndarray:
    """Lay a mask over a picture: round(under + alpha (mask - under)); alpha 0 is the picture."""
    under = pixels.astype(np.float64)
    return np.floor(under + alpha * (mask - under) + 0.5).astype(np.uint8)


def encode_png(pixels: np.ndarray) -> bytes:
    """UInt8[h w] or [h w 3] as PNG: lossless, and fast rather than small."""
    file = io.BytesIO()
    PillowImage.fromarray(pixels).save(file, "PNG", compress_level=1)
    return file.getvalue()


# --- palettes from files --------------------------------------------------------------------------


def palette_from_file(content: bytes, *, read: Reader = read_raster) -> tuple[str, ...]:
    """Read colors by id from JSON or from the palette of a PNG, as "#rrggbb".

    JSON: a list of [r, g, b] or "#rrggbb", or an object from id to either.

    Args:
        content: the file.
        read: where a PNG is decoded; `read_guarded` for what has just been uploaded.

    Raises:
        MaskError: neither, or nonsense inside.
    """
    if len(content) > MAX_FILE:
        raise _no_palette("it is over 1 MiB")
    if content.startswith(b"\x89PNG"):
        return _from_png(content, read)
    try:
        return _from_json(json.loads(content))
    except MaskError:
        raise
    except Exception as error:
        raise _no_palette("it is neither JSON nor a PNG") from error


def _from_png(content: bytes, read: Reader) -> tuple[str, ...]:
    try:
        palette = read(content).palette
    except ImageError as error:
        raise _no_palette("the PNG is damaged") from error
    if palette is None:
        raise _no_palette("the PNG has no palette (mode P)")
    return tuple("#" + color[:3].tobytes().hex() for color in palette)


def _from_json(value: object) -> tuple[str, ...]:
    if isinstance(value, dict):
        by_id = {int(key): _hex(color) for key, color in value.items()}
        if not by_id or min(by_id) < 0 or max(by_id) > 1023:
            raise _no_palette("its ids are not 0 to 1023")
        return tuple(by_id.get(k, "#000000") for k in range(max(by_id) + 1))
    if isinstance(value, list) and 0 < len(value) <= 1024:
        return tuple(_hex(color) for color in value)
    raise _no_palette("a list of colors or an object from id to color is needed")


def _hex(color: object) -> str:
    if isinstance(color, str) and len(color) == 7 and color[0] == "#":
        return "#" + bytes.fromhex(color[1:]).hex()
    if isinstance(color, list) and len(color) == 3:
        return "#" + bytes(color).hex()  # refuses what is not 0..255
    raise _no_palette(f"{str(color)[:40]!r} is not a color")


def _no_palette(why: str) -> MaskError:
    return MaskError(
        f"The file cannot be used as a palette: {why}.",
        remedy='Use JSON such as ["#000000", "#ff0000"] or [[0, 0, 0], [255, 0, 0]], or a PNG of '
        "mode P.",
    )
