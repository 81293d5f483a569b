"""Write background.json: what background removal's own code answers, as reference_logits.py does.

    python -m scripts.reference_background FOLDER

FOLDER holds U-2-Net, DIS, MODNet and BiRefNet, each with its own license: model/u2net.py,
models/isnet.py on models/rsu.py (its blocks), models/modnet.py, and models/birefnet.py with its
configuration resolved, so that it takes backbone and channels; none of their code is kept here.
U2-Net and IS-Net are made narrow: the code is the same. BiRefNet is given our Swin transformer,
which test_background.py holds against that of transformers.
"""

from __future__ import annotations

import importlib
import json
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import nn

from core.architectures.families.swin import AUTHORS, Swin
from scripts.reference_logits import FACTS, importing, packed, picture, pixels, weights

BACKGROUND = FACTS.with_name("background.json")
SIZES = ((64, 96), (96, 64))  # rows, columns
DOWN = (8, 12, 16, 20, 24, 24)  # channels that the stages of a narrow U end with
UP = (24, 16, 12, 8, 8)
HEADS, DEPTHS, WINDOW, WIDTH = (1, 2, 2, 4), (2, 2, 2, 2), 4, 8  # of a narrow Swin
BOTH_SIZES = [2 * WIDTH * 2**k for k in (3, 2, 1, 0)]  # its channels, deepest first


def narrow(module: Any, net: nn.Module) -> nn.Module:
    """The same network with other stages, made by the author's blocks.

    Args:
        module: of the author, with RSU7 to RSU4F.
        net: with the author's channels.
    """
    blocks = ("RSU7", "RSU6", "RSU5", "RSU4", "RSU4F", "RSU4F")
    before = 8 if hasattr(net, "conv_in") else 3
    for k, (block, out) in enumerate(zip(blocks, DOWN, strict=True), start=1):
        net.add_module(f"stage{k}", getattr(module, block)(before, 4, out))
        before = out
    for k, out in zip((5, 4, 3, 2, 1), UP, strict=True):
        made = getattr(module, blocks[k - 1])(before + DOWN[k - 1], 4, out)
        net.add_module(f"stage{k}d", made)
        net.add_module(f"side{k}", nn.Conv2d(out, 1, 3, padding=1))
        before = out
    net.add_module("side6", nn.Conv2d(DOWN[5], 1, 3, padding=1))
    if hasattr(net, "conv_in"):
        net.add_module("conv_in", nn.Conv2d(3, 8, 3, 2, 1))
    return net


def swin_shapes() -> dict[str, torch.Tensor]:
    """The tensors of a narrow Swin transformer, by the authors' names."""
    shapes: dict[str, Sequence[int]] = {"patch_embed.proj.weight": (WIDTH, 3, 4, 4)}
    for name in ("patch_embed.proj.bias", "patch_embed.norm.weight", "patch_embed.norm.bias"):
        shapes[name] = (WIDTH,)
    for k, (depth, heads) in enumerate(zip(DEPTHS, HEADS, strict=True)):
        width = WIDTH * 2**k
        shapes |= {f"norm{k}.weight": (width,), f"norm{k}.bias": (width,)}
        for block in range(depth):
            at = f"layers.{k}.blocks.{block}."
            for name, out, entering in (
                ("attn.qkv", 3 * width, width), ("attn.proj", width, width),
                ("mlp.fc1", 4 * width, width), ("mlp.fc2", width, 4 * width),
            ):  # fmt: skip
                shapes |= {f"{at}{name}.weight": (out, entering), f"{at}{name}.bias": (out,)}
            for name in ("norm1", "norm2"):
                shapes |= {f"{at}{name}.weight": (width,), f"{at}{name}.bias": (width,)}
            places = (2 * WINDOW - 1) ** 2
            shapes[f"{at}attn.relative_position_bias_table"] = (places, heads)
        if k < len(DEPTHS) - 1:
            at = f"layers.{k}.downsample."
            shapes[f"{at}reduction.weight"] = (2 * width, 4 * width)
            shapes |= {f"{at}norm.weight": (4 * width,), f"{at}norm.bias": (4 * width,)}
    return {key: torch.zeros(tuple(shape)) for key, shape in shapes.items()}


def relative_positions(side: int) -> torch.Tensor:
    """Int64[pixels pixels]: which row of the table each pair of pixels of a window has."""
    places = torch.arange(side)
    rows, columns = places.repeat_interleave(side), places.repeat(side)
    apart = [each[:, None] - each + side - 1 for each in (rows, columns)]
    return apart[0] * (2 * side - 1) + apart[1]


def filled(shapes: dict[str, list[int]]) -> dict[str, torch.Tensor]:
    """Numbers for every tensor; positions in windows are what they are."""
    made = weights(shapes)
    for key in made:
        if key.endswith("relative_position_index"):
            made[key] = relative_positions(WINDOW)
        if key.startswith("lr_branch.backbone."):
            made[key] = made[key.removeprefix("lr_branch.")]
        if ".norm" in key and key.endswith("bias"):
            made[key] = 0.1 * made[key]
    return made


Made = tuple[str, str, Callable[[Any], nn.Module], Callable[[nn.Module, torch.Tensor], Any]]
# Repository, module, how it is made, and its output maps in the order of the choice.
ORIGINALS: dict[str, Made] = {
    "U2-Net": ("U-2-Net", "model.u2net", lambda m: narrow(m, m.U2NET(3, 1)), lambda n, x: n(x)),
    "U2-NetP": ("U-2-Net", "model.u2net", lambda m: m.U2NETP(3, 1), lambda n, x: n(x)),
    "IS-Net": (
        "DIS",
        "models.isnet",
        lambda m: narrow(m, m.ISNetDIS(3, 1)),
        lambda n, x: n(x)[0],
    ),
    "MODNet": (
        "MODNet",
        "models.modnet",
        lambda m: m.MODNet(3, 32, backbone_pretrained=False),
        lambda n, x: [n(x, True)[2]],
    ),
    "BiRefNet": (
        "BiRefNet",
        "models.birefnet",
        lambda m: m.BiRefNet(Swin(swin_shapes(), AUTHORS), BOTH_SIZES),
        lambda n, x: n(x),
    ),
}


def main() -> None:
    """Ask every original, and write down its answers."""
    folder, shapes, told = Path(sys.argv[1]), {}, {}
    for name, (repository, module, make, ask) in ORIGINALS.items():
        with importing(folder / repository):
            net = make(importlib.import_module(module)).eval()
            shapes[name] = {key: list(t.shape) for key, t in net.state_dict().items()}
            net.load_state_dict(filled(shapes[name]))
            told[name] = {}
            for h, w in SIZES:
                with torch.inference_mode():
                    told[name][f"{h}x{w}"] = [pixels(each) for each in ask(net, picture((h, w)))]
    lines = [f"{json.dumps(name)}: {json.dumps(maps)}" for name, maps in told.items()]
    text = f'{{"shapes": "{packed(shapes)}",\n"maps": {{\n' + ",\n".join(lines) + "\n}}\n"
    BACKGROUND.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
