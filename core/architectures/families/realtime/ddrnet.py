"""DDRNet of github.com/ydhongHIT/DDRNet: a deep branch and a fine one that tell each other."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import torch
import torch.nn.functional as F
from torch import nn

from core.architectures.families.blocks import conv_norm, upsample
from core.architectures.families.realtime.dual import LastHead, PooledContext, entrance, stage
from core.architectures.families.realtime.mmseg_names import as_originals, in_its_own_names
from core.architectures.families.realtime.parts import built
from core.architectures.families.repositories.repository_source import repository_source
from core.architectures.network import Network, Source, Tensors
from core.architectures.shapes import count, has, outputs, size
from core.checkpoint import Checkpoint

EXTRA = "seghead_extra"
NAMES = {(32, 2): "DDRNet-23-slim", (64, 2): "DDRNet-23", (64, 4): "DDRNet-39"}


def matches(checkpoint: Checkpoint) -> bool:
    """Whether the keys are laid out as in that repository, or as mmsegmentation names them."""
    tensors = as_originals(checkpoint.tensors)
    fine = has(tensors, "down3.") or has(tensors, "down3_1.")
    return fine and has(tensors, "spp.scale1.", "spp.process1.", "final_layer.", "layer5_.")


def build(checkpoint: Checkpoint, chosen: Mapping[str, str]) -> Network:
    """Rebuild the network; widths and depths are in the keys and shapes.

    Raises:
        ArchitectureError: tensors are missing or have another shape.
    """
    tensors = as_originals(checkpoint.tensors)
    sizes = width, blocks = size(tensors, "conv1.0.weight", 0, 64), count(tensors, "layer2.")
    network = built(
        DDRNet,
        replace(checkpoint, tensors=tensors),
        NAMES.get(sizes, f"DDRNet of {width} channels and {blocks} blocks in layer 2"),
        first="conv1.0.weight",
        last="final_layer.conv2",
        idle=(f"{EXTRA}.",),
        source=_source(tensors, width),
    )
    return in_its_own_names(network, checkpoint.tensors)


def _source(tensors: Tensors, width: int) -> Source:
    """Its own class, which is in one file for each of the three networks."""
    twice = has(tensors, "layer3_1.")
    module = "DDRNet_39" if twice else "DDRNet_23_slim" if width == 32 else "DDRNet_23"
    stages = ["layer1", "layer2", "layer3_1" if twice else "layer3", "layer4"]
    blocks = [count(tensors, f"{name}.") for name in stages]
    blocks[2] += count(tensors, "layer3_2.")
    return repository_source(
        "github.com/ydhongHIT/DDRNet",
        f"segmentation.{module}",
        "DualResNet",
        "BasicBlock",
        str(blocks),
        f"num_classes={outputs(tensors, 'final_layer.conv2', 19)}",
        f"planes={width}",
        f"spp_planes={size(tensors, 'spp.scale0.2.weight', 0, 128)}",
        f"head_planes={size(tensors, 'final_layer.conv1.weight', 0, 128)}",
        f"augment={has(tensors, EXTRA)}",
        beside=("BasicBlock",),
        head="network(x)[0]" if has(tensors, EXTRA) else "network(x)",
    )


class DDRNet(nn.Module):
    """Both branches, their exchanges, and the context of the deep one.

    Args:
        tensors: their names and shapes tell all sizes.
    """

    def __init__(self, tensors: Tensors) -> None:
        super().__init__()
        width = size(tensors, "conv1.0.weight", 0, 64)
        fine, deep = 2 * width, 4 * width
        self.exchanges = ["3", "4"] if has(tensors, "layer3.") else ["3_1", "3_2", "4"]
        self.conv1 = entrance(tensors, width)
        self.layer1 = stage(tensors, "layer1", width, width)
        self.layer2 = stage(tensors, "layer2", width, fine, 2)
        channels = fine
        for at in self.exchanges:
            out = 8 * width if at == "4" else deep
            step = 1 if at == "3_2" else 2
            self.add_module(f"layer{at}", stage(tensors, f"layer{at}", channels, out, step))
            self.add_module(f"layer{at}_", stage(tensors, f"layer{at}_", fine, fine))
            self.add_module(f"compression{at}", conv_norm(out, fine, 1, relu=None))
            down = conv_norm(fine, deep, stride=2, relu=nn.ReLU if at == "4" else None)
            if at == "4":
                down = nn.Sequential(*down, *conv_norm(deep, out, stride=2, relu=None))
            self.add_module(f"down{at}", down)
            channels = out
        self.layer5 = stage(tensors, "layer5", channels, channels, 2)
        self.layer5_ = stage(tensors, "layer5_", fine, fine)
        self.spp = PooledContext(tensors, 2 * channels, deep)
        if has(tensors, f"{EXTRA}."):
            self.seghead_extra = LastHead(tensors, EXTRA, fine)
        self.final_layer = LastHead(tensors, "final_layer", deep)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Float32[n c h w] to logits of an eighth of the size."""
        deep = fine = self.layer2(F.relu(self.layer1(self.conv1(x))))
        for at in self.exchanges:
            deep = self.get_submodule(f"layer{at}")(F.relu(deep))
            fine = self.get_submodule(f"layer{at}_")(F.relu(fine))
            told = self.get_submodule(f"compression{at}")(F.relu(deep))
            deep = deep + self.get_submodule(f"down{at}")(F.relu(fine))
            fine = fine + upsample(told, fine, align_corners=False)
        fine = self.layer5_(F.relu(fine))
        context = self.spp(self.layer5(F.relu(deep)))
        logits: torch.Tensor = self.final_layer(fine + upsample(context, fine, align_corners=False))
        return logits
