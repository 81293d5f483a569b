"""Train members of the zoo: `python -m examples.zoo.train [NAME ...]`, or `make zoo` for all.

U-Nets start from random numbers. Networks with MobileNetV3 start from the backbone of the built-in
example, its first convolution rescaled to the new convention, as people fine-tune theirs. U-Nets
without BatchNorm start from a trained one of the same part, its BatchNorm folded away.
"""

from __future__ import annotations

import json
import sys
import time
from functools import lru_cache
from types import EllipsisType

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F

import examples
from core.diagnosis.normalization.naming import affine
from examples.scenes import render_scene
from examples.zoo import SCORES, ZOO, Member, load
from examples.zoo.architectures import BUILDERS

FIRST, SCENES = 20_000, 240  # training scenes
HELD_OUT, SCORED = 0, 16
BATCH = 6


def main() -> None:
    """Train what is named, else all; write the files and their scores."""
    torch.set_num_threads(1)
    for name in sys.argv[1:] or ZOO:
        start = time.monotonic()
        network = train(ZOO[name])
        score = mean_iou(ZOO[name], network)
        save(ZOO[name], network)
        scores = json.loads(SCORES.read_text()) if SCORES.exists() else {}
        scores[name] = {"miou": round(score, 4), "steps": ZOO[name].steps}
        SCORES.write_text(json.dumps(scores, indent=1, sort_keys=True) + "\n")
        seconds = time.monotonic() - start
        sys.stdout.write(f"{name}: mIoU {score:.3f}, {seconds:.0f} s\n")
        sys.stdout.flush()


@lru_cache(maxsize=2)
def scenes(first: int, count: int) -> tuple[np.ndarray, np.ndarray]:
    """UInt8[n 256 256 3] and UInt8[n 256 256]."""
    rendered = [render_scene(seed) for seed in range(first, first + count)]
    return np.stack([pixels for pixels, _ in rendered]), np.stack([ids for _, ids in rendered])


def feed(pixels: np.ndarray, member: Member) -> torch.Tensor:
    """UInt8[n h w 3] to Float32[n c h w] under the member's convention."""
    said = member.convention
    values = pixels.astype(np.float32)
    if said["color"] == "bgr":
        values = values[..., ::-1]
    if said["color"] == "gray":
        values = values @ np.array([[0.299], [0.587], [0.114]], np.float32)
    values = values / float(said["scale"])
    mean, std = (np.float32(said[key][: values.shape[-1]]) for key in ("mean", "std"))
    if said["zscore"]:
        mean, std = values.mean((1, 2), keepdims=True), values.std((1, 2), keepdims=True)
    values = (values - mean) / std / np.float32(said["divide_again"])
    return torch.from_numpy(np.ascontiguousarray(values)).permute(0, 3, 1, 2).contiguous()


def train(member: Member) -> nn.Module:
    """From the start to eval mode; seeded by the member's name."""
    rng = np.random.default_rng(sum(member.name.encode()))
    torch.manual_seed(sum(member.name.encode()))
    network = BUILDERS[member.architecture](member.channels, member.classes).train()
    if member.architecture in ("deeplab", "fcn", "lraspp"):
        _warm(network, member)
    if member.start:
        _fold(network, ZOO[member.start], member)
    optimizer = torch.optim.AdamW(network.parameters(), member.rate)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, member.rate, total_steps=member.steps)
    small = not hasattr(network, "backbone")
    for _ in range(member.steps):
        pixels, ids = _batch(rng)
        inputs = feed(pixels, member)
        if small:
            window = _window(rng)
            inputs, ids = inputs[window], ids[window]
        loss = _loss(_logits(network(inputs)), ids)
        optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        nn.utils.clip_grad_norm_(network.parameters(), 1.0)
        optimizer.step()
        schedule.step()
    return network.eval()


def _batch(rng: np.random.Generator) -> tuple[np.ndarray, torch.Tensor]:
    """Mirrored or not."""
    pixels, ids = scenes(FIRST, SCENES)
    chosen = rng.choice(SCENES, BATCH, replace=False)
    pixels, ids = pixels[chosen], ids[chosen]
    if rng.random() < 0.5:
        pixels, ids = pixels[:, :, ::-1], ids[:, :, ::-1]
    return pixels, torch.from_numpy(np.ascontiguousarray(ids)).long()


def _window(rng: np.random.Generator) -> tuple[EllipsisType, slice, slice]:
    """Every other pixel, or a part at full size: cut after the normalization, as z-scores are."""
    if rng.random() < 0.5:
        return (..., slice(None, None, 2), slice(None, None, 2))
    row, column = (int(start) for start in rng.integers(0, 128, 2))
    return (..., slice(row, row + 128), slice(column, column + 128))


