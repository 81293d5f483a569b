"""More files with which nothing is wrong: palettes of more data sets, drawings, and odd photos."""

from __future__ import annotations

import colorsys
from functools import partial

import cv2
import matplotlib.pyplot as plt
import numpy as np
from PIL import Image, ImageDraw, ImageOps

from benchmarks.mask_files.healthy import writes
from benchmarks.mask_files.samples import Sample
from benchmarks.mask_files.writing import cv, of_palette, pil

DEEPGLOBE = ((0, 255, 255), (255, 255, 0), (255, 0, 255), (0, 255, 0), (0, 0, 255), (255,) * 3,
             (0, 0, 0))  # fmt: skip
ISPRS = ((255, 255, 255), (0, 0, 255), (0, 255, 255), (0, 255, 0), (255, 255, 0), (255, 0, 0))
CAMVID = ((128, 128, 128), (128, 0, 0), (192, 192, 128), (128, 64, 128), (60, 40, 222),
          (128, 128, 0), (192, 128, 128), (64, 64, 128), (64, 0, 128), (64, 64, 0),
          (0, 128, 192))  # fmt: skip
LOVEDA = ((255, 255, 255), (255, 0, 0), (255, 255, 0), (0, 0, 255), (159, 129, 183), (0, 255, 0),
          (255, 195, 128))  # fmt: skip
SUIM = ((0, 0, 0), (0, 0, 255), (0, 255, 0), (0, 255, 255), (255, 0, 0), (255, 0, 255),
        (255, 255, 0), (255, 255, 255))  # fmt: skip
LIP = ((0, 0, 0), (128, 0, 0), (255, 0, 0), (0, 85, 0), (170, 0, 51), (255, 85, 0), (0, 0, 85),
       (0, 119, 221), (85, 85, 0), (0, 85, 85), (85, 51, 0))  # fmt: skip
PUBLISHED = {"DeepGlobe": DEEPGLOBE, "ISPRS": ISPRS, "CamVid": CAMVID, "LoveDA": LOVEDA,
             "SUIM": SUIM, "LIP": LIP}  # fmt: skip


def _colors(table: object, sample: Sample) -> np.ndarray:
    """A table that repeats where a sample has more classes, in the colors of the labels."""
    colors = np.asarray(table, np.uint8)
    drawn: np.ndarray = colors[sample.labels % len(colors)]
    return drawn


def _of_hues(sample: Sample, saturation: float = 1.0, value: float = 1.0) -> np.ndarray:
    count = sample.num_classes
    hues = [colorsys.hsv_to_rgb(k / count, saturation, value) for k in range(count)]
    return _colors((255 * np.array(hues)).round(), sample)


def _of_map(name: str, sample: Sample) -> np.ndarray:
    listed = plt.get_cmap(name).colors  # type: ignore[attr-defined]
    return _colors((255 * np.array(listed)).round(), sample)


def _gray(sample: Sample) -> np.ndarray:
    return np.asarray(Image.fromarray(sample.pixels).convert("L"))


def _edges(sample: Sample) -> np.ndarray:
    labels = sample.labels
    return cv2.morphologyEx(labels, cv2.MORPH_GRADIENT, np.ones((3, 3), np.uint8)) > 0


def _in_rgb(table: object, sample: Sample) -> bytes:
    return pil(_colors(table, sample))


def _by_index(table: object, sample: Sample) -> bytes:
    return pil(of_palette(sample.labels, np.resize(np.asarray(table, np.uint8), (256, 3))))


def _of_matplotlib(name: str, sample: Sample) -> bytes:
    return pil(_of_map(name, sample))


for _name, _table in PUBLISHED.items():
    writes(f"{_name} colors, PNG")(partial(_in_rgb, _table))
    writes(f"{_name} colors, mode P")(partial(_by_index, _table))
for _map in ("tab20", "Set1", "Set3", "Pastel1", "Dark2", "Paired", "Accent"):
    writes(f"{_map}, PNG")(partial(_of_matplotlib, _map))


@writes("even hues, PNG")
def _(s: Sample) -> bytes:
    return pil(_of_hues(s))


@writes("pale hues, PNG")
def _(s: Sample) -> bytes:
    return pil(_of_hues(s, 0.35, 0.95))


@writes("deep hues, BMP")
def _(s: Sample) -> bytes:
    return pil(_of_hues(s, 0.9, 0.55), "BMP")


@writes("even hues, GIF")
def _(s: Sample) -> bytes:
    return pil(Image.fromarray(_of_hues(s)).convert("P", palette=Image.Palette.ADAPTIVE), "GIF")


@writes("even hues, TIFF with LZW")
def _(s: Sample) -> bytes:
    return pil(_of_hues(s), "TIFF", compression="tiff_lzw")


@writes("red on black")
def _(s: Sample) -> bytes:
    return pil(np.where((s.labels > 0)[..., None], [220, 20, 20], 0).astype(np.uint8))


@writes("green on white")
def _(s: Sample) -> bytes:
    return pil(np.where((s.labels > 0)[..., None], [20, 160, 60], 255).astype(np.uint8))


