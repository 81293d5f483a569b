"""Sets of tiny pictures, a tiny network, and a plan for them, for the tests of sweeps."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from PIL import Image as PillowImage
from torch import nn

from core.architectures import Account, Network
from core.dataset.entry import DataSet, Entry, Truths
from core.errors import DataSetError
from core.image import read_raster
from core.scores import Truth, decode_truth
from core.settings import Settings, change
from core.sweep import Named, Plan
from tests.support.networks import seeded

CLASSES = 4
SIDE = 24  # pixels
NOTHING = Account(matched=(), missing=(), unexpected=(), wrong_shape=())
SETTINGS = (
    Named("unit", Settings()),
    Named("bgr", change(Settings(), color="bgr")),
    Named("only sure", change(Settings(), rule="per_class", activation="softmax", threshold=0.4)),
)


@dataclass(frozen=True)
class OnDisk:
    """A file by its path; the sources of core/dataset are not needed for these tests."""

    path: Path

    @property
    def name(self) -> str:
        return self.path.name

    def read(self) -> bytes:
        try:
            return self.path.read_bytes()
        except OSError as error:
            raise DataSetError(f"{self.name} is gone.", remedy="Put it back.") from error


def truth_of(entry: Entry, truths: Truths, size: tuple[int, int]) -> Truth:
    return decode_truth(entry.truth.read(), None, size)


def tiny_network(digest: str = "tiny") -> Network:
    torch.manual_seed(1)
    layers = nn.Conv2d(3, 8, 3, padding=1), nn.BatchNorm2d(8), nn.ReLU(), nn.Conv2d(8, CLASSES, 1)
    module = seeded(nn.Sequential(*layers)).requires_grad_(False)
    module = module.to(memory_format=torch.channels_last)
    return Network(module, "tiny", CLASSES, 3, None, NOTHING, digest)


def tiny_set(folder: Path, count: int, *, truths: bool = True) -> DataSet:
    """Pictures of noise, no two alike, with masks of which class 3 is in none; 255 is in all."""
    chance = np.random.default_rng(0)
    entries = []
    for number in range(count):
        picture, mask = folder / f"{number:04d}.png", folder / f"{number:04d}_mask.png"
        pixels = chance.integers(0, 256, (SIDE, SIDE + number % 3, 3), np.uint8)
        ids = chance.choice([0, 1, 2, 255], pixels.shape[:2]).astype(np.uint8)
        PillowImage.fromarray(pixels).save(picture)
        PillowImage.fromarray(ids).save(mask)
        entries.append(Entry(f"{number:04d}", OnDisk(picture), OnDisk(mask) if truths else None))
    return DataSet("tiny", "pictures and masks", tuple(entries))


def tiny_plan(**changes) -> Plan:
    return replace(Plan("tiny", SETTINGS), **changes)


def numbers(rows) -> list:
    """The rows in order, without the time that they took."""
    ordered = sorted(rows, key=lambda row: (row.index, row.setting))
    return [replace(row, seconds=0.0) for row in ordered]


IN_HERE = {"truth_of": truth_of, "read": read_raster}
