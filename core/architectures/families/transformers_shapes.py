"""Configs of transformers from keys and shapes alone, where no config.json is beside the weights.

The library writes other names into a file (`save_pretrained`) than its modules have in memory
(`torch.save(model.state_dict())`, since version 5). Each reader here knows both.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from math import isqrt
from typing import Any

from core.architectures.network import Choice, Tensors, choose
from core.architectures.shapes import count, has, size

ATTENTION, IMAGE = "attention heads", "image size"
HEAD_WIDTH = 64  # channels of one attention head, in every ViT that was published
SIDES = (224, 384, 512, 640)  # of BEiT's pictures, the library's default first
Config = dict[str, Any]
Reader = Callable[[Tensors, Mapping[str, str]], tuple[Config, tuple[Choice, ...]]]


def reader_of(tensors: Tensors) -> Reader | None:
    """Who reads the config from these keys; None where they are of no known network."""
    if has(tensors, "segformer.", "decode_head.classifier."):
        return _segformer
    if _first(tensors, r"^backbone\.(swin\.)?embeddings\.patch_embeddings\.projection\.weight$"):
        return _upernet_swin if has(tensors, "decode_head.psp_modules.") else None
    if has(tensors, "beit.embeddings.", "decode_head.psp_modules."):
        return _beit
    return None


# --- SegFormer ------------------------------------------------------------------------------------


def _segformer(tensors: Tensors, chosen: Mapping[str, str]) -> tuple[Config, tuple[Choice, ...]]:
    in_memory = has(tensors, "segformer.stages.")
    sizes = _segformer_in_memory(tensors) if in_memory else _segformer_saved(tensors)
    heads = choose(ATTENTION, ("1, 2, 5, 8", "1, 2, 4, 8"), chosen)
    stages = len(sizes["hidden_sizes"])
    numbers = [int(number) for number in heads.taken.split(",")][:stages]
    config = {
        "model_type": "segformer",
        "num_encoder_blocks": stages,
        "num_labels": size(tensors, "decode_head.classifier.weight", 0, 150),
        "decoder_hidden_size": size(tensors, "decode_head.classifier.weight", 1, 256),
        "num_attention_heads": numbers,
    }
    return config | sizes, (heads,)


def _segformer_saved(tensors: Tensors) -> Config:
    start = "segformer.encoder."
    stages = range(count(tensors, f"{start}patch_embeddings."))
    return _stages(
        tensors,
        patches=[f"{start}patch_embeddings.{stage}.proj.weight" for stage in stages],
        blocks=[f"{start}block.{stage}." for stage in stages],
        hidden="0.mlp.dense1.weight",
        reduction="0.attention.self.sr.weight",
    )


def _segformer_in_memory(tensors: Tensors) -> Config:
    stages = range(count(tensors, "segformer.stages."))
    return _stages(
        tensors,
        patches=[f"segformer.stages.{stage}.patch_embeddings.proj.weight" for stage in stages],
        blocks=[f"segformer.stages.{stage}.blocks." for stage in stages],
        hidden="0.mlp.fc1.weight",
        reduction="0.attention.sequence_reduction.sequence_reduction.weight",
    )


def _stages(
    tensors: Tensors, *, patches: list[str], blocks: list[str], hidden: str, reduction: str
) -> Config:
    """Sizes of a mix transformer; `hidden` and `reduction` lie in the first block of a stage."""
    widths = [size(tensors, key, 0, 32) for key in patches]
    inner = [size(tensors, block + hidden, 0, 4) for block in blocks]
    return {
        "num_channels": size(tensors, patches[0], 1, 3) if patches else 3,
        "hidden_sizes": widths,
        "patch_sizes": [size(tensors, key, 2, 3) for key in patches],
        "depths": [count(tensors, block) for block in blocks],
        "sr_ratios": [size(tensors, block + reduction, 2, 1) for block in blocks],
        "mlp_ratios": [of // width for of, width in zip(inner, widths, strict=True)],
    }


# --- UPerNet with a Swin transformer --------------------------------------------------------------


def _upernet_swin(tensors: Tensors, chosen: Mapping[str, str]) -> tuple[Config, tuple[Choice, ...]]:
    aux = has(tensors, "auxiliary_head.")
    config = {
        "model_type": "upernet",
        "backbone_config": _swin(tensors),
        "hidden_size": size(tensors, "decode_head.classifier.weight", 1, 512),
        "num_labels": size(tensors, "decode_head.classifier.weight", 0, 150),
        "use_auxiliary_head": aux,
    }
    if aux:
        config |= {
            "auxiliary_channels": size(tensors, "auxiliary_head.classifier.weight", 1, 256),
            "auxiliary_num_convs": count(tensors, "auxiliary_head.convs."),
            "auxiliary_in_channels": size(tensors, "auxiliary_head.convs.0.conv.weight", 1, 384),
        }
    return config, ()


def _swin(tensors: Tensors) -> Config:
    start = "backbone.swin." if has(tensors, "backbone.swin.embeddings.") else "backbone."
    patch = f"{start}embeddings.patch_embeddings.projection.weight"
    layers = [
        f"{start}encoder.layers.{k}." for k in range(count(tensors, f"{start}encoder.layers."))
    ]
    tables = [_first(tensors, rf"^{re.escape(at)}blocks\.0\..*bias_table$") for at in layers]
    width = size(tensors, patch, 0, 96)
    inner = _first(tensors, r"layers\.0\.blocks\.0\.(mlp\.fc1|intermediate\.dense)\.weight$")
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
        "out_features": sorted(
            {
                key.split(".")[2]
                for key in tensors
                if key.startswith("backbone.hidden_states_norms.")
            }
        ),
    }


# --- BEiT -----------------------------------------------------------------------------------------


def _beit(tensors: Tensors, chosen: Mapping[str, str]) -> tuple[Config, tuple[Choice, ...]]:
    start = "beit.layers." if has(tensors, "beit.layers.") else "beit.encoder.layer."
    patch = "beit.embeddings.patch_embeddings.projection.weight"
    table = _first(tensors, r"relative_position_bias_table$")
    width, layers = size(tensors, patch, 0, 768), count(tensors, start)
    inner = _first(tensors, rf"^{re.escape(start)}0\.(mlp\.fc1|intermediate\.dense)\.weight$")
    aux = has(tensors, "auxiliary_head.")
    config: Config = {
        "model_type": "beit",
        "hidden_size": width,
        "num_hidden_layers": layers,
        "intermediate_size": size(tensors, inner, 0, 4 * width),
        "patch_size": size(tensors, patch, 2, 16),
        "num_channels": size(tensors, patch, 1, 3),
        "use_mask_token": has(tensors, "beit.embeddings.mask_token"),
        "use_absolute_position_embeddings": has(tensors, "beit.embeddings.position_embeddings"),
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
        usual = max(1, width // HEAD_WIDTH)
        heads = dict.fromkeys([usual, *(n for n in (1, 2, 3, 4, 6, 8, 12, 16) if width % n == 0)])
        yield choose(ATTENTION, tuple(map(str, heads)), chosen)
    if not _told_by_positions(tensors, table, patch):
        yield choose(IMAGE, tuple(map(str, SIDES)), chosen)


def _told_by_positions(tensors: Tensors, table: str, patch: int) -> Config:
    """The picture's side and the heads, from the table of relative positions or the embeddings."""
    if table:
        side = (isqrt(max(0, size(tensors, table, 0, 732) - 3)) + 1) // 2
        return {"image_size": side * patch, "num_attention_heads": size(tensors, table, 1, 12)}
    places = size(tensors, "beit.embeddings.position_embeddings", 1, 0)
    return {"image_size": isqrt(places - 1) * patch} if places else {}


def _first(tensors: Tensors, pattern: str) -> str:
    """The first key that matches, "" for none."""
    return next((key for key in tensors if re.search(pattern, key)), "")
