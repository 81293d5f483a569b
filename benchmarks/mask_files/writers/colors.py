"""Files in color, and what is made of them."""

from __future__ import annotations

import io

import cv2
import matplotlib.pyplot as plt
import numpy as np
from PIL import Image

from benchmarks.mask_files.samples import Sample
from benchmarks.mask_files.writers.parts import foreground, jpeg, wide
from benchmarks.mask_files.writers.writer import writes
from benchmarks.mask_files.writing import cv, palette, pil


def _imsave(array: np.ndarray, **options: object) -> bytes:
    file = io.BytesIO()
    plt.imsave(file, array, format="png", **options)
    return file.getvalue()


def _figure(sample: Sample) -> bytes:
    plt.imshow(sample.labels)
    file = io.BytesIO()
    plt.savefig(file, format="png")
    plt.close()
    return file.getvalue()


def _gray_of(colored: np.ndarray) -> bytes:
    return pil(Image.fromarray(colored).convert("L"))


def _read_gray(sample: Sample) -> bytes:
    content = np.frombuffer(pil(palette("cityscapes", 19)[sample.labels]), np.uint8)
    gray = cv2.imdecode(content, cv2.IMREAD_GRAYSCALE)
    assert gray is not None
    return cv(gray)


def _jpeg_as_png(picture: np.ndarray) -> bytes:
    return pil(Image.open(io.BytesIO(jpeg(picture, 80)), formats=("JPEG",)))


def _spread(sample: Sample) -> np.ndarray:
    return sample.labels * np.uint8(255 // (sample.num_classes - 1))


def _larger(ids: np.ndarray, factor: float) -> np.ndarray:
    size = (int(ids.shape[1] * factor), int(ids.shape[0] * factor))
    return np.asarray(cv2.resize(ids, size))


def _fractions(sample: Sample) -> bytes:
    colors = np.array(plt.get_cmap("Set1").colors)  # type: ignore[attr-defined]
    colors[0] = 0
    colors[1:4] = ((1, 0, 0), (0, 1, 0), (0, 0, 1))
    return pil(np.resize(colors, (40, 3))[sample.labels].astype(np.uint8))


def _dark(sample: Sample) -> bytes:
    colors = np.random.default_rng(sample.seed).permutation(48).reshape(-1, 3) // 4
    colors = np.concatenate([colors, colors[::-1, ::-1]]).astype(np.uint8)
    return pil(np.resize(colors, (64, 3))[sample.labels])


def _with_eight(sample: Sample) -> np.ndarray:
    """Ids of animals and furniture, whose colors are others when red and blue are exchanged."""
    return np.where(sample.labels > 0, (sample.labels - 1) % 12 + 8, 0).astype(np.uint8)


def _gapped(sample: Sample) -> np.ndarray:
    return (sample.labels * 3).astype(np.uint8)


def _doubled(gray: np.ndarray) -> Image.Image:
    picture = Image.fromarray(gray)
    return picture.resize((2 * picture.width, 2 * picture.height))


def _smaller(rgb: np.ndarray) -> Image.Image:
    picture = Image.fromarray(rgb)
    return picture.resize((int(picture.width * 0.6), int(picture.height * 0.6)))


@writes("VOC colors, cv2.imwrite without BGR", "bgr_palette")
def _(s: Sample) -> bytes:
    return cv(palette("voc")[_with_eight(s)])


@writes("Cityscapes colors, cv2.imwrite without BGR", "bgr_palette")
def _(s: Sample) -> bytes:
    return cv(palette("cityscapes", 19)[s.labels])


@writes('VOC colors, convert("L")', "palette_luminance")
def _(s: Sample) -> bytes:
    return _gray_of(palette("voc", 21)[wide(s)])


@writes("Cityscapes colors, cv2.IMREAD_GRAYSCALE", "palette_luminance")
def _(s: Sample) -> bytes:
    return _read_gray(s)


@writes("ids, plt.imsave", "color_map")
def _(s: Sample) -> bytes:
    return _imsave(s.labels)


@writes("ids, plt.imsave(cmap=jet)", "color_map")
def _(s: Sample) -> bytes:
    return _imsave(s.labels, cmap="jet")


@writes("ids, plt.imsave(cmap=gray)", "stretched")
def _(s: Sample) -> bytes:
    return _imsave(s.labels, cmap="gray")


@writes("ids, cv2.applyColorMap", "color_map")
def _(s: Sample) -> bytes:
    return cv(cv2.applyColorMap(s.labels, cv2.COLORMAP_JET))


@writes("probabilities, plt.imsave", "heat_map")
def _(s: Sample) -> bytes:
    return _imsave(s.probabilities[1])


@writes("plt.imshow, plt.savefig", "figure")
def _(s: Sample) -> bytes:
    return _figure(s)


@writes("colors from 0 to 1, astype(uint8)", "palette_as_fractions")
def _(s: Sample) -> bytes:
    return _fractions(s)


@writes("colors under 12 of 255", "dark_colors")
def _(s: Sample) -> bytes:
    return _dark(s)


@writes("black and white as JPEG", "jpeg_ghosts")
def _(s: Sample) -> bytes:
    return jpeg(foreground(s) * np.uint8(255), 90)


@writes("grays as JPEG", "jpeg_ghosts")
def _(s: Sample) -> bytes:
    return jpeg(_spread(s), 95)


@writes("VOC colors as JPEG", "jpeg_ghosts")
def _(s: Sample) -> bytes:
    return jpeg(palette("voc")[s.labels], 90)


@writes("grays as JPEG, then PNG", "jpeg_ghosts")
def _(s: Sample) -> bytes:
    return _jpeg_as_png(_spread(s))


@writes("ids enlarged, cv2.resize", "resized")
def _(s: Sample) -> bytes:
    return cv(_larger(_gapped(s), 2))


@writes("black and white enlarged, cv2.resize", "resized")
def _(s: Sample) -> bytes:
    return cv(_larger(foreground(s) * np.uint8(255), 1.7))


@writes("grays enlarged, PIL bicubic", "resized")
def _(s: Sample) -> bytes:
    return pil(_doubled(_spread(s)))


@writes("black and white as JPEG, then PNG", "jpeg_ghosts")
def _(s: Sample) -> bytes:
    return _jpeg_as_png(foreground(s) * np.uint8(255))


@writes("VOC colors made smaller, PIL", "resized")
def _(s: Sample) -> bytes:
    return pil(_smaller(palette("voc")[s.labels]))
