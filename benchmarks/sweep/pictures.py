"""Rendered desks that no network was trained on, with their masks, as a folder of pictures."""

from __future__ import annotations

from pathlib import Path

from PIL import Image

from examples.scenes import render_scene

FIRST_SEED = 700_000  # far from those of training and examples


def make_pictures(folder: Path, count: int) -> Path:
    """Write so many pictures of 256 x 256 as images/ and masks/; those that are there stay."""
    for name in ("images", "masks"):
        (folder / name).mkdir(parents=True, exist_ok=True)
    for number in range(count):
        name = f"{number:05d}.png"
        if (folder / "masks" / name).exists():
            continue
        pixels, ids = render_scene(FIRST_SEED + number)
        Image.fromarray(pixels).save(folder / "images" / name)
        Image.fromarray(ids).save(folder / "masks" / name)
    return folder
