"""Files with which nothing is wrong: colored masks as people draw them, and photos."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import cv2
import matplotlib.pyplot as plt
import numpy as np
from PIL import Image, ImageFilter

from benchmarks.mask_files.samples import Part, Sample, samples
from benchmarks.mask_files.writing import cv, of_palette, palette, pil

Make = Callable[[Sample], bytes]


def _own_palette(sample: Sample) -> np.ndarray:
    """Bright colors that somebody has chosen."""
    colors = np.random.default_rng(sample.seed).integers(40, 255, (40, 3)).astype(np.uint8)
    colors[0] = 0
    return colors


def _void(sample: Sample) -> Image.Image:
    """VOC's own files: mode P, and 255 at the borders of objects."""
    labels = sample.labels.copy()
    labels[cv2.morphologyEx(labels, cv2.MORPH_GRADIENT, np.ones((3, 3), np.uint8)) > 0] = 255
    return of_palette(labels, palette("voc", 256))


def _tab10(sample: Sample) -> np.ndarray:
    colors = np.array(plt.get_cmap("tab10").colors)  # type: ignore[attr-defined]
    colors = np.resize((255 * colors).round().astype(np.uint8), (40, 3))
    drawn: np.ndarray = colors[sample.labels]
    return drawn


def _overlaid(sample: Sample) -> np.ndarray:
    half = sample.pixels / 2 + palette("safe", 40)[sample.labels] / 2
    return np.asarray(half, np.uint8)


def _framed(sample: Sample) -> np.ndarray:
    return np.pad(sample.pixels, ((20, 20), (12, 12), (0, 0)), constant_values=255)


def _gray(sample: Sample) -> Image.Image:
    return Image.fromarray(sample.pixels).convert("L")


def _contrast(sample: Sample) -> np.ndarray:
    gray = np.asarray(_gray(sample)).astype(float)
    return np.asarray(((gray - np.median(gray)) * 3 + 128).clip(0, 255), np.uint8)


_ALL: dict[str, Make] = {}


def writes(name: str) -> Callable[[Make], Make]:
    """Enter a function under its name."""

    def enter(make: Make) -> Make:
        _ALL[name] = make
        return make

    return enter


@writes("VOC colors, PNG")
def _(s: Sample) -> bytes:
    return pil(palette("voc")[s.labels])


@writes("Cityscapes colors, PNG")
def _(s: Sample) -> bytes:
    return pil(palette("cityscapes", 19)[s.labels])


@writes("ADE20K colors, PNG")
def _(s: Sample) -> bytes:
    return pil(palette("ade20k", 150)[s.labels * 3])


@writes("safe colors, cv2 in BGR")
def _(s: Sample) -> bytes:
    return cv(palette("safe", 18)[s.labels][..., ::-1])


@writes("VOC palette, mode P")
def _(s: Sample) -> bytes:
    return pil(of_palette(s.labels, palette("voc", 256)))


@writes("VOC palette and 255, mode P")
def _(s: Sample) -> bytes:
    return pil(_void(s))


@writes("own palette, PNG")
def _(s: Sample) -> bytes:
    return pil(_own_palette(s)[s.labels])


@writes("own palette, mode P")
def _(s: Sample) -> bytes:
    return pil(of_palette(s.labels, np.resize(_own_palette(s), (256, 3))))


@writes("tab10, PNG")
def _(s: Sample) -> bytes:
    return pil(_tab10(s))


@writes("VOC colors, lossless WebP")
def _(s: Sample) -> bytes:
    return pil(palette("voc")[s.labels], "WEBP", lossless=True)


@writes("black and white, PNG")
def _(s: Sample) -> bytes:
    return pil((s.labels > 0).astype(np.uint8) * np.uint8(255))


@writes("black and white, TIFF of 1 bit")
def _(s: Sample) -> bytes:
    return pil(s.labels > 0, "TIFF")


@writes("VOC colors, opaque RGBA")
def _(s: Sample) -> bytes:
    return pil(Image.fromarray(palette("voc")[s.labels]).convert("RGBA"))


@writes("photo, JPEG")
def _(s: Sample) -> bytes:
    return pil(s.pixels, "JPEG", quality=85)


@writes("photo, PNG")
def _(s: Sample) -> bytes:
    return pil(s.pixels)


@writes("photo in gray, JPEG")
def _(s: Sample) -> bytes:
    return pil(_gray(s), "JPEG", quality=90)


@writes("photo out of focus")
def _(s: Sample) -> bytes:
    return pil(Image.fromarray(s.pixels).filter(ImageFilter.GaussianBlur(4)), "JPEG")


@writes("dark photo")
def _(s: Sample) -> bytes:
    return pil((s.pixels // 8), "JPEG", quality=95)


@writes("overexposed photo")
def _(s: Sample) -> bytes:
    return pil((s.pixels.astype(int) * 2).clip(0, 255).astype(np.uint8), "JPEG")


@writes("photo, 256 colors")
def _(s: Sample) -> bytes:
    return pil(Image.fromarray(s.pixels).convert("P", palette=Image.Palette.ADAPTIVE))


@writes("photo with a white frame")
def _(s: Sample) -> bytes:
    return pil(_framed(s), "JPEG")


@writes("mask over photo")
def _(s: Sample) -> bytes:
    return pil(_overlaid(s))


@writes("dark photo in gray")
def _(s: Sample) -> bytes:
    return pil(Image.fromarray(np.asarray(_gray(s)) // 6))


@writes("photo out of focus in gray")
def _(s: Sample) -> bytes:
    return pil(_gray(s).filter(ImageFilter.GaussianBlur(2)))


@writes("photo of high contrast in gray")
def _(s: Sample) -> bytes:
    return pil(_contrast(s))


@writes("photo of high contrast in gray, JPEG")
def _(s: Sample) -> bytes:
    return pil(_contrast(s), "JPEG", quality=90)


@writes("photo, WebP")
def _(s: Sample) -> bytes:
    return pil(s.pixels, "WEBP")


def healthy(part: Part) -> Iterator[tuple[str, str, bytes]]:
    """Name, sample, file; each kind on every sample."""
    for sample in samples(part):
        for name, make in _ALL.items():
            yield name, sample.name, make(sample)
