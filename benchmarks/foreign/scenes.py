"""Three more kinds of scenes: a street in depth, cells under a microscope, fields from above.

Textures are 1/f noise, as photographs have (Field 1987); light, lens, sensor and JPEG are those of
`examples.scenes`. Same kind and seed, same picture.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from examples.scenes import _light, _noise, _photographed

Rng = np.random.Generator
Drawn = tuple[np.ndarray, np.ndarray]  # Float32[h w 3] from 0 to 1, UInt8[h w]


@dataclass(frozen=True)
class World:
    """One kind of scenes."""

    size: tuple[int, int]  # height and width in pixels
    classes: tuple[str, ...]
    draw: Callable[[Rng, int, int], Drawn]


@lru_cache(maxsize=4096)
def render(kind: str, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Render one scene.

    Args:
        kind: a key of `WORLDS`.
        seed: names the scene.

    Returns:
        pixels UInt8[h w 3], and ids UInt8[h w].
    """
    world = WORLDS[kind]
    rng = np.random.default_rng([seed, *kind.encode()])
    pixels, ids = world.draw(rng, *world.size)
    light = _light(rng)[: world.size[0], : world.size[1], None]
    return _photographed(pixels * light, rng), ids


def _texture(rng: Rng, h: int, w: int, amount: float) -> np.ndarray:
    """Pink noise Float32[h w 1] of this standard deviation."""
    field: np.ndarray = np.float32(amount) * _noise(rng)[:h, :w, None]
    return field


def _tone(rng: Rng, red: float, green: float, blue: float, spread: float = 0.06) -> np.ndarray:
    """Float32[3] near a color."""
    shift = rng.uniform(-spread, spread, 3).astype(np.float32)
    return np.asarray([red, green, blue], np.float32) + shift


def _grid(h: int, w: int) -> tuple[np.ndarray, np.ndarray]:
    rows, columns = np.mgrid[0:h, 0:w].astype(np.float32)
    return rows, columns


def _turned(down: np.ndarray, right: np.ndarray, turn: float) -> tuple[np.ndarray, np.ndarray]:
    """How far across and along a line of this angle, in pixels."""
    cos, sin = np.cos(turn), np.sin(turn)
    return right * cos + down * sin, down * cos - right * sin


# --- a street -------------------------------------------------------------------------------------


def _street(rng: Rng, h: int, w: int) -> Drawn:
    """Road, houses, cars, people and sky; what is far is small, high and pale."""
    rows, columns = _grid(h, w)
    horizon, middle = h * rng.uniform(0.35, 0.5), w * rng.uniform(0.35, 0.65)
    pixels = _tone(rng, 0.36, 0.36, 0.38) + _texture(rng, h, w, 0.04)
    ids = np.zeros((h, w), np.uint8)
    lane = np.abs(columns - middle) < 0.03 * (rows - horizon)
    dashes = np.sin(600 / np.maximum(rows - horizon, 1)) > 0.2
    pixels = np.where((lane & dashes)[..., None], np.float32(0.9), pixels)
    sky = rows < horizon
    pixels = np.where(sky[..., None], _sky(rng, h, w), pixels)
    ids[sky] = 4
    for side in (-1, 1):
        pixels, ids = _row_of_houses(rng, pixels, ids, side, horizon, middle)
    things = [(rng.uniform(0.15, 1.0), int(rng.integers(2, 4))) for _ in range(rng.integers(2, 6))]
    for near, class_id in sorted(things):  # the nearest last, in front
        pixels, ids = _standing(rng, pixels, ids, class_id, near, horizon)
    return pixels, ids


def _sky(rng: Rng, h: int, w: int) -> np.ndarray:
    clouds: np.ndarray = _tone(rng, 0.6, 0.72, 0.88, 0.08) + _texture(rng, h, w, 0.05)
    return clouds


