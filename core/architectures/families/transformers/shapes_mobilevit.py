"""Configs of MobileViT and MobileViTV2 with DeepLabV3 from keys and shapes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from core.architectures.families.transformers.reading import ATTENTION, Config, Read
from core.architectures.network import Tensors, choose
from core.architectures.shapes import OUTPUT_STRIDE, count, outputs, size

STRIDES = ("16", "32", "8")  # 16 in the networks that were published
DILATED = (2, 3, 4)  # the stages with transformers
UNITS = (128, 192, 256)  # of MobileViTV2 at a width of 1
HEAD = "segmentation_head."


def mobilevit(tensors: Tensors, chosen: Mapping[str, str]) -> Read:
    """The first version."""
    start = "mobilevit.encoder.layer."
    hidden = [size(tensors, f"{start}{k}.conv_1x1.convolution.weight", 0, 144) for k in DILATED]
    necks = [
        size(tensors, "mobilevit.conv_stem.convolution.weight", 0, 16),
        *(outputs(tensors, f"{start}{k}.layer.0.reduce_1x1.convolution", 32) for k in (0, 1)),
        *(outputs(tensors, f"{start}{k}.conv_projection.convolution", 96) for k in DILATED),
    ]
    last = outputs(tensors, "mobilevit.conv_1x1_exp.convolution", necks[-1])
    expanded = outputs(tensors, f"{start}0.layer.0.expand_1x1.convolution", 4 * necks[0])
    heads = choose(ATTENTION, ("4", "1", "2", "8"), chosen)
    config, stride = _deeplab(tensors, chosen)
    inner = f"{start}2.transformer.layer.0.intermediate.dense.weight"
    return config | {
        "model_type": "mobilevit",
        "num_channels": size(tensors, "mobilevit.conv_stem.convolution.weight", 1, 3),
        "hidden_sizes": hidden,
        "neck_hidden_sizes": [*necks, last],
        "expand_ratio": expanded / max(1, necks[0]),
        "mlp_ratio": size(tensors, inner, 0, 2 * hidden[0]) / max(1, hidden[0]),
        "num_attention_heads": int(heads.taken),
    }, (heads, stride)


def mobilevitv2(tensors: Tensors, chosen: Mapping[str, str]) -> Read:
    """The second version: all widths come from one number."""
    start = "mobilevitv2.encoder.layer."
    widest = outputs(tensors, f"{start}4.conv_projection.convolution", 512)
    factor = widest / 512
    units = [
        size(tensors, f"{start}{k}.conv_1x1.convolution.weight", 0, unit)
        for k, unit in zip(DILATED, UNITS, strict=True)
    ]
    config, stride = _deeplab(tensors, chosen)
    inner = f"{start}2.transformer.layer.0.ffn.conv1.convolution.weight"
    return config | {
        "model_type": "mobilevitv2",
        "num_channels": size(tensors, "mobilevitv2.conv_stem.convolution.weight", 1, 3),
        "width_multiplier": factor,
        "base_attn_unit_dims": [round(unit / max(factor, 1e-6)) for unit in units],
        "n_attn_blocks": [
            sum(f"{start}{k}.transformer.layer.{n}.ffn.conv1.convolution.weight" in tensors
                for n in range(count(tensors, f"{start}{k}.transformer.layer.")))
            for k in DILATED
        ],
        "ffn_multiplier": size(tensors, inner, 0, 2 * units[0]) // max(1, units[0]),
    }, (stride,)  # fmt: skip


def _deeplab(tensors: Tensors, chosen: Mapping[str, str]) -> tuple[Config, Any]:
    """The head that both have."""
    stride = choose(OUTPUT_STRIDE, STRIDES, chosen)
    return {
        "aspp_out_channels": outputs(tensors, f"{HEAD}aspp.project.convolution", 256),
        "num_labels": outputs(tensors, f"{HEAD}classifier.convolution", 21),
        "output_stride": int(stride.taken),
    }, stride
