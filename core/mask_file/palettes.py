"""Palettes that masks are drawn with: those of data sets, and the color maps of matplotlib and cv2.

Two questions are asked of them: which ids these colors are, and which ids these brightnesses are.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np

from core.colors import palette_colors
from core.settings import Display

TABLE = Path(__file__).with_name("colormaps.json")
VOID = -1  # no class: the border of VOC, black where a palette has none
ADE_CLASSES, VOC_CLASSES, CITY_CLASSES = 150, 21, 19
# cityscapesScripts helpers/labels.py, by label id where no train id has the color
_CITY_VOID = {4: "000000", 5: "6f4a00", 6: "510051", 9: "faaaa0", 10: "e6968c", 14: "b4a5b4",
              15: "966464", 16: "96785a", 29: "00005a", 30: "00006e", 18: "999999"}  # fmt: skip
VOC_VOID = (224, 224, 192)


@dataclass(frozen=True, eq=False)
class Known:
    """A published palette."""

    name: str
    colors: np.ndarray  # UInt8[n 3]
    ids: np.ndarray  # Int32[n], VOID for no class

    @property
    def packed(self) -> np.ndarray:
        """Int64[n]: red in the upper byte."""
        one: np.ndarray = self.colors.astype(np.int64) @ np.array([65536, 256, 1])
        return one

    def ids_by_color(self) -> dict[int, int]:
        """The first id of each color; an id comes before no class."""
        return _first(zip(self.packed.tolist(), self.ids.tolist(), strict=True))

    def ids_by_luma(self) -> dict[int, int]:
        """The first id of each brightness, as Pillow's convert("L") or cv2's cvtColor rounds it."""
        red, green, blue = self.colors.astype(np.int64).T
        pillow = (red * 19595 + green * 38470 + blue * 7471 + 0x8000) >> 16  # Convert.c, L24
        cv2 = (red * 4899 + green * 9617 + blue * 1868 + 0x2000) >> 14  # color_rgb, RGB2Gray
        png = (red * 9798 + green * 19235 + blue * 3735) >> 15  # libpng, as cv2.imread asks it
        luma = [*pillow.tolist(), *cv2.tolist(), *png.tolist()]
        ids = [*self.ids.tolist()] * 3
        return _first(zip(luma, ids, strict=True))


def _first(pairs: Iterable[tuple[int, int]]) -> dict[int, int]:
    found: dict[int, int] = {}
    for value, class_id in pairs:
        found.setdefault(value, class_id)
    return found


@cache
def data_sets() -> tuple[Known, ...]:
    """The palettes of data sets and our own, the most specific first."""
    return (
        _with_void("Pascal VOC", _of("voc", VOC_CLASSES), [VOC_VOID]),
        _with_void("Cityscapes", _of("cityscapes", CITY_CLASSES), _cityscapes_void()),
        _with_void("ADE20K", _of("ade20k", ADE_CLASSES), [(0, 0, 0)]),
        _with_void("safe for color-blind eyes", _of("safe", 18), []),
    )


@cache
def voc_256() -> Known:
    """All 256 colors of VOC's rule; data sets of more classes use it too."""
    return _with_void("Pascal VOC's rule", _of("voc", 256), [VOC_VOID])


def _of(name: str, count: int) -> np.ndarray:
    return palette_colors(Display(palette=name), count)[:count]  # type: ignore[arg-type]


def _cityscapes_void() -> list[tuple[int, ...]]:
    return [tuple(bytes.fromhex(color)) for color in _CITY_VOID.values()]


def _with_void(name: str, colors: np.ndarray, void: list[tuple[int, ...]]) -> Known:
    known = {tuple(color) for color in colors.tolist()}
    rest = [color for color in void if color not in known]
    table = np.concatenate([colors, np.array(rest, np.uint8).reshape(-1, 3)])
    ids = np.append(np.arange(len(colors)), np.full(len(rest), VOID)).astype(np.int32)
    return Known(name, table, ids)


@cache
def color_maps() -> tuple[Known, ...]:
    """Color maps of matplotlib and cv2: their ids are places from 0 to 255."""
    return tuple(_color_maps())


def _color_maps() -> Iterator[Known]:
    for name, text in json.loads(TABLE.read_text()).items():
        colors = np.frombuffer(bytes.fromhex(text), np.uint8).reshape(-1, 3)
        yield Known(name, colors, np.arange(len(colors), dtype=np.int32))


def reversed_of(known: Known) -> Known:
    """The same palette with red and blue exchanged."""
    return Known(known.name, known.colors[:, ::-1], known.ids)


def places(known: Known, colors: np.ndarray) -> np.ndarray | None:
    """Where each packed color stands in a palette, Int64[k]; None where it lacks one of them."""
    table = known.ids_by_color()
    found = [table.get(int(color), None) for color in colors]
    return None if None in found else np.array(found, np.int64)
