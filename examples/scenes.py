"""Rendered desks: pictures with the statistics of photographs, and their exact ground truth.

Surfaces carry 1/f noise as photographs do (Field 1987), light falls off across the desk, objects
throw shadows; a lens blurs, a sensor adds noise, a camera writes JPEG. Same seed, same picture.
"""

from __future__ import annotations

import io
from collections.abc import Callable
from functools import lru_cache

import numpy as np
from PIL import Image, ImageFilter

SIZE = 256  # pixels, height and width
CLASS_NAMES = ("desk", "ball", "book", "plant", "cup", "box")
POOL = 24  # different noise fields; each use rolls one of them to another place

Rng = np.random.Generator
Rows, Columns = np.mgrid[0:SIZE, 0:SIZE].astype(np.float32)


def render_scene(seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Render one desk with two to five objects.

    Args:
        seed: names the scene.

    Returns:
        pixels UInt8[256 256 3], and ids UInt8[256 256], 0 (desk) to 5 (box).
    """
    rng = np.random.default_rng(seed)
    pixels, ids = _desk(rng), np.zeros((SIZE, SIZE), np.uint8)
    for row, column in _places(rng, count=int(rng.integers(2, 6))):
        class_id = int(rng.integers(1, len(CLASS_NAMES)))
        inside, surface = OBJECTS[class_id](rng, row, column, rng.uniform(36, 62))
        pixels = _with_shadow(pixels, inside, rng)
        pixels = np.where(inside[..., None], surface, pixels)
        ids[inside] = class_id
    return _photographed(pixels * _light(rng)[..., None], rng), ids


# --- light and camera -----------------------------------------------------------------------------


@lru_cache(maxsize=1)
def _pool() -> np.ndarray:
    """Pink noise Float32[24 256 256]: amplitude 1/f, mean 0, standard deviation 1."""
    rng = np.random.default_rng(1)
    frequency = np.hypot(np.fft.fftfreq(SIZE)[:, None], np.fft.rfftfreq(SIZE)[None])
    frequency[0, 0] = np.inf
    fields = []
    for _ in range(POOL):
        spectrum = np.fft.rfft2(rng.standard_normal((SIZE, SIZE))) / frequency
        field = np.fft.irfft2(spectrum, s=(SIZE, SIZE))
        fields.append(field / field.std())
    return np.asarray(fields, np.float32)


def _noise(rng: Rng) -> np.ndarray:
    field: np.ndarray = _pool()[rng.integers(POOL)]
    down, right = rng.integers(0, SIZE, 2)
    return np.roll(field, (down, right), axis=(0, 1))


def _light(rng: Rng) -> np.ndarray:
    angle = rng.uniform(0, 2 * np.pi)
    across = (Columns * np.cos(angle) + Rows * np.sin(angle)) / SIZE
    light: np.ndarray = 1 + rng.uniform(0.05, 0.2) * (across - across.mean())
    return light


def _with_shadow(pixels: np.ndarray, inside: np.ndarray, rng: Rng) -> np.ndarray:
    down, right = int(rng.integers(3, 9)), int(rng.integers(-8, 9))
    beside = Image.new("L", (SIZE, SIZE))
    beside.paste(Image.fromarray(np.uint8(255) * inside), (right, down))
    depth = np.asarray(beside.filter(ImageFilter.GaussianBlur(6)), np.float32) / 255
    return pixels * (1 - rng.uniform(0.2, 0.4) * depth)[..., None]


def _photographed(pixels: np.ndarray, rng: Rng) -> np.ndarray:
    picture = Image.fromarray((pixels.clip(0, 1) * 255).astype(np.uint8))
    picture = picture.filter(ImageFilter.GaussianBlur(rng.uniform(0.5, 1.0)))
    noisy = np.asarray(picture, np.float32) + rng.normal(0, rng.uniform(1.5, 4), pixels.shape)
    file = io.BytesIO()
    quality = int(rng.integers(75, 96))
    Image.fromarray(noisy.clip(0, 255).astype(np.uint8)).save(file, "JPEG", quality=quality)
    return np.asarray(Image.open(file, formats=["JPEG"]))


# --- surfaces -------------------------------------------------------------------------------------


def _color(rng: Rng, low: float, high: float, saturation: float) -> np.ndarray:
    base = rng.uniform(low, high)
    tint = rng.uniform(-1, 1, 3)
    return np.asarray(base + saturation * (tint - tint.mean()), np.float32).clip(0.02, 0.98)


def _desk(rng: Rng) -> np.ndarray:
    """A smooth bright surface, a little textured."""
    color = _color(rng, 0.5, 0.8, 0.06)
    grain = rng.uniform(0.015, 0.04) * _noise(rng)
    return color + grain[..., None]


def _turned(row: float, column: float, angle: float) -> tuple[np.ndarray, np.ndarray]:
    """Coordinates across and along an object that is turned by `angle` radians."""
    dx, dy = Columns - column, Rows - row
    return (
        dx * np.cos(angle) + dy * np.sin(angle),
        dy * np.cos(angle) - dx * np.sin(angle),
    )


def _places(rng: Rng, count: int) -> list[tuple[float, float]]:
    """Centers that are not on top of each other, as far as ten tries find them."""
    places: list[tuple[float, float]] = []
    for _ in range(count):
        tries = rng.uniform(30, SIZE - 30, (10, 2))
        gaps = [min((np.hypot(*(t - p)) for p in places), default=SIZE) for t in tries]
        places.append(tuple(tries[int(np.argmax(gaps))]))
    return places


# --- objects: where one is (Bool[256 256]) and how it looks (Float32[256 256 3]) ---

Object = tuple[np.ndarray, np.ndarray]


def _ball(rng: Rng, row: float, column: float, radius: float) -> Object:
    """A shaded sphere with a stripe."""
    across, along = _turned(row, column, rng.uniform(0, np.pi))
    distance = np.hypot(across, along) / radius
    stripe = np.abs(along / radius + 0.15) < 0.22
    color = np.where(
        stripe[..., None],
        np.float32(0.95),
        _vivid(rng, hues=((0.85, 0.1, 0.1), (0.95, 0.55, 0.05))),
    )
    height = np.sqrt(np.maximum(0, 1 - distance**2))
    light = 0.25 + 0.85 * height - 0.25 * (Columns - column) / radius
    return distance < 1, color * light[..., None] + 0.02 * _noise(rng)[..., None]


def _vivid(rng: Rng, hues: tuple[tuple[float, float, float], ...]) -> np.ndarray:
    chosen = np.asarray(hues[rng.integers(len(hues))], np.float32)
    return (chosen + rng.uniform(-0.07, 0.07, 3).astype(np.float32)).clip(0, 1)


def _book(rng: Rng, row: float, column: float, size: float) -> Object:
    """A dark cover with light lines of text and the edge of its pages."""
    across, along = _turned(row, column, rng.uniform(0, np.pi))
    inside = (np.abs(across) < 0.75 * size) & (np.abs(along) < size)
    lines = (np.sin(along * 2 * np.pi / 11) > 0.35) & (np.abs(across) < 0.5 * size)
    pages = across > 0.62 * size
    cover = _vivid(rng, hues=((0.08, 0.12, 0.38), (0.3, 0.06, 0.12), (0.07, 0.22, 0.26)))
    surface = np.where(lines[..., None], np.float32(0.86), cover)
    surface = np.where(pages[..., None], np.float32(0.92), surface)
    return inside, surface + 0.03 * _noise(rng)[..., None]


def _plant(rng: Rng, row: float, column: float, size: float) -> Object:
    """A rosette of pointed leaves with veins."""
    across, along = _turned(row, column, rng.uniform(0, np.pi))
    distance, angle = np.hypot(across, along), np.arctan2(along, across)
    leaves = int(rng.integers(5, 8))
    reach = size * 1.15 * (0.52 + 0.48 * np.abs(np.cos(angle * leaves / 2)))
    veins = 0.5 + 0.5 * np.cos(angle * leaves * 4 + distance / 3)
    color = _vivid(rng, hues=((0.1, 0.4, 0.1), (0.2, 0.45, 0.08), (0.06, 0.32, 0.16)))
    light = 0.55 + 0.45 * veins + 0.35 * distance / size + 0.18 * _noise(rng)
    return distance < reach, color * light[..., None]


def _cup(rng: Rng, row: float, column: float, size: float) -> Object:
    """A standing cylinder with a dark mouth and a handle."""
    dx, dy = Columns - column, Rows - row
    width, side = 0.72 * size, 1 if rng.random() < 0.5 else -1
    body = (np.abs(dx) < width * (1 - 0.12 * dy / size)) & (np.abs(dy) < 0.9 * size)
    ring = np.hypot((dx - side * width) / 0.48, dy / 0.6) / size
    handle = (ring < 1) & (ring > 0.58) & (dx * side > 0)
    mouth = np.hypot(dx / (width * 1.02), (dy + 0.82 * size) / (0.2 * size)) < 1
    color = _vivid(rng, hues=((0.1, 0.5, 0.75), (0.1, 0.62, 0.6), (0.35, 0.25, 0.7)))
    round_light = 0.35 + 0.9 * np.sqrt(np.maximum(0, 1 - (dx / (1.3 * width) + 0.25) ** 2))
    surface = color * round_light[..., None] + 0.015 * _noise(rng)[..., None]
    return body | handle | mouth, np.where(mouth[..., None], np.float32(0.1), surface)


def _box(rng: Rng, row: float, column: float, size: float) -> Object:
    """Corrugated cardboard with a strip of tape."""
    across, along = _turned(row, column, rng.uniform(0, np.pi))
    inside = (np.abs(across) < 0.95 * size) & (np.abs(along) < 0.8 * size)
    ridges = 0.1 * np.sin(across * 2 * np.pi / 6)
    tape = np.abs(along) < 0.13 * size
    color = _vivid(rng, hues=((0.5, 0.32, 0.16), (0.42, 0.27, 0.12)))
    surface = color * (1 + ridges + 0.16 * _noise(rng))[..., None]
    return inside, np.where(tape[..., None], surface * 0.45, surface)


OBJECTS: dict[int, Callable[[Rng, float, float, float], Object]] = {
    1: _ball,
    2: _book,
    3: _plant,
    4: _cup,
    5: _box,
}
