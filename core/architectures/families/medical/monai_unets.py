"""The arguments of MONAI's UNet, AttentionUnet and BasicUNet, from keys and shapes.

Each reader returns what is handed to the class, and what no tensor tells.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from core.architectures.network import Choice, Tensors, choose
from core.architectures.shapes import count, has, outputs, size

Arguments = dict[str, Any]
Read = tuple[Arguments, tuple[Choice, ...]]
NORM, ACT, STRIDES = "normalization", "activation", "strides"
WITH_WEIGHTS = {"affine": True}
NEXT = "1.submodule."  # what a level of UNet has around the deeper ones


def norm_of(tensors: Tensors, start: str, chosen: Mapping[str, str]) -> tuple[Any, Choice | None]:
    """What normalizes: statistics or weights tell it; without any it is a choice.

    Args:
        tensors: by name.
        start: of the layer that would have weights.
        chosen: the user's choices.
    """
    if has(tensors, f"{start}running_mean"):
        return "BATCH", None
    if has(tensors, f"{start}weight"):
        return ("INSTANCE", WITH_WEIGHTS), None
    taken = choose(NORM, ("INSTANCE", "none"), chosen)
    return (None if taken.taken == "none" else taken.taken), taken


def two_sizes(tensors: Tensors, key: str, usual: int = 3) -> Any:
    """The kernel of a convolution: one number where both sides are the same."""
    rows, columns = (size(tensors, key, axis, usual) for axis in (2, 3))
    return rows if rows == columns else (rows, columns)


# --- UNet -----------------------------------------------------------------------------------------


def unet(tensors: Tensors, chosen: Mapping[str, str]) -> Read:
    """MONAI's UNet, with or without residual units."""
    levels = list(_levels(tensors))
    units = count_units(tensors, levels[0])
    first = _conv(tensors, levels[0])
    norm, norm_choice = norm_of(tensors, f"{first.removesuffix('conv.weight')}adn.N.", chosen)
    act, act_choice = _activation(tensors, first, chosen)
    strides, stride_choice = _strides(tensors, levels, units, chosen)
    up = "model.2.0.conv.weight" if units else "model.2.conv.weight"
    arguments: Arguments = {
        "spatial_dims": 2,
        "in_channels": size(tensors, first, 1, 1),
        "out_channels": size(tensors, up, 1, 2),
        "channels": tuple(size(tensors, _conv(tensors, level), 0, 16) for level in levels),
        "strides": strides,
        "kernel_size": two_sizes(tensors, first),
        "up_kernel_size": two_sizes(tensors, up),
        "num_res_units": units,
        "act": act,
        "norm": norm,
        "bias": first.replace("weight", "bias") in tensors,
    }
    told = (norm_choice, act_choice, stride_choice)
    return arguments, tuple(choice for choice in told if choice)


def _levels(tensors: Tensors) -> Iterator[str]:
    """What stands before the names of each level's block, the top first, the bottom last."""
    start = "model."
    while has(tensors, f"{start}{NEXT}"):
        yield f"{start}0."
        start += NEXT
        if not has(tensors, f"{start}0."):
            yield start
            return


def count_units(tensors: Tensors, level: str) -> int:
    """How many convolutions a residual unit has; 0 for a plain one."""
    return sum(
        has(tensors, f"{level}conv.unit{n}.") for n in range(count(tensors, f"{level}conv."))
    )


def _conv(tensors: Tensors, level: str) -> str:
    """The key of a block's first convolution."""
    inner = f"{level}conv.unit0.conv.weight"
    return inner if inner in tensors else f"{level}conv.weight"


def _activation(
    tensors: Tensors, first: str, chosen: Mapping[str, str]
) -> tuple[str, Choice | None]:
    """PReLU has a weight; of the others nothing is seen."""
    if first.replace("conv.weight", "adn.A.weight") in tensors:
        return "PRELU", None
    taken = choose(ACT, ("RELU", "LEAKYRELU", "ELU", "GELU"), chosen)
    return taken.taken, taken


def _strides(
    tensors: Tensors, levels: list[str], units: int, chosen: Mapping[str, str]
) -> tuple[tuple[int, ...], Choice | None]:
    """Of a residual unit the shortcut tells: 1x1 where nothing is halved. Else 2 is the usual."""
    if units:
        keys = (f"{level}residual.weight" for level in levels[:-1])
        return tuple(1 if size(tensors, key, 2, 1) == 1 else 2 for key in keys), None
    number = len(levels) - 1
    usual = ", ".join(["2"] * number)
    return (2,) * number, choose(STRIDES, (usual,), chosen)


# --- AttentionUnet --------------------------------------------------------------------------------


def attention_unet(tensors: Tensors, chosen: Mapping[str, str]) -> Read:
    """MONAI's AttentionUnet; strides are those that nearly all have."""
    blocks = ["model.0."]
    start = "model.1."
    while has(tensors, f"{start}submodule."):
        deeper = has(tensors, f"{start}submodule.1.submodule.")
        blocks.append(f"{start}submodule.{'0.' if deeper else ''}")
        start += "submodule.1."
    keys = [f"{block}conv.0.conv.weight" for block in blocks]
    number = len(blocks) - 1
    choice = choose(STRIDES, (", ".join(["2"] * number),), chosen)
    arguments: Arguments = {
        "spatial_dims": 2,
        "in_channels": size(tensors, keys[0], 1, 1),
        "out_channels": outputs(tensors, "model.2.conv", 2),
        "channels": tuple(size(tensors, key, 0, 16) for key in keys),
        "strides": (2,) * number,
        "kernel_size": two_sizes(tensors, keys[0]),
        "up_kernel_size": two_sizes(tensors, "model.1.upconv.up.conv.weight"),
    }
    return arguments, (choice,)


# --- BasicUNet ------------------------------------------------------------------------------------

BASIC = ("conv_0.", "down_1.convs.", "down_2.convs.", "down_3.convs.", "down_4.convs.")


def basic_unet(tensors: Tensors, chosen: Mapping[str, str]) -> Read:
    """MONAI's BasicUNet of five levels."""
    widths = [size(tensors, f"{block}conv_0.conv.weight", 0, 32) for block in BASIC]
    last = size(tensors, "upcat_1.convs.conv_0.conv.weight", 0, 32)
    norm, choice = norm_of(tensors, "conv_0.conv_0.adn.N.", chosen)
    arguments: Arguments = {
        "spatial_dims": 2,
        "in_channels": size(tensors, "conv_0.conv_0.conv.weight", 1, 1),
        "out_channels": outputs(tensors, "final_conv", 2),
        "features": (*widths, last),
        "norm": norm,
        "bias": "conv_0.conv_0.conv.bias" in tensors,
        "upsample": upsampling(tensors, "upcat_4.upsample."),
    }
    return arguments, (choice,) if choice else ()


def upsampling(tensors: Tensors, start: str) -> str:
    """By which layer the size is doubled."""
    if has(tensors, f"{start}deconv."):
        return "deconv"
    return "pixelshuffle" if has(tensors, f"{start}conv_block.") else "nontrainable"
