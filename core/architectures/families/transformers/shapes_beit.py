"""The config of a BEiT or a Data2Vec from keys and shapes."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from math import isqrt

from core.architectures.families.transformers.reading import (
    IMAGE,
    Config,
    Read,
    choose_heads,
    first,
)
from core.architectures.network import Choice, Tensors, choose
from core.architectures.shapes import count, has, size

SIDES = (224, 384, 512, 640)  # of BEiT's pictures, the library's default first


def beit(tensors: Tensors, chosen: Mapping[str, str]) -> Read:
    """BEiT, or Data2Vec, which is BEiT under another name."""
    name = "beit" if has(tensors, "beit.") else "data2vec_vision"
    layered = f"{name}.layers."
    start = layered if has(tensors, layered) else f"{name}.encoder.layer."
    patch = f"{name}.embeddings.patch_embeddings.projection.weight"
    table = first(tensors, r"relative_position_bias_table$")
    width, layers = size(tensors, patch, 0, 768), count(tensors, start)
    inner = first(tensors, rf"^{re.escape(start)}0\.(mlp\.fc1|intermediate\.dense)\.weight$")
    aux = has(tensors, "auxiliary_head.")
    config: Config = {
        "model_type": name.replace("_", "-"),
        "hidden_size": width,
        "num_hidden_layers": layers,
        "intermediate_size": size(tensors, inner, 0, 4 * width),
        "patch_size": size(tensors, patch, 2, 16),
        "num_channels": size(tensors, patch, 1, 3),
        "use_mask_token": has(tensors, f"{name}.embeddings.mask_token"),
        "use_absolute_position_embeddings": has(tensors, f"{name}.embeddings.position_embeddings"),
        "use_relative_position_bias": bool(table) and table.startswith(f"{start}0."),
        "use_shared_relative_position_bias": bool(table) and not table.startswith(start),
        "layer_scale_init_value": 0.1 if has(tensors, f"{start}0.lambda_1") else 0.0,
        "out_indices": [(layers * k) // 4 - 1 for k in range(1, 5)],  # as the library's default
        "num_labels": size(tensors, "decode_head.classifier.weight", 0, 150),
        "use_auxiliary_head": aux,
        "auxiliary_channels": size(tensors, "auxiliary_head.classifier.weight", 1, 256),
        "auxiliary_num_convs": max(1, count(tensors, "auxiliary_head.convs.")),
    }
    choices = tuple(_beit_choices(tensors, table, width, config["patch_size"], chosen))
    for choice in choices:
        config["image_size" if choice.name == IMAGE else "num_attention_heads"] = int(choice.taken)
    return config | _told_by_positions(tensors, table, config["patch_size"]), choices


def _beit_choices(
    tensors: Tensors, table: str, width: int, patch: int, chosen: Mapping[str, str]
) -> Iterator[Choice]:
    """What no tensor tells where there is no table of positions."""
    if not table:
        yield choose_heads(width, chosen)
    if not _told_by_positions(tensors, table, patch):
        yield choose(IMAGE, tuple(map(str, SIDES)), chosen)


def _told_by_positions(tensors: Tensors, table: str, patch: int) -> Config:
    """The picture's side and the heads, from the table of relative positions or the embeddings."""
    if table:
        side = (isqrt(max(0, size(tensors, table, 0, 732) - 3)) + 1) // 2
        return {"image_size": side * patch, "num_attention_heads": size(tensors, table, 1, 12)}
    places = size(tensors, first(tensors, r"embeddings\.position_embeddings$"), 1, 0)
    return {"image_size": isqrt(places - 1) * patch} if places else {}