@writes("black on white, mode 1")
def _(s: Sample) -> bytes:
    return pil(Image.fromarray(s.labels == 0))


@writes("contours, white on black")
def _(s: Sample) -> bytes:
    return pil(_edges(s).astype(np.uint8) * np.uint8(255))


@writes("colors with white contours")
def _(s: Sample) -> bytes:
    return pil(np.where(_edges(s)[..., None], 255, _of_hues(s, 0.8, 0.7)).astype(np.uint8))


@writes("colors with a legend")
def _(s: Sample) -> bytes:
    image = Image.fromarray(_of_hues(s))
    draw = ImageDraw.Draw(image)
    for number in range(min(4, s.num_classes)):
        draw.rectangle((4, 4 + 14 * number, 14, 14 + 14 * number), fill="white", outline="black")
        draw.text((18, 3 + 14 * number), f"class {number}", fill="white")
    return pil(image)


@writes("photo beside colors")
def _(s: Sample) -> bytes:
    return pil(np.concatenate([s.pixels, _of_hues(s)], axis=1))


@writes("three shades for view")
def _(s: Sample) -> bytes:
    return pil(np.array([0, 127, 254], np.uint8)[np.minimum(s.labels, 2)])


@writes("photo with a black frame")
def _(s: Sample) -> bytes:
    return pil(np.pad(s.pixels, ((16, 16), (16, 16), (0, 0))))


@writes("sepia photo")
def _(s: Sample) -> bytes:
    return pil(ImageOps.colorize(Image.fromarray(_gray(s)), "#1a0d00", "#ffe8c8"), "JPEG")


@writes("photo in BGR")
def _(s: Sample) -> bytes:
    return cv(s.pixels)


@writes("posterized photo")
def _(s: Sample) -> bytes:
    return pil(ImageOps.posterize(Image.fromarray(s.pixels), 3))


@writes("posterized photo in gray")
def _(s: Sample) -> bytes:
    return pil(ImageOps.posterize(Image.fromarray(_gray(s)), 4))


@writes("photo in gray, 16 bits")
def _(s: Sample) -> bytes:
    noise = np.random.default_rng(s.seed).integers(0, 257, s.labels.shape)
    return pil((_gray(s).astype(np.uint16) * 255 + noise).astype(np.uint16))


@writes("thumbnail of a photo")
def _(s: Sample) -> bytes:
    return pil(Image.fromarray(s.pixels).resize((40, 32)))


@writes("night photo with lamps")
def _(s: Sample) -> bytes:
    dark = s.pixels // 10
    rng = np.random.default_rng(s.seed)
    for _lamp in range(12):
        row, column = rng.integers(0, s.labels.shape[0]), rng.integers(0, s.labels.shape[1])
        place = (int(column), int(row))
        dark = cv2.circle(np.ascontiguousarray(dark), place, 3, (255, 240, 200), -1)
    return pil(dark, "JPEG", quality=92)


@writes("radiograph")
def _(s: Sample) -> bytes:
    gray = _gray(s).astype(float)
    rows, columns = np.mgrid[: gray.shape[0], : gray.shape[1]]
    inside = np.hypot(rows / gray.shape[0] - 0.5, columns / gray.shape[1] - 0.5) < 0.42
    return pil(np.where(inside, gray, 0).astype(np.uint8))


@writes("document, black on white")
def _(s: Sample) -> bytes:
    image = Image.new("L", (320, 240), 255)
    draw = ImageDraw.Draw(image)
    for line in range(14):
        draw.text((10, 8 + 16 * line), f"Figure {line + s.seed}: the mask of a network", fill=0)
    return pil(image)


@writes("chart")
def _(s: Sample) -> bytes:
    image = Image.new("RGB", (400, 260), "white")
    draw = ImageDraw.Draw(image)
    for number, color in enumerate(("#1f77b4", "#ff7f0e", "#2ca02c", "#d62728")):
        tall = 40 + (s.seed * (number + 3) * 37) % 170
        draw.rectangle((40 + 80 * number, 240 - tall, 90 + 80 * number, 240), fill=color)
    draw.line((20, 240, 390, 240), fill="black", width=2)
    draw.text((120, 6), "IoU of each class", fill="black")
    return pil(image)


@writes("noise")
def _(s: Sample) -> bytes:
    return pil(np.random.default_rng(s.seed).integers(0, 256, (96, 128, 3)).astype(np.uint8))


@writes("depth in gray")
def _(s: Sample) -> bytes:
    height, width = s.labels.shape
    ramp = np.linspace(40, 230, height)[:, None] + np.linspace(-20, 20, width)[None]
    near = ramp - 25 * cv2.GaussianBlur((s.labels > 0).astype(np.float32), (0, 0), 3)
    return pil(near.clip(0, 255).astype(np.uint8))


@writes("sky, a gradient")
def _(s: Sample) -> bytes:
    ramp = np.linspace(0, 1, 200)[:, None, None]
    sky = (1 - ramp) * [60, 110, 200] + ramp * [200, 220, 240]
    return pil(np.broadcast_to(sky, (200, 300, 3)).astype(np.uint8).copy(), "JPEG")
