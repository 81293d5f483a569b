"""An adapter (LoRA) put into the base that was uploaded beside it.

    weight + alpha / rank * B A        https://arxiv.org/abs/2106.09685
    weight + alpha / sqrt(rank) * B A  https://arxiv.org/abs/2312.03732 (use_rslora)

The names are those of the library peft, without what it puts before them; alpha is in its
adapter_config.json alone, so that nothing is merged without that file.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch

CONFIG = "adapter_config.json"
DOWN, UP = ".lora_A.weight", ".lora_B.weight"
UNKNOWN = ("use_dora", "alpha_pattern", "megatron_config")  # rules that change the arithmetic
Tensors = Mapping[str, torch.Tensor]


def with_adapter(
    tensors: Tensors, metadata: Mapping[str, Any]
) -> tuple[dict[str, torch.Tensor], dict[str, str]]:
    """The base's tensors with the adapter's product added.

    Args:
        tensors: of base and adapter, by name.
        metadata: what is beside them; `CONFIG` tells alpha.

    Returns:
        By name, in the file's order; and for each weight that was changed, how in words. All stays
        as it is where one product fits no weight, or where the config names a rule that is not
        known.
    """
    config = metadata.get(CONFIG)
    layers = [key.removesuffix(DOWN) for key in tensors if key.endswith(DOWN)]
    if not layers or not isinstance(config, Mapping) or any(config.get(name) for name in UNKNOWN):
        return dict(tensors), {}
    changed = {f"{layer}.weight": _changed(tensors, layer, config) for layer in layers}
    whole = {name: weight for name, weight in changed.items() if weight is not None}
    if len(whole) < len(layers):
        return dict(tensors), {}
    gone = {f"{layer}{part}" for layer in layers for part in (DOWN, UP)}
    alpha, rank = config.get("lora_alpha"), tensors[f"{layers[0]}{DOWN}"].shape[0]
    words = f"the weight plus its adapter (LoRA of rank {rank}, alpha {alpha})"
    plain = {key: whole.get(key, tensor) for key, tensor in tensors.items() if key not in gone}
    return plain, dict.fromkeys(whole, words)


def _changed(tensors: Tensors, layer: str, config: Mapping[str, Any]) -> torch.Tensor | None:
    """The base's weight plus the product, Float32; None where they do not fit."""
    weight, down, up = (tensors.get(f"{layer}{part}") for part in (".weight", DOWN, UP))
    alpha = config.get("lora_alpha")
    if weight is None or down is None or up is None or not isinstance(alpha, int | float):
        return None
    if not all(part.is_floating_point() and part.ndim >= 2 for part in (weight, down, up)):
        return None
    product = _product(down.float(), up.float())
    if product is not None and config.get("fan_in_fan_out"):
        product = product.T if product.ndim == 2 else None
    if product is None or product.shape != weight.shape:
        return None
    rank = down.shape[0]
    scale = alpha / rank**0.5 if config.get("use_rslora") else alpha / rank
    return weight.float() + scale * product


def _product(down: torch.Tensor, up: torch.Tensor) -> torch.Tensor | None:
    """B A of two matrices, or of a convolution and the 1x1 one behind it."""
    if down.shape[0] != up.shape[1] or down.ndim != up.ndim or any(s != 1 for s in up.shape[2:]):
        return None
    flat = up.flatten(1) @ down.flatten(1)
    return flat.reshape(up.shape[0], *down.shape[1:])