def _logits(output: object) -> torch.Tensor:
    return output["out"] if isinstance(output, dict) else output  # type: ignore[return-value]


def _loss(logits: torch.Tensor, ids: torch.Tensor) -> torch.Tensor:
    if logits.shape[1] == 1:
        return F.binary_cross_entropy_with_logits(logits[:, 0], (ids > 0).float())
    return F.cross_entropy(logits, ids)


def _warm(network: nn.Module, member: Member) -> None:
    """Take the example's weights, the first convolution as the new convention needs it."""
    stored = torch.load(examples.CHECKPOINT, weights_only=True)["model"]
    state = {key.removeprefix("module."): value for key, value in stored.items()}
    own = network.state_dict()
    kept = {k: v for k, v in state.items() if k in own and own[k].shape == v.shape}
    first = kept["backbone.0.0.weight"]
    std = np.float32(member.convention["std"]) * float(member.convention["scale"]) / 255
    rgb = torch.from_numpy(std * np.float32(member.convention["divide_again"]))
    ratio = rgb / torch.tensor([0.229, 0.224, 0.225])
    if member.convention["color"] == "bgr":
        first = first.flip(1)
    kept["backbone.0.0.weight"] = first * ratio.view(1, 3, 1, 1)
    network.load_state_dict(kept, strict=False)


def _fold(network: nn.Module, before: Member, member: Member) -> None:
    """Take a trained U-Net's convolutions with its BatchNorm in them, fed as the new convention."""
    trained = BUILDERS[before.architecture](before.channels, before.classes)
    trained.load_state_dict(torch.load(load(before.name), weights_only=True))
    *convolutions, head = (part for part in trained.modules() if isinstance(part, nn.Conv2d))
    norms = (part for part in trained.modules() if isinstance(part, nn.BatchNorm2d))
    own = [part for part in network.modules() if isinstance(part, nn.Conv2d)]
    folded = [
        nn.utils.fuse_conv_bn_eval(conv.eval(), norm.eval())
        for conv, norm in zip(convolutions, norms, strict=True)
    ]
    folded[0] = _refed(folded[0], before, member)
    for mine, theirs in zip(own, [*folded, head], strict=True):
        mine.load_state_dict(theirs.state_dict())


def _refed(first: nn.Conv2d, before: Member, member: Member) -> nn.Conv2d:
    """The same answer from an input of another convention (but for the padding)."""
    (mean, std), (new_mean, new_std) = (
        affine(one.settings.preprocessing) for one in (before, member)
    )
    weight = first.weight.data
    if before.convention["color"] != member.convention["color"]:
        weight, mean, std = weight.flip(1), mean[::-1], std[::-1]
    shift = torch.from_numpy(np.float32((new_mean - mean) / std)).view(1, -1, 1, 1)
    assert first.bias is not None  # to fold a BatchNorm gives one
    first.bias.data += (weight * shift).sum((1, 2, 3))
    first.weight.data = weight * torch.from_numpy(np.float32(new_std / std)).view(1, -1, 1, 1)
    return first


@torch.inference_mode()
def mean_iou(member: Member, network: nn.Module) -> float:
    """On held-out scenes at full size, over the classes."""
    pixels, ids = scenes(HELD_OUT, SCORED)
    count = max(2, member.classes)
    truth = ids > 0 if member.classes == 1 else ids
    matrix = np.zeros((count, count))
    for one, true in zip(pixels, truth, strict=True):
        logits = _logits(network(feed(one[None], member)))[0]
        labels = logits[0] > 0 if member.classes == 1 else logits.argmax(0)
        pairs = true.astype(int) * count + labels.numpy().astype(int)
        matrix += np.bincount(pairs.ravel(), minlength=count**2).reshape(count, count)
    hits = matrix.diagonal()
    return float((hits / (matrix.sum(0) + matrix.sum(1) - hits)).mean())


def save(member: Member, network: nn.Module) -> None:
    """As people do: a state_dict, or the graph with its weights where no family has the keys."""
    if not member.exported:
        torch.save(network.state_dict(), load(member.name))
        return
    sides = {2: 8 * torch.export.Dim("rows", min=2, max=256),
             3: 8 * torch.export.Dim("columns", min=2, max=256)}  # fmt: skip
    sample = torch.zeros(1, member.channels, 128, 96)
    program = torch.export.export(network, (sample,), dynamic_shapes={"x": sides})
    torch.export.save(program, load(member.name))


if __name__ == "__main__":
    main()
