"""The arguments of MONAI's SegResNet, DynUNet and SwinUNETR, from keys and shapes."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from core.architectures.families.medical.monai_unets import (
    Arguments,
    Read,
    norm_of,
    two_sizes,
    upsampling,
)
from core.architectures.network import Tensors, choose
from core.architectures.shapes import count, has, outputs, size

GROUPS = "groups of GroupNorm"  # no tensor tells how many channels are normalized together


def segresnet(tensors: Tensors, chosen: Mapping[str, str]) -> Read:
    """MONAI's SegResNet; each level but the first begins with a convolution that halves."""
    downs, ups = count(tensors, "down_layers."), count(tensors, "up_layers.")
    batch = has(tensors, "down_layers.0.1.norm1.running_mean")
    width = size(tensors, "convInit.conv.weight", 0, 8)
    options = tuple(str(n) for n in (8, 4, 16, 2, 1) if width % n == 0) or ("1",)
    choice = choose(GROUPS, options, chosen)
    arguments: Arguments = {
        "spatial_dims": 2,
        "init_filters": width,
        "in_channels": size(tensors, "convInit.conv.weight", 1, 1),
        "out_channels": outputs(tensors, "conv_final.2.conv", 2),
        "norm": "BATCH" if batch else ("GROUP", {"num_groups": int(choice.taken)}),
        "blocks_down": tuple(_blocks(tensors, f"down_layers.{n}.") for n in range(downs)),
        "blocks_up": tuple(_blocks(tensors, f"up_layers.{n}.") for n in range(ups)),
        "upsample_mode": upsampling(tensors, "up_samples.0.1."),
    }
    return arguments, () if batch else (choice,)


def _blocks(tensors: Tensors, start: str) -> int:
    found = range(count(tensors, start) + 1)
    return sum(has(tensors, f"{start}{number}.norm1.") for number in found)


def dynunet(tensors: Tensors, chosen: Mapping[str, str]) -> Read:
    """MONAI's DynUNet; its strides are the kernels of the way back."""
    downs = [f"downsamples.{number}." for number in range(count(tensors, "downsamples."))]
    blocks = ["input_block.", *downs, "bottleneck."]
    ups = [f"upsamples.{n}.transp_conv.conv" for n in range(count(tensors, "upsamples."))]
    backwards = [two_sizes(tensors, f"{up}.weight", 2) for up in reversed(ups)]
    heads = count(tensors, "deep_supervision_heads.")
    norm, choice = norm_of(tensors, "input_block.norm1.", chosen)
    arguments: Arguments = {
        "spatial_dims": 2,
        "in_channels": size(tensors, "input_block.conv1.conv.weight", 1, 1),
        "out_channels": outputs(tensors, "output_block.conv.conv", 2),
        "kernel_size": [two_sizes(tensors, f"{block}conv1.conv.weight") for block in blocks],
        "strides": [1, *backwards],
        "upsample_kernel_size": backwards,
        "filters": [size(tensors, f"{block}conv1.conv.weight", 0, 32) for block in blocks],
        "norm_name": norm,
        "deep_supervision": heads > 0,
        "deep_supr_num": max(1, heads),
        "res_block": has(tensors, "input_block.conv3."),
        "trans_bias": bool(ups) and f"{ups[0]}.bias" in tensors,
    }
    return arguments, (choice,) if choice else ()


def swin_unetr(tensors: Tensors, chosen: Mapping[str, str]) -> Read:
    """MONAI's SwinUNETR: heads and window are in the table of relative positions."""
    first = [f"swinViT.layers{stage}.0." for stage in range(1, 5)]
    tables = [f"{layer}blocks.0.attn.relative_position_bias_table" for layer in first]
    window = (math.isqrt(size(tensors, tables[0], 0, 169)) + 1) // 2  # (2 w - 1)^2 places
    norm: Any = "batch" if has(tensors, "encoder1.layer.norm1.running_mean") else "instance"
    if norm == "instance" and has(tensors, "encoder1.layer.norm1.weight"):
        norm = ("instance", {"affine": True})
    arguments: Arguments = {
        "in_channels": size(tensors, "swinViT.patch_embed.proj.weight", 1, 1),
        "out_channels": outputs(tensors, "out.conv.conv", 2),
        "patch_size": size(tensors, "swinViT.patch_embed.proj.weight", 2, 2),
        "depths": tuple(count(tensors, f"{layer}blocks.") for layer in first),
        "num_heads": tuple(size(tensors, table, 1, 3) for table in tables),
        "window_size": window,
        "qkv_bias": f"{first[0]}blocks.0.attn.qkv.bias" in tensors,
        "feature_size": size(tensors, "swinViT.patch_embed.proj.weight", 0, 24),
        "norm_name": norm,
        "spatial_dims": 2,
        "use_v2": has(tensors, "swinViT.layers1c."),
    }
    return arguments, ()
