"""Train the networks from random numbers, one after the other; what does not learn is told."""

from __future__ import annotations

import json
import time

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F

from benchmarks.foreign.networks import FOLDER, MEMBERS, SCORES, Enlarged, Foreign
from benchmarks.foreign.scenes import render
from benchmarks.workers import say
from examples.zoo.train import feed

FIRST, SCENES = 50_000, 200  # training scenes; those of the cases lie below 20,000
SCORED = range(40_000, 40_012)  # scenes that mIoU is measured on
BATCH = 4
WINDOW = 96  # pixels, a side; every network takes it
MOMENTUM = 0.1  # of running statistics
LEAST = 0.6  # mIoU of a network that is used


def train_all(names: list[str], steps: int) -> None:
    """Train those that are named, else those that have no weights; write files and scores."""
    FOLDER.mkdir(exist_ok=True)
    for name in names or [n for n, member in MEMBERS.items() if not member.path.exists()]:
        began, member = time.monotonic(), MEMBERS[name]
        network = train(member, steps)
        score = mean_iou(member, network)
        if score >= LEAST:
            torch.save(network.state_dict(), member.path)
        scores = json.loads(SCORES.read_text()) if SCORES.exists() else {}
        scores[name] = round(score, 4)
        SCORES.write_text(json.dumps(scores, indent=1, sort_keys=True) + "\n")
        told = "" if score >= LEAST else ", which is too little: not used"
        say(f"{name}: mIoU {score:.3f}, {time.monotonic() - began:.0f} s{told}")


def train(member: Foreign, steps: int) -> nn.Module:
    """From random numbers to eval mode; seeded by the member's name."""
    seed = sum(member.name.encode())
    rng = np.random.default_rng(seed)
    torch.manual_seed(seed)
    network = member.build(member.classes).train()
    for norm in network.modules():
        if isinstance(norm, nn.BatchNorm2d):  # MobileNet's 0.01 needs more steps than there are
            norm.momentum = MOMENTUM
    whole = Enlarged(network)
    optimizer = torch.optim.AdamW(network.parameters(), member.rate)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, member.rate, total_steps=steps)
    for _ in range(steps):
        pixels, ids = _batch(member, rng)
        loss = _loss(whole(feed(pixels, member)), ids)
        optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        nn.utils.clip_grad_norm_(network.parameters(), 1.0)
        optimizer.step()
        schedule.step()
    say(f"{member.name}: loss {loss.item():.3f}")
    return network.eval()


def _batch(member: Foreign, rng: np.random.Generator) -> tuple[np.ndarray, torch.Tensor]:
    """A window of some scenes, mirrored or not."""
    chosen = [render(member.world, FIRST + int(k)) for k in rng.choice(SCENES, BATCH, False)]
    pixels, ids = (np.stack(each) for each in zip(*chosen, strict=True))
    if rng.random() < 0.5:
        pixels, ids = pixels[:, :, ::-1], ids[:, :, ::-1]
    row, column = (int(rng.integers(0, side - WINDOW + 1)) for side in ids.shape[1:])
    window = (slice(None), slice(row, row + WINDOW), slice(column, column + WINDOW))
    return pixels[window], torch.from_numpy(np.ascontiguousarray(ids[window])).long()


def _loss(logits: torch.Tensor, ids: torch.Tensor) -> torch.Tensor:
    if logits.shape[1] == 1:
        return F.binary_cross_entropy_with_logits(logits[:, 0], (ids > 0).float())
    return F.cross_entropy(logits, ids)


@torch.inference_mode()
def mean_iou(member: Foreign, network: nn.Module) -> float:
    """Over scenes that it was not trained on."""
    count = max(2, member.classes)
    matrix = np.zeros((count, count), np.int64)
    for seed in SCORED:
        pixels, ids = render(member.world, seed)
        logits = Enlarged(network)(feed(pixels[None], member))[0]
        labels = (logits[0] > 0).numpy() if (member.classes == 1) else logits.argmax(0).numpy()
        truth = (ids > 0).astype(np.uint8) if (member.classes == 1) else ids
        matrix += np.bincount(
            (truth.astype(int) * count + labels).ravel(), minlength=count**2
        ).reshape(count, count)
    union = matrix.sum(0) + matrix.sum(1) - matrix.diagonal()
    return float(np.mean(matrix.diagonal()[union > 0] / union[union > 0]))
