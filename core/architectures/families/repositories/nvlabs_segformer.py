"""The SegFormer of github.com/NVlabs/SegFormer: the network that transformers has too, renamed."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import replace

import torch

from core.architectures.families.transformers import transformers_family
from core.architectures.network import Account, Network, Tensors
from core.architectures.shapes import has
from core.checkpoint import Checkpoint

TITLE = "SegFormer of NVlabs"
TRAINING_ONLY = "decode_head.conv_seg."  # mmseg's base class makes it, and nothing runs it
FUSED = re.compile(r"attn\.kv\.(weight|bias)$")  # keys and values in one matrix
STAGES = (  # beginnings with the number of the stage, from 1; transformers counts from 0
    (r"^backbone\.patch_embed(\d)\.norm\.", "segformer.encoder.patch_embeddings.{}.layer_norm."),
    (r"^backbone\.patch_embed(\d)\.", "segformer.encoder.patch_embeddings.{}."),
    (r"^backbone\.block(\d)\.", "segformer.encoder.block.{}."),
    (r"^backbone\.norm(\d)\.", "segformer.encoder.layer_norm.{}."),
    (r"^decode_head\.linear_c(\d)\.", "decode_head.linear_c.{}."),
)
PARTS = (
    (".norm1.", ".layer_norm_1."),
    (".norm2.", ".layer_norm_2."),
    (".attn.q.", ".attention.self.query."),
    (".attn.k.", ".attention.self.key."),
    (".attn.v.", ".attention.self.value."),
    (".attn.proj.", ".attention.output.dense."),
    (".attn.sr.", ".attention.self.sr."),
    (".attn.norm.", ".attention.self.layer_norm."),
    (".mlp.fc1.", ".mlp.dense1."),
    (".mlp.fc2.", ".mlp.dense2."),
    ("decode_head.linear_fuse.conv.", "decode_head.linear_fuse."),
    ("decode_head.linear_fuse.bn.", "decode_head.batch_norm."),
    ("decode_head.linear_pred.", "decode_head.classifier."),
)


def matches(checkpoint: Checkpoint) -> bool:
    """Whether the keys are laid out as in that repository."""
    return has(checkpoint.tensors, "backbone.patch_embed1.", "backbone.block1.0.attn.kv.") and has(
        checkpoint.tensors, "decode_head.linear_c1.", "decode_head.linear_pred."
    )


def build(checkpoint: Checkpoint, chosen: Mapping[str, str]) -> Network:
    """Have transformers build it from the renamed weights.

    Raises:
        ArchitectureError: that library is not installed, or tensors are missing or differ in shape.
    """
    tensors = {key: t for key, t in checkpoint.tensors.items() if not key.startswith(TRAINING_ONLY)}
    network = transformers_family.build(replace(checkpoint, tensors=renamed(tensors)), chosen)
    unused = tuple(key for key in checkpoint.tensors if key not in tensors)
    return replace(
        network,
        architecture=TITLE,
        account=Account(tuple(tensors), network.account.missing, unused, ()),
        source=None,  # its lines would have to take keys and values apart
    )


def renamed(tensors: Tensors) -> dict[str, torch.Tensor]:
    """The weights under the names that transformers writes."""
    return {_present(key): part for name, t in tensors.items() for key, part in _single(name, t)}


def _single(key: str, tensor: torch.Tensor) -> Iterator[tuple[str, torch.Tensor]]:
    """Keys and values each by themselves; everything else as it is."""
    if not FUSED.search(key):
        yield key, tensor
        return
    for name, part in zip("kv", tensor.chunk(2), strict=False):
        yield key.replace(".attn.kv.", f".attn.{name}."), part


def _present(key: str) -> str:
    for pattern, start in STAGES:
        if found := re.match(pattern, key):
            key = start.format(int(found[1]) - 1) + key[found.end() :]
    for old, new in PARTS:
        key = key.replace(old, new)
    return key