def _row_of_houses(
    rng: Rng, pixels: np.ndarray, ids: np.ndarray, side: int, horizon: float, middle: float
) -> Drawn:
    """Fronts along one side, which run towards the vanishing point."""
    h, w = ids.shape
    rows, columns = _grid(h, w)
    away = side * (columns - middle)
    width = max(middle, w - middle)
    reach = np.clip(away / width, 0, 1)
    top = horizon - reach * h * rng.uniform(0.5, 0.9)
    foot = horizon + reach * h * rng.uniform(0.12, 0.3)
    front = (away > 0.12 * w) & (rows > top) & (rows < foot)
    color = _tone(rng, 0.62, 0.42, 0.32, 0.12)
    wall = color * (1 + _texture(rng, h, w, 0.1))
    storey = (rows - horizon) / np.maximum(reach, 0.05)
    windows = (np.sin(storey / h * 28) > 0.35) & (np.sin(60 * np.log(reach + 0.15)) > 0.1)
    wall = np.where(windows[..., None], np.asarray([0.16, 0.2, 0.26], np.float32), wall)
    ids = ids.copy()
    ids[front] = 1
    return np.where(front[..., None], wall, pixels), ids


def _standing(
    rng: Rng, pixels: np.ndarray, ids: np.ndarray, class_id: int, near: float, horizon: float
) -> Drawn:
    """A car (2) or a person (3) on the road, `near` from 0 (horizon) to 1 (before the lens)."""
    h, w = ids.shape
    rows, columns = _grid(h, w)
    foot = horizon + near * (h - horizon)
    tall = (0.12 + 0.38 * near) * h * (0.75 if class_id == 2 else 1.1)
    wide = tall * (0.85 if class_id == 2 else 0.2)
    column = rng.uniform(0.12, 0.88) * w
    dx, up = (columns - column) / wide, (foot - rows) / tall
    if class_id == 2:
        body = (np.abs(dx) < 1) & (up > 0.12) & (up < 0.55)
        cabin = (np.abs(dx) < 0.65) & (up >= 0.5) & (up < 1)
        wheels = np.hypot(np.abs(dx) - 0.6, (up - 0.14) * tall / wide) < 0.2
        paint = _tone(rng, *((0.75, 0.1, 0.1), (0.1, 0.2, 0.6), (0.85, 0.82, 0.2))[rng.integers(3)])
        surface = paint * (0.75 + 0.5 * up[..., None])
        surface = np.where((cabin & (np.abs(dx) < 0.5) & (up < 0.92))[..., None], 0.2, surface)
        surface = np.where(wheels[..., None], np.float32(0.06), surface)
        inside = body | cabin | wheels
    else:
        head = np.hypot(dx * wide, (up - 0.9) * tall) < 0.1 * tall
        inside = head | ((np.abs(dx) < 0.8 - 0.3 * (up < 0.45)) & (up > 0) & (up < 0.8))
        coat = _tone(rng, *((0.1, 0.5, 0.25), (0.85, 0.45, 0.1), (0.5, 0.15, 0.5))[rng.integers(3)])
        surface = np.where((up > 0.42)[..., None], coat, np.asarray([0.12, 0.12, 0.2], np.float32))
        surface = np.where(head[..., None], np.asarray([0.8, 0.6, 0.48], np.float32), surface)
    ids = ids.copy()
    ids[inside] = class_id
    grain = 1 + _texture(rng, h, w, 0.05)
    return np.where(inside[..., None], surface * grain, pixels), ids


# --- cells ----------------------------------------------------------------------------------------


def _cells(rng: Rng, h: int, w: int) -> Drawn:
    """Stained tissue: bright medium (0), cells (1) with nuclei (2), and fibers (3)."""
    rows, columns = _grid(h, w)
    pixels = _tone(rng, 0.88, 0.83, 0.86, 0.03) + _texture(rng, h, w, 0.025)
    ids = np.zeros((h, w), np.uint8)
    stain = _tone(rng, 0.8, 0.52, 0.66, 0.05)
    for _ in range(int(rng.integers(5, 12))):
        row, column = rng.uniform(0, h), rng.uniform(0, w)
        radius = rng.uniform(0.09, 0.17) * h
        angle = np.arctan2(rows - row, columns - column)
        wobble = 1 + 0.12 * np.cos(angle * rng.integers(2, 5) + rng.uniform(0, 6))
        distance = np.hypot((rows - row) * rng.uniform(0.8, 1.25), columns - column)
        body = distance < radius * wobble
        pixels = np.where(body[..., None], stain * (1 + _texture(rng, h, w, 0.07)), pixels)
        ids[body] = 1
        shift = rng.uniform(-0.2, 0.2, 2) * radius
        core = np.hypot(rows - row - shift[0], columns - column - shift[1]) < radius * 0.48
        dark = _tone(rng, 0.32, 0.2, 0.5, 0.04) * (1 + _texture(rng, h, w, 0.15))
        pixels = np.where(core[..., None], dark, pixels)
        ids[core] = 2
    for _ in range(int(rng.integers(1, 4))):
        row, column, turn = rng.uniform(0, h), rng.uniform(0, w), rng.uniform(0, np.pi)
        across, along = _turned(rows - row, columns - column, turn)
        fiber = (np.abs(across) < 0.05 * h) & (np.abs(along) < 0.22 * h)
        color = _tone(rng, 0.3, 0.5, 0.3) * (1 + 0.25 * np.sin(along / 2))[..., None]
        pixels = np.where(fiber[..., None], color, pixels)
        ids[fiber] = 3
    return pixels, ids


