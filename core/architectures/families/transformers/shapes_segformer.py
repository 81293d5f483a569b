"""The config of a SegFormer from keys and shapes."""

from __future__ import annotations

from collections.abc import Mapping

from core.architectures.families.transformers.reading import ATTENTION, Config, Read
from core.architectures.network import Tensors, choose
from core.architectures.shapes import count, has, size


def segformer(tensors: Tensors, chosen: Mapping[str, str]) -> Read:
    """Sizes of all stages; how many attention heads each has is a choice."""
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
