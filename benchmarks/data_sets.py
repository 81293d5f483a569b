"""How a set is opened and looked at: which odd masks are named, what a mask costs, how much memory.

Call it as `python -m benchmarks.data_sets`; figures go to benchmarks/results/data_sets.json.
"""

from __future__ import annotations

import io
import json
import resource
import subprocess
import sys
import tempfile
import time
import zipfile
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
from PIL import Image

from benchmarks.foreign.scenes import render
from core.dataset import Truths, look_at_set, open_set
from core.dataset.look.mask import see
from core.image import read_raster
from examples.scenes import render_scene

OUT = Path(__file__).parent / "results" / "data_sets.json"
WORLDS, SEEDS = ("desk", "street", "cells", "fields"), range(9000, 9015)
MEMBERS = 10_000
FEW, MANY = 50, 500  # entries whose peaks of memory are compared


def _resized(factor: float, way: Image.Resampling) -> Callable[[Image.Image], bytes]:
    def write(mask: Image.Image) -> bytes:
        size = (int(mask.width * factor), int(mask.height * factor))
        return _file(mask.resize(size, way), "PNG")

    return write


WAYS: dict[str, Callable[[Image.Image], bytes]] = {
    "as it is": lambda mask: _file(mask, "PNG"),
    "nearest, x 1.3": _resized(1.3, Image.Resampling.NEAREST),
    "bilinear, x 1.3": _resized(1.3, Image.Resampling.BILINEAR),
    "bilinear, x 0.5": _resized(0.5, Image.Resampling.BILINEAR),
    "bicubic, x 1.3": _resized(1.3, Image.Resampling.BICUBIC),
    "JPEG 75": lambda mask: _file(mask, "JPEG", quality=75),
    "JPEG 95": lambda mask: _file(mask, "JPEG", quality=95),
}


def main() -> None:
    """Measure, print, write; `--memory folder count` is what it calls itself for a peak."""
    if sys.argv[1:2] == ["--memory"]:
        print(_peak(Path(sys.argv[2]), int(sys.argv[3])))
        return
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        told = {"named": _named(), **_archive(root / "s.zip"), **_cost(root / "set")}
    OUT.write_text(json.dumps(told, indent=1) + "\n")
    print(json.dumps(told, indent=1))


def _named() -> dict[str, dict[str, int]]:
    """Way of writing -> what the look says -> masks; ids as grays, and 0 and 255 of their first."""
    found: dict[str, dict[str, int]] = {}
    masks = {
        "ids": [ids.astype(np.uint8) for _, ids in _scenes()],
        "0 and 255": [(ids > 0) * np.uint8(255) for _, ids in _scenes()],
    }
    for kind, drawn in masks.items():
        for way, write in WAYS.items():
            said = Counter(_said(write(Image.fromarray(mask))) for mask in drawn)
            found[f"{kind}, {way}"] = dict(sorted(said.items()))
    return found


def _scenes() -> Iterator[tuple[np.ndarray, np.ndarray]]:
    for world in WORLDS:
        for seed in SEEDS:
            yield render_scene(seed) if world == "desk" else render(world, seed)


def _said(content: bytes) -> str:
    seen = see(read_raster(content), Truths())
    return "ghosts" if seen.ghosts else seen.other or "a label map"


def _archive(path: Path) -> dict[str, float]:
    with zipfile.ZipFile(path, "w") as archive:
        for k in range(MEMBERS // 2):
            archive.writestr(f"images/frame_{k:05}.jpg", b"x" * 1000)
            archive.writestr(f"masks/frame_{k:05}.png", b"y" * 1000)
    began = time.process_time()
    found = open_set(path)
    opened = time.process_time()
    for entry in found.data.entries:
        entry.picture.read()
    read = (time.process_time() - opened) / len(found.data.entries)
    return {"open_10000_members_s": round(opened - began, 2), "read_member_us": round(read * 1e6)}


def _cost(folder: Path) -> dict[str, float]:
    """Time of a look, with decoding in processes of their own, and the peaks of two sizes."""
    for kind in ("images", "masks"):
        (folder / kind).mkdir(parents=True)
    scenes = list(_scenes())
    for k in range(MANY):
        pixels, ids = scenes[k % len(scenes)]
        (folder / f"images/{k}.jpg").write_bytes(_file(Image.fromarray(pixels), "JPEG"))
        (folder / f"masks/{k}.png").write_bytes(_file(Image.fromarray(ids), "PNG"))
    found = open_set(folder)
    began = time.monotonic()
    look_at_set(found)
    both = (time.monotonic() - began) / MANY
    began = time.monotonic()
    look_at_set(found, pictures=False)
    alone = (time.monotonic() - began) / MANY
    peaks = [_asked(folder, count) for count in (FEW, MANY)]
    return {
        "look_ms": round(1e3 * both, 1),
        "look_at_masks_alone_ms": round(1e3 * alone, 1),
        "pixels_of_a_mask": round(float(np.mean([ids.size for _, ids in scenes]))),
        "peak_mb_of_50": peaks[0],
        "peak_mb_of_500": peaks[1],
    }


def _asked(folder: Path, count: int) -> float:
    command = [sys.executable, "-m", "benchmarks.data_sets", "--memory", str(folder), str(count)]
    return float(subprocess.run(command, capture_output=True, text=True, check=True).stdout)


def _peak(folder: Path, count: int) -> float:
    """Of this process, MB, after a look at the first entries."""
    left = iter(range(count))
    look_at_set(open_set(folder), stop=lambda: next(left, None) is None)
    return round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024, 1)


def _file(picture: Image.Image, kind: str, **options: int) -> bytes:
    file = io.BytesIO()
    picture.save(file, kind, **options)
    return file.getvalue()


if __name__ == "__main__":
    main()
