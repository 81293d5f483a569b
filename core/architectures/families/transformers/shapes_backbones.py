"""Configs of backbones from keys and shapes, wherever they lie in a network."""

from __future__ import annotations

import re
from math import isqrt

from core.architectures.families.transformers.reading import Config, first
from core.architectures.network import Tensors
from core.architectures.shapes import count, has, size


def backbone_of(tensors: Tensors, start: str) -> Config | None:
    """The config of the backbone whose keys begin so; None where it is not known.

    Args:
        tensors: by name.
        start: "backbone.", or where the network keeps it otherwise.
    """
    at = re.escape(start)
    if first(tensors, rf"^{at}((swin|model)\.)?embeddings\.patch_embeddings\.projection\.weight$"):
        return _swin(tensors, start) if first(tensors, rf"^{at}.*bias_table$") else None
    if has(tensors, f"{start}embedder.embedder.convolution."):
        return _resnet(tensors, start)
    if has(tensors, f"{start}encoder.stages.0.layers.0.dwconv."):
        return (
            None
            if has(tensors, f"{start}encoder.stages.0.layers.0.grn.")
            else _convnext(tensors, start)
        )
    return None


def _swin(tensors: Tensors, start: str) -> Config:
    inner_names = (f"{start}swin.", f"{start}model.")
    norms = f"{start}hidden_states_norms."
    start = next((name for name in inner_names if has(tensors, f"{name}embeddings.")), start)
    patch = f"{start}embeddings.patch_embeddings.projection.weight"
    layers = [
        f"{start}encoder.layers.{k}." for k in range(count(tensors, f"{start}encoder.layers."))
    ]
    tables = [first(tensors, rf"^{re.escape(at)}blocks\.0\..*bias_table$") for at in layers]
    width = size(tensors, patch, 0, 96)
    inner = first(
        tensors,
        rf"^{re.escape(start)}encoder\.layers\.0\.blocks\.0\.(mlp\.fc1|intermediate\.dense)\.weight$",
    )
    stages = sorted({key.removeprefix(norms).split(".")[0] for key in tensors if norms in key})
    return {
        "model_type": "swin",
        "num_channels": size(tensors, patch, 1, 3),
        "patch_size": size(tensors, patch, 2, 4),
        "embed_dim": width,
        "depths": [count(tensors, f"{at}blocks.") for at in layers],
        "num_heads": [size(tensors, table, 1, 1) for table in tables],
        "window_size": (isqrt(size(tensors, tables[0] if tables else "", 0, 169)) + 1) // 2,
        "mlp_ratio": size(tensors, inner, 0, 4 * width) / max(width, 1),
        "qkv_bias": any(re.search(r"(q_proj|query)\.bias$", key) for key in tensors),
        # MaskFormer's own copy of the backbone counts its norms instead.
        "out_features": [f"stage{int(s) + 1}" if s.isdigit() else s for s in stages],
    }


def _convnext(tensors: Tensors, start: str) -> Config:
    stages = range(count(tensors, f"{start}encoder.stages."))
    norms = f"{start}hidden_states_norms."
    blocks = [f"{start}encoder.stages.{k}.layers." for k in stages]
    return {
        "model_type": "convnext",
        "num_channels": size(tensors, f"{start}embeddings.patch_embeddings.weight", 1, 3),
        "patch_size": size(tensors, f"{start}embeddings.patch_embeddings.weight", 2, 4),
        "hidden_sizes": [size(tensors, f"{at}0.dwconv.weight", 0, 96) for at in blocks],
        "depths": [count(tensors, at) for at in blocks],
        "layer_scale_init_value": 1e-6 * has(tensors, f"{blocks[0]}0.layer_scale_parameter"),
        "out_features": sorted({k[len(norms) :].split(".")[0] for k in tensors if norms in k}),
    }


def _resnet(tensors: Tensors, start: str) -> Config:
    stem = f"{start}embedder.embedder.convolution.weight"
    blocks = [
        f"{start}encoder.stages.{k}.layers."
        for k in range(count(tensors, f"{start}encoder.stages."))
    ]
    deep = f"{blocks[0]}0.layer.2.convolution.weight" in tensors
    ends = [f"{at}0.layer.{2 if deep else 1}.convolution.weight" for at in blocks]
    return {
        "model_type": "resnet",
        "num_channels": size(tensors, stem, 1, 3),
        "embedding_size": size(tensors, stem, 0, 64),
        "hidden_sizes": [size(tensors, end, 0, 256) for end in ends],
        "depths": [count(tensors, at) for at in blocks],
        "layer_type": "bottleneck" if deep else "basic",
        "out_features": [f"stage{k + 1}" for k in range(len(blocks))],
    }
