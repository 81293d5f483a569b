"""Configs of DPT and EoMT from keys and shapes: plain vision transformers with a small head."""

from __future__ import annotations

from collections.abc import Mapping
from math import isqrt

from core.architectures.families.transformers.reading import (
    IMAGE,
    Config,
    Read,
    choose_heads,
)
from core.architectures.network import Tensors, choose
from core.architectures.shapes import count, has, size

LAYERS = "which layers feed the head"
SIDES = ("640", "512", "1024", "1280")  # of EoMT's pictures: COCO, ADE20K, Cityscapes


def dpt(tensors: Tensors, chosen: Mapping[str, str]) -> Read:
    """DPT on its own ViT; which layers it reads is told by no tensor."""
    patch = "dpt.embeddings.patch_embeddings.projection.weight"
    width, layers = size(tensors, patch, 0, 768), count(tensors, "dpt.encoder.layer.")
    neck = [
        size(tensors, f"neck.convs.{k}.weight", 1, 96) for k in range(count(tensors, "neck.convs."))
    ]
    usual = {12: (2, 5, 8, 11), 24: (5, 11, 17, 23)}  # of ViT-B and ViT-L, as published
    quarters = tuple(layers * k // 4 - 1 for k in range(1, 5))
    options = dict.fromkeys([usual.get(layers, quarters), quarters])
    read = choose(LAYERS, tuple(", ".join(map(str, each)) for each in options), chosen)
    heads = choose_heads(width, chosen)
    places = size(tensors, "dpt.embeddings.position_embeddings", 1, 577)
    config: Config = {
        "model_type": "dpt",
        "hidden_size": width,
        "num_hidden_layers": layers,
        "num_attention_heads": int(heads.taken),
        "intermediate_size": size(
            tensors, "dpt.encoder.layer.0.intermediate.dense.weight", 0, 4 * width
        ),
        "patch_size": size(tensors, patch, 2, 16),
        "num_channels": size(tensors, patch, 1, 3),
        "image_size": isqrt(places - 1) * size(tensors, patch, 2, 16),
        "qkv_bias": has(tensors, "dpt.encoder.layer.0.attention.attention.query.bias"),
        "backbone_out_indices": [int(k) for k in read.taken.split(",")],
        "neck_hidden_sizes": neck,
        "fusion_hidden_size": size(tensors, "neck.convs.0.weight", 0, 256),
        "readout_type": "project" if has(tensors, "neck.reassemble_stage.readout_") else "ignore",
        "num_labels": size(tensors, "head.head.4.weight", 0, 150),
        "use_auxiliary_head": has(tensors, "auxiliary_head."),
        "use_batch_norm_in_fusion_residual": has(
            tensors, "neck.fusion_stage.layers.0.residual_layer1.batch_norm1."
        ),
    }
    return config, (heads, read)


def eomt(tensors: Tensors, chosen: Mapping[str, str]) -> Read:
    """EoMT on DINOv2, whose positions tell the size of its pictures."""
    config, width = _eomt(tensors)
    patch = "embeddings.patch_embeddings.projection.weight"
    heads = choose_heads(width, chosen)
    side = isqrt(size(tensors, "embeddings.position_embeddings.weight", 0, 1600))
    gated = has(tensors, "layers.0.mlp.weights_in.")
    inner = size(tensors, "layers.0.mlp.fc1.weight", 0, 4 * width)
    return config | {
        "model_type": "eomt",
        "num_channels": size(tensors, patch, 1, 3),
        "patch_size": size(tensors, patch, 2, 16),
        "image_size": side * size(tensors, patch, 2, 16),
        "use_swiglu_ffn": gated,
        "mlp_ratio": 4 if gated else inner // max(1, width),
        "num_attention_heads": int(heads.taken),
    }, (heads,)


def eomt_dinov3(tensors: Tensors, chosen: Mapping[str, str]) -> Read:
    """EoMT on DINOv3, whose positions are computed: its pictures' size is a choice."""
    config, width = _eomt(tensors)
    patch = "embeddings.patch_embeddings.weight"
    heads, image = choose_heads(width, chosen), choose(IMAGE, SIDES, chosen)
    return config | {
        "model_type": "eomt_dinov3",
        "num_channels": size(tensors, patch, 1, 3),
        "patch_size": size(tensors, patch, 2, 16),
        "image_size": int(image.taken),
        "intermediate_size": size(tensors, "layers.0.mlp.up_proj.weight", 0, 4 * width),
        "use_gated_mlp": has(tensors, "layers.0.mlp.gate_proj."),
        "query_bias": has(tensors, "layers.0.attention.q_proj.bias"),
        "key_bias": has(tensors, "layers.0.attention.k_proj.bias"),
        "num_attention_heads": int(heads.taken),
    }, (heads, image)


def _eomt(tensors: Tensors) -> tuple[Config, int]:
    """What both have, and the width."""
    width = size(tensors, "query.weight", 1, 1024)
    return {
        "hidden_size": width,
        "num_hidden_layers": count(tensors, "layers."),
        "num_queries": size(tensors, "query.weight", 0, 200),
        "num_labels": size(tensors, "class_predictor.weight", 0, 2) - 1,  # without "no object"
        "num_blocks": size(tensors, "attn_mask_probs", 0, 4),
        "num_register_tokens": size(tensors, "embeddings.register_tokens", 1, 4),
        "num_upscale_blocks": count(tensors, "upscale_block.block."),
    }, width