# --- fields from above ----------------------------------------------------------------------------


def _fields(rng: Rng, h: int, w: int) -> Drawn:
    """Plots of bare soil (0), crop (1), forest (2) and water (3), with roads and roofs (4, 5)."""
    rows, columns = _grid(h, w)
    seeds = rng.uniform(0, 1, (int(rng.integers(7, 13)), 2)) * [h, w]
    stretch = rng.uniform(0.6, 1.6)
    down, right = rows[..., None] - seeds[:, 0], columns[..., None] - seeds[:, 1]
    gaps = stretch * np.abs(down) + np.abs(right)
    plot = gaps.argmin(-1)
    pixels, ids = np.zeros((h, w, 3), np.float32), np.zeros((h, w), np.uint8)
    for number in range(len(seeds)):
        class_id = int(rng.choice(4, p=(0.3, 0.3, 0.25, 0.15)))
        inside = plot == number
        pixels[inside] = _ground(rng, class_id, rows, columns)[inside]
        ids[inside] = class_id
    turn, at = rng.uniform(0, np.pi), rng.uniform(0.3, 0.7, 2) * [h, w]
    across, _ = _turned(rows - at[0], columns - at[1], turn)
    road = np.abs(across + 6 * np.sin((rows + columns) / 40)) < 0.035 * h
    pixels[road] = (_tone(rng, 0.62, 0.6, 0.58, 0.03) + _texture(rng, h, w, 0.02))[road]
    ids[road] = 4
    for _ in range(int(rng.integers(4, 9))):
        row, column, turn = rng.uniform(0, h), rng.uniform(0, w), rng.uniform(0, np.pi)
        dx, dy = _turned(rows - row, columns - column, turn)
        roof = (np.abs(dx) < 0.055 * h) & (np.abs(dy) < 0.075 * h)
        slope = np.where(dx > 0, 1.0, 0.75)[..., None]
        pixels[roof] = (_tone(rng, 0.72, 0.26, 0.18) * slope)[roof]
        ids[roof] = 5
    return pixels, ids


def _ground(rng: Rng, class_id: int, rows: np.ndarray, columns: np.ndarray) -> np.ndarray:
    """One surface over the whole picture, Float32[h w 3]."""
    h, w = rows.shape
    turn = rng.uniform(0, np.pi)
    along = columns * np.cos(turn) + rows * np.sin(turn)
    furrows = np.sin(along * 2 * np.pi / rng.uniform(5, 9))[..., None]
    surface: np.ndarray
    if class_id == 0:
        surface = _tone(rng, 0.56, 0.43, 0.3, 0.05) * (
            1 + 0.04 * furrows + _texture(rng, h, w, 0.06)
        )
    elif class_id == 1:
        surface = _tone(rng, 0.55, 0.66, 0.26, 0.05) * (
            1 + 0.12 * furrows + _texture(rng, h, w, 0.05)
        )
    elif class_id == 2:
        clumps = rng.standard_normal((h // 4 + 1, w // 4 + 1)).repeat(4, 0).repeat(4, 1)[:h, :w]
        leaves = 1 + 0.22 * clumps[..., None].astype(np.float32)
        surface = _tone(rng, 0.13, 0.28, 0.12, 0.03) * leaves
    else:
        surface = _tone(rng, 0.14, 0.24, 0.36, 0.03) + _texture(rng, h, w, 0.012)
    return surface


WORLDS: dict[str, World] = {
    "street": World((128, 192), ("road", "house", "car", "person", "sky"), _street),
    "cells": World((128, 128), ("medium", "cell", "nucleus", "fiber"), _cells),
    "fields": World((160, 160), ("soil", "crop", "forest", "water", "road", "roof"), _fields),
}
