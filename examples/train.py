"""Train the example and write what is committed: `make train` (seeded; 23 minutes on 2 cores).

The convention is ImageNet's mean and std. The app opens on the same network fed with plain [0, 1],
the mistake that is made most often; what comes out then is printed at the end, not arranged.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import nn
from torch.nn import functional as F

from examples.network import build_network
from examples.scenes import CLASS_NAMES, render_scene

IMAGENET = ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))
CONVENTIONS = {
    "ImageNet": IMAGENET,
    "[0, 1]": ((0.0, 0.0, 0.0), (1.0, 1.0, 1.0)),
    "[-1, 1]": ((0.5, 0.5, 0.5), (0.5, 0.5, 0.5)),
    "0-255": ((0.0, 0.0, 0.0), (1 / 255, 1 / 255, 1 / 255)),
}
TRAINING_SEED = 10_000  # scenes 10000, 10001, ...; never fewer than HELD_OUT_SEED + HELD_OUT
HELD_OUT_SEED, HELD_OUT = 0, 120
COMMITTED = 8  # the first held-out scenes
BATCH = 8
LEARNING_RATE = 0.12
MOMENTUM = 0.9
WEIGHT_DECAY = 1e-4


def main() -> None:
    """Train, score on held-out scenes, write the checkpoint and the committed scenes."""
    from examples import CHECKPOINT, FOLDER

    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--scenes", type=int, default=1600, help="training scenes")
    parser.add_argument("--epochs", type=int, default=18)
    options = parser.parse_args()
    torch.manual_seed(0)
    torch.set_num_threads(2)
    pixels, ids = _render(TRAINING_SEED, options.scenes)
    network, optimizer = _train(pixels, ids, options.epochs)
    _save_scenes(FOLDER)
    weights = {f"module.{key}": value for key, value in network.state_dict().items()}
    states = {"model": weights, "optimizer": optimizer.state_dict(), "epoch": options.epochs}
    torch.save(states, CHECKPOINT)
    _say(f"{CHECKPOINT.name}: {CHECKPOINT.stat().st_size / 1e6:.2f} MB")
    _report(network)


def _say(line: str) -> None:
    print(line, flush=True)


def _render(first: int, count: int) -> tuple[np.ndarray, np.ndarray]:
    scenes = [render_scene(seed) for seed in range(first, first + count)]
    return np.stack([scene[0] for scene in scenes]), np.stack([scene[1] for scene in scenes])


def normalize(pixels: np.ndarray, convention: str) -> torch.Tensor:
    """UInt8[n h w 3] to Float32[n 3 h w] under one of `CONVENTIONS`."""
    mean, std = (torch.tensor(values).view(3, 1, 1) for values in CONVENTIONS[convention])
    tensor = torch.from_numpy(pixels).permute(0, 3, 1, 2).float() / 255
    return (tensor - mean) / std


def _batches(count: int, epochs: int) -> Iterator[tuple[int, torch.Tensor]]:
    for epoch in range(epochs):
        for indices in torch.split(torch.randperm(count), BATCH):
            if len(indices) == BATCH:
                yield epoch, indices


def _augmented(
    pixels: np.ndarray, ids: np.ndarray, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """Mirror the batch, and change its brightness a little."""
    if rng.random() < 0.5:
        pixels, ids = pixels[:, :, ::-1], ids[:, :, ::-1]
    gain = rng.uniform(0.9, 1.1)
    pixels = (pixels * np.float32(gain)).clip(0, 255).astype(np.uint8)
    return pixels, np.ascontiguousarray(ids)


def _train(pixels: np.ndarray, ids: np.ndarray, epochs: int) -> tuple[nn.Module, torch.optim.SGD]:
    network = build_network(len(CLASS_NAMES)).to(memory_format=torch.channels_last).train()
    optimizer = torch.optim.SGD(
        network.parameters(), LEARNING_RATE, momentum=MOMENTUM, weight_decay=WEIGHT_DECAY
    )
    steps = epochs * (len(pixels) // BATCH)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, LEARNING_RATE, total_steps=steps)
    rng, began = np.random.default_rng(0), time.monotonic()
    for step, (epoch, indices) in enumerate(_batches(len(pixels), epochs)):
        batch, truth = _augmented(pixels[indices.numpy()], ids[indices.numpy()], rng)
        logits = network(normalize(batch, "ImageNet").to(memory_format=torch.channels_last))["out"]
        loss = F.cross_entropy(logits, torch.from_numpy(truth).long())
        optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
        schedule.step()
        if step % 50 == 0:
            seconds = time.monotonic() - began
            _say(f"epoch {epoch} step {step}/{steps} loss {loss:.3f} {seconds:.0f} s")
    return network.eval(), optimizer


def _save_scenes(folder: Path) -> None:
    (folder / "scenes").mkdir(exist_ok=True)
    (folder / "classes.json").write_text(json.dumps(CLASS_NAMES) + "\n")
    for seed in range(HELD_OUT_SEED, HELD_OUT_SEED + COMMITTED):
        pixels, ids = render_scene(seed)
        name = f"scene_{seed - HELD_OUT_SEED + 1:02d}"
        Image.fromarray(pixels).save(folder / "scenes" / f"{name}.png", optimize=True)
        Image.fromarray(ids).save(folder / "scenes" / f"{name}_mask.png", optimize=True)


def _report(network: nn.Module) -> None:
    pixels, ids = _render(HELD_OUT_SEED, HELD_OUT)
    iou = _iou(_predict(network, pixels, "ImageNet"), ids)
    for name, value in zip(CLASS_NAMES, iou, strict=True):
        _say(f"IoU {name}: {value:.3f}")
    _say(f"held-out mIoU on {HELD_OUT} scenes: {np.nanmean(iou):.3f}")
    for convention in CONVENTIONS:
        labels = _predict(network, pixels[:COMMITTED], convention)
        background = (labels == 0).mean(axis=(1, 2))
        _say(
            f"fed with {convention}: mIoU {np.nanmean(_iou(labels, ids[:COMMITTED])):.3f}, "
            f"background of the committed scenes {background.min():.1%} .. {background.max():.1%}"
        )


@torch.inference_mode()
def _predict(network: nn.Module, pixels: np.ndarray, convention: str) -> np.ndarray:
    chunks = [normalize(pixels[k : k + BATCH], convention) for k in range(0, len(pixels), BATCH)]
    return np.concatenate([network(chunk)["out"].argmax(1).numpy() for chunk in chunks])


def _iou(labels: np.ndarray, truth: np.ndarray) -> np.ndarray:
    count = len(CLASS_NAMES)
    matrix = np.bincount((truth.astype(int) * count + labels).ravel(), minlength=count**2)
    matrix = matrix.reshape(count, count)
    union = matrix.sum(0) + matrix.sum(1) - matrix.diagonal()
    return matrix.diagonal() / np.where(union == 0, np.nan, union)


if __name__ == "__main__":
    main()
