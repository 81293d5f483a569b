"""The four networks, in the shapes that people have, trained for minutes: their masks move.

With random weights every pixel has one class, and nobody could see that anything was painted.
Weights are made anew where they are missing; seeded, and never in git.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F

from benchmarks.foreign.networks import Enlarged, _segformer, _smp, _torchvision
from benchmarks.performance.pictures import NAMES, SEEN, SIDE, mosaic
from benchmarks.workers import say
from core.presets import IMAGENET_MEAN, IMAGENET_STD

FOLDER = Path(__file__).resolve().parent / "weights"  # not in git
CLASSES = len(NAMES)  # 21
PICTURES, BATCH, WINDOW = 24, 4, 128  # of training; pixels a side of a window
MOMENTUM = 0.1  # of running statistics; MobileNet's 0.01 needs more steps than there are
RATE = 2e-3


@dataclass(frozen=True)
class Measured:
    """One network of the measurements."""

    name: str  # in the JSON
    title: str
    build: Callable[[], nn.Module]
    steps: int  # of training
    side: int = SIDE  # pixels that its input has; the next that its layers take

    @property
    def path(self) -> Path:
        """Its state_dict."""
        return FOLDER / f"{self.name}.pth"

    def trained(self) -> nn.Module:
        """In eval mode, with its weights, which are trained first where there are none."""
        if not self.path.exists():
            train(self)
        network = self.build()
        network.load_state_dict(torch.load(self.path, weights_only=True))
        return network.eval().requires_grad_(False)


NETWORKS = {
    one.name: one
    for one in (
        Measured("mobilenet_v3", "DeepLabV3-MobileNetV3",
                 partial(_torchvision("deeplabv3_mobilenet_v3_large"), CLASSES), 400),
        Measured("resnet50", "DeepLabV3-ResNet-50",
                 partial(_torchvision("deeplabv3_resnet50"), CLASSES), 120),
        Measured("unet", "SMP U-Net resnet34",
                 partial(_smp("Unet", "resnet34"), CLASSES), 150, side=544),
        Measured("segformer", "SegFormer-b0", partial(_segformer(), CLASSES), 400),
    )
}  # fmt: skip


def normalized(pixels: np.ndarray) -> torch.Tensor:
    """UInt8[n h w 3] to Float32[n 3 h w] with ImageNet's mean and std."""
    mean, std = (torch.tensor(values).view(3, 1, 1) for values in (IMAGENET_MEAN, IMAGENET_STD))
    return (torch.from_numpy(pixels).permute(0, 3, 1, 2).float() / 255 - mean) / std


def train(measured: Measured) -> None:
    """From random numbers; writes the file."""
    began, seed = time.monotonic(), sum(measured.name.encode())
    rng = np.random.default_rng(seed)
    torch.manual_seed(seed)
    network = measured.build().train()
    for norm in network.modules():
        if isinstance(norm, nn.BatchNorm2d):
            norm.momentum = MOMENTUM
    loss = _learn(Enlarged(network), measured.steps, rng)
    FOLDER.mkdir(exist_ok=True)
    torch.save(network.state_dict(), measured.path)
    say(f"{measured.name}: trained in {time.monotonic() - began:.0f} s, loss {loss:.2f}")


def _learn(network: nn.Module, steps: int, rng: np.random.Generator) -> float:
    optimizer = torch.optim.AdamW(network.parameters(), RATE)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, RATE, total_steps=steps)
    for _ in range(steps):
        pixels, ids = _batch(rng)
        loss = F.cross_entropy(network(normalized(pixels)), ids)
        optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        nn.utils.clip_grad_norm_(network.parameters(), 1.0)
        optimizer.step()
        schedule.step()
    return float(loss.detach())


def _batch(rng: np.random.Generator) -> tuple[np.ndarray, torch.Tensor]:
    """Windows of some pictures: UInt8[n 128 128 3] and Int64[n 128 128]."""
    pixels, ids = [], []
    for number in rng.choice(PICTURES, BATCH, False):
        row, column = rng.integers(0, SIDE - WINDOW + 1, 2)
        window = (slice(row, row + WINDOW), slice(column, column + WINDOW))
        whole = mosaic(SEEN + 1 + int(number))
        pixels.append(whole[0][window])
        ids.append(whole[1][window])
    return np.stack(pixels), torch.from_numpy(np.stack(ids)).long()
