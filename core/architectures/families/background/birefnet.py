"""BiRefNet: a Swin transformer at two sizes, and a decoder that sees the picture again.

Facts: github.com/ZhengPeng7/BiRefNet (https://arxiv.org/abs/2401.03407); RMBG-2.0 is the same
network with other weights. It gives logits. Heads that only the training runs are kept.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import torch
import torch.nn.functional as F
from torch import nn
from torchvision.ops import deform_conv2d

from core.architectures.families.blocks import upsample
from core.architectures.families.repositories.repository_source import repository_source
from core.architectures.families.swin import AUTHORS, Swin
from core.architectures.finish import finish
from core.architectures.network import Network, Tensors
from core.architectures.shapes import has, size
from core.architectures.sizes import Dimension, Sizes
from core.checkpoint import Checkpoint

FIRST, LAST = "bb.patch_embed.proj.weight", "decoder.conv_out1.0"
STEP = 32  # pixels: the picture is cut into tiles of the deepest feature's size
BACKBONES = {(192, 18): "Swin-L", (128, 18): "Swin-B", (96, 18): "Swin-S", (96, 6): "Swin-T"}


def matches(checkpoint: Checkpoint) -> bool:
    """Whether the keys are laid out as in that repository, on Swin."""
    return has(
        checkpoint.tensors, FIRST, "bb.layers.", "squeeze_module.0.", "decoder.decoder_block4.",
        "decoder.lateral_block4.", "decoder.ipt_blk5.",
    )  # fmt: skip


def build(checkpoint: Checkpoint, chosen: Mapping[str, str]) -> Network:
    """Rebuild the network.

    Raises:
        ArchitectureError: tensors are missing or have another shape.
    """
    tensors = checkpoint.tensors
    width = size(tensors, FIRST, 0, 192)
    blocks = sum(f"bb.layers.2.blocks.{k}.norm1.weight" in tensors for k in range(99))
    backbone = BACKBONES.get((width, blocks), f"Swin of {width} channels")
    source = repository_source(
        "github.com/ZhengPeng7/BiRefNet", "models.birefnet", "BiRefNet", "bb_pretrained=False"
    )
    network = finish(
        lambda: BiRefNet(tensors), checkpoint, f"BiRefNet, {backbone}", first=FIRST, last=LAST,
        source=replace(source, heads={"out": "network(x)[-1]"}),
    )  # fmt: skip
    side = Dimension(STEP, STEP, None, STEP)
    return replace(network, sizes=Sizes(side, side))


def conv(tensors: Tensors, name: str) -> nn.Conv2d:
    """A convolution of the file's sizes, which keeps the size of its input."""
    out, entering, kernel = (size(tensors, f"{name}.weight", axis, 1) for axis in (0, 1, 2))
    return nn.Conv2d(entering, out, kernel, padding=kernel // 2, bias=f"{name}.bias" in tensors)


def norm(tensors: Tensors, name: str) -> nn.BatchNorm2d:
    """A BatchNorm of the file's size."""
    return nn.BatchNorm2d(size(tensors, f"{name}.weight", 0, 1))


class Deformable(nn.Module):
    """A convolution that chooses where it looks, and how much each place counts."""

    def __init__(self, tensors: Tensors, name: str) -> None:
        super().__init__()
        self.offset_conv = conv(tensors, f"{name}.offset_conv")
        self.modulator_conv = conv(tensors, f"{name}.modulator_conv")
        self.regular_conv = conv(tensors, f"{name}.regular_conv")

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Float32[n c h w], the size stays."""
        made: torch.Tensor = deform_conv2d(
            x, self.offset_conv(x), self.regular_conv.weight, self.regular_conv.bias,
            padding=self.regular_conv.kernel_size[0] // 2,
            mask=2.0 * self.modulator_conv(x).sigmoid(),
        )  # fmt: skip
        return made


class Pyramid(nn.Module):
    """Four deformable convolutions and the mean of the whole (ASPP)."""

    def __init__(self, tensors: Tensors, name: str) -> None:
        super().__init__()
        for k in range(1, 5):
            branch = nn.Module()
            branch.add_module("atrous_conv", Deformable(tensors, f"{name}.aspp{k}.atrous_conv"))
            branch.add_module("bn", norm(tensors, f"{name}.aspp{k}.bn"))
            self.add_module(f"aspp{k}", branch)
        self.global_avg_pool = nn.Sequential(
            nn.AdaptiveAvgPool2d(1), conv(tensors, f"{name}.global_avg_pool.1"),
            norm(tensors, f"{name}.global_avg_pool.2"), nn.ReLU(inplace=True),
        )  # fmt: skip
        self.conv1, self.bn1 = conv(tensors, f"{name}.conv1"), norm(tensors, f"{name}.bn1")

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Float32[n c h w], the size stays."""
        found = []
        for k in range(1, 5):
            branch = self.get_submodule(f"aspp{k}")
            looked = branch.get_submodule("atrous_conv")(x)
            found.append(F.relu(branch.get_submodule("bn")(looked)))
        mean = upsample(self.global_avg_pool(x), x, align_corners=True)
        return F.relu(self.bn1(self.conv1(torch.cat((*found, mean), 1))))


class DecoderBlock(nn.Module):
    """Two convolutions around a pyramid."""

    def __init__(self, tensors: Tensors, name: str) -> None:
        super().__init__()
        self.conv_in, self.bn_in = conv(tensors, f"{name}.conv_in"), norm(tensors, f"{name}.bn_in")
        self.dec_att = Pyramid(tensors, f"{name}.dec_att")
        self.conv_out = conv(tensors, f"{name}.conv_out")
        self.bn_out = norm(tensors, f"{name}.bn_out")

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Float32[n c h w] to Float32[n out h w]."""
        x = self.dec_att(F.relu(self.bn_in(self.conv_in(x))))
        made: torch.Tensor = self.bn_out(self.conv_out(x))
        return made


class Decoder(nn.Module):
    """Four levels up; each sees the picture itself, cut into tiles."""

    def __init__(self, tensors: Tensors) -> None:
        super().__init__()
        name = "decoder"
        for k in range(1, 6):
            entry = nn.Sequential()
            for part in ("conv1", "conv_out"):
                entry.add_module(part, conv(tensors, f"{name}.ipt_blk{k}.{part}"))
            self.add_module(f"ipt_blk{k}", entry)
        for k in range(1, 5):
            self.add_module(f"decoder_block{k}", DecoderBlock(tensors, f"{name}.decoder_block{k}"))
        for k in range(2, 5):
            lateral = nn.Sequential()
            lateral.add_module("conv", conv(tensors, f"{name}.lateral_block{k}.conv"))
            self.add_module(f"lateral_block{k}", lateral)
            self._edges(tensors, name, k)
        self.conv_out1 = nn.Sequential(conv(tensors, f"{name}.conv_out1.0"))

    def _edges(self, tensors: Tensors, name: str, k: int) -> None:
        """The gate by which edges count more, and two heads that only the training runs."""
        if has(tensors, f"{name}.conv_ms_spvn_{k}."):
            self.add_module(f"conv_ms_spvn_{k}", conv(tensors, f"{name}.conv_ms_spvn_{k}"))
        if not has(tensors, f"{name}.gdt_convs_{k}."):
            return
        normed = has(tensors, f"{name}.gdt_convs_{k}.1.")
        second = norm(tensors, f"{name}.gdt_convs_{k}.1") if normed else nn.Identity()
        gate = nn.Sequential(conv(tensors, f"{name}.gdt_convs_{k}.0"), second, nn.ReLU())
        self.add_module(f"gdt_convs_{k}", gate)
        for part in ("pred", "attn"):
            head = nn.Sequential(conv(tensors, f"{name}.gdt_convs_{part}_{k}.0"))
            self.add_module(f"gdt_convs_{part}_{k}", head)

    def forward(self, x: torch.Tensor, features: list[torch.Tensor]) -> torch.Tensor:
        """The picture and four features, the finest first, to logits at the picture's size."""
        y = self._with_picture(x, features[3], features[3], 5)
        for k in (4, 3, 2):
            y = self._gated(self.get_submodule(f"decoder_block{k}")(y), k)
            finer = features[k - 2]
            y = upsample(y, finer, align_corners=True)
            y = y + self.get_submodule(f"lateral_block{k}")(finer)
            y = self._with_picture(x, y, finer, k)
        y = upsample(self.get_submodule("decoder_block1")(y), x, align_corners=True)
        logits: torch.Tensor = self.conv_out1(self._with_picture(x, y, x, 1))
        return logits

    def _gated(self, y: torch.Tensor, k: int) -> torch.Tensor:
        if not hasattr(self, f"gdt_convs_{k}"):
            return y
        gate = self.get_submodule(f"gdt_convs_{k}")(y)
        gated: torch.Tensor = y * self.get_submodule(f"gdt_convs_attn_{k}")(gate).sigmoid()
        return gated

    def _with_picture(
        self, x: torch.Tensor, y: torch.Tensor, like: torch.Tensor, k: int
    ) -> torch.Tensor:
        """Beside a feature, what the picture's tiles of its size say."""
        rows, columns = x.shape[2] // y.shape[2], x.shape[3] // y.shape[3]
        n, c, h, w = x.shape
        tiles = x.view(n, c, rows, h // rows, columns, w // columns).permute(0, 1, 2, 4, 3, 5)
        tiles = tiles.reshape(n, c * rows * columns, h // rows, w // columns)
        seen = self.get_submodule(f"ipt_blk{k}")(upsample(tiles, like, align_corners=True))
        return torch.cat((y, seen), 1)


class BiRefNet(nn.Module):
    """Backbone, context, decoder."""

    def __init__(self, tensors: Tensors) -> None:
        super().__init__()
        start = "bb."
        body = {k.removeprefix(start): t for k, t in tensors.items() if k.startswith(start)}
        self.bb = Swin(body, AUTHORS)
        self.squeeze_module = nn.Sequential(DecoderBlock(tensors, "squeeze_module.0"))
        self.decoder = Decoder(tensors)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Float32[n 3 h w] to logits, Float32[n 1 h w]."""
        half = F.interpolate(
            x, (x.shape[2] // 2, x.shape[3] // 2), mode="bilinear", align_corners=True
        )
        features = [
            torch.cat((whole, upsample(small, whole, align_corners=True)), 1)
            for whole, small in zip(self.bb(x), self.bb(half), strict=True)
        ]
        context = [upsample(each, features[3], align_corners=True) for each in features[:3]]
        features[3] = self.squeeze_module(torch.cat((*context, features[3]), 1))
        logits: torch.Tensor = self.decoder(x, features)
        return logits
