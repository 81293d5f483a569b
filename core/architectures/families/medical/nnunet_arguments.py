"""The arguments of nnU-Net's two classes: from its plans, or from keys and shapes.

Classes and layers are named as texts, as in the plans; `MADE` says what each name is.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from torch import nn

from core.architectures.network import Tensors
from core.architectures.shapes import count, has, size
from core.checkpoint.nnunet_plans import Plans
from core.errors import ArchitectureError

Arguments = dict[str, Any]  # numbers, lists, and names of `MADE`
PLAIN, RESIDUAL = "PlainConvUNet", "ResidualEncoderUNet"
CONV, INSTANCE, BATCH = "nn.Conv2d", "nn.InstanceNorm2d", "nn.BatchNorm2d"
LEAKY = "nn.LeakyReLU"
MADE: Mapping[str, type[nn.Module]] = {
    CONV: nn.Conv2d,
    INSTANCE: nn.InstanceNorm2d,
    BATCH: nn.BatchNorm2d,
    LEAKY: nn.LeakyReLU,
    "nn.ReLU": nn.ReLU,
    "nn.GELU": nn.GELU,
    "nn.SiLU": nn.SiLU,
    "nn.PReLU": nn.PReLU,
    "nn.Dropout2d": nn.Dropout2d,
}
NAMED = ("conv_op", "norm_op", "dropout_op", "nonlin")  # arguments that are names of layers
SIZED = ("n_stages", "features_per_stage", "kernel_sizes", "strides", "conv_bias")
BLOCKS = {PLAIN: "n_conv_per_stage", RESIDUAL: "n_blocks_per_stage"}
KEYWORDS = ("norm_op_kwargs", "dropout_op_kwargs", "nonlin_kwargs")
MOST = 4096  # of any size in the plans: channels of a layer, or stages


def layer_or_value(value: Any) -> Any:
    """The class of a layer that is named; any other value as it is."""
    return MADE.get(value, value) if isinstance(value, str) else value


def written(value: Any) -> str:
    """As a script writes it."""
    return value if isinstance(value, str) and value in MADE else repr(value)


# --- from the plans -------------------------------------------------------------------------------


def from_plans(plans: Plans, kind: str) -> Arguments:
    """What the plans say, of either time.

    Raises:
        ArchitectureError: they name a class or layer that is not known here, or a size is none.
    """
    told = plans.values.get("architecture")
    if not isinstance(told, Mapping):
        return _before_2_4(plans, kind)
    name = str(told.get("network_class_name", "")).rpartition(".")[2]
    if name != kind:
        raise _unknown(f"the class {name[:80]}")
    found = told.get("arch_kwargs")
    found = found if isinstance(found, Mapping) else {}
    taken = (*SIZED, BLOCKS[kind], "n_conv_per_stage_decoder", *KEYWORDS, *NAMED)
    arguments: Arguments = {name: found[name] for name in taken if name in found}
    for name in NAMED:
        arguments[name] = _layer(arguments.get(name))
    _check(arguments, kind)
    return arguments


def _layer(name: Any) -> str | None:
    """The name in `MADE` of "torch.nn.modules.conv.Conv2d"; None where there is none.

    Raises:
        ArchitectureError: it is another one.
    """
    if name is None:
        return None
    path, _, last = str(name).rpartition(".")
    if path.split(".")[:2] != ["torch", "nn"] or f"nn.{last}" not in MADE:
        raise _unknown(f"the layer {str(name)[:80]}")
    return f"nn.{last}"


def _before_2_4(plans: Plans, kind: str) -> Arguments:
    """Sizes alone; the rest was fixed in the code (PlansManager of nnU-Net 2.0 to 2.3)."""
    told = plans.values
    kernels = told.get("conv_kernel_sizes")
    stages = len(kernels) if isinstance(kernels, list) else 0
    base, most = told.get("UNet_base_num_features", 32), told.get("unet_max_num_features", 512)
    if not isinstance(base, int) or not isinstance(most, int):
        raise _unknown("no number of features")
    arguments: Arguments = {
        "n_stages": stages,
        "features_per_stage": [min(base * 2**stage, most) for stage in range(stages)],
        "conv_op": CONV,
        "kernel_sizes": kernels,
        "strides": told.get("pool_op_kernel_sizes"),
        BLOCKS[kind]: told.get("n_conv_per_stage_encoder"),
        "n_conv_per_stage_decoder": told.get("n_conv_per_stage_decoder"),
        **_usual(INSTANCE),
    }
    _check(arguments, kind)
    return arguments


def _usual(norm: str | None, *, bias: bool = True) -> Arguments:
    """What nnU-Net's own planners take, whatever the data."""
    return {
        "conv_bias": bias,
        "norm_op": norm,
        "norm_op_kwargs": {"eps": 1e-5, "affine": True},
        "nonlin": LEAKY,
        "nonlin_kwargs": {"inplace": True},
    }


def _check(arguments: Arguments, kind: str) -> None:
    """Refuse sizes that no network has: the plans are a stranger's.

    Raises:
        ArchitectureError: a size is no whole number from 1 to `MOST`, or a list has no length that
            fits the stages.
    """
    stages = arguments.get("n_stages")
    lists = ("features_per_stage", "kernel_sizes", "strides", BLOCKS[kind])
    lengths = {name: stages for name in lists} | {"n_conv_per_stage_decoder": (stages or 1) - 1}
    for name, length in lengths.items():
        value = arguments.get(name)
        if not isinstance(value, list) or len(value) != length or not all(map(_is_size, value)):
            raise _unknown(f"{name} = {str(value)[:80]}")


def _is_size(value: Any) -> bool:
    if isinstance(value, list):
        return len(value) == 2 and all(isinstance(side, int) and _is_size(side) for side in value)
    return isinstance(value, int) and not isinstance(value, bool) and 1 <= value <= MOST


def _unknown(what: str) -> ArchitectureError:
    return ArchitectureError(
        f"The plans beside the weights tell a network that is not built here: {what}.",
        remedy="Upload the network as .pt2: torch.export.export(predictor.network, ...).",
    )


# --- from keys and shapes -------------------------------------------------------------------------


def from_keys(tensors: Tensors, kind: str) -> Arguments:
    """What keys and shapes tell; LeakyReLU and eps are nnU-Net's own."""
    stages = count(tensors, "encoder.stages.")
    convs = [_first_conv(kind, stage) for stage in range(stages)]
    decoder = [f"decoder.stages.{stage}.convs." for stage in range(stages - 1)]
    norm = BATCH if has(tensors, f"{convs[0]}.norm.running_mean") else INSTANCE
    norm_op = norm if has(tensors, f"{convs[0]}.norm.") else None
    return {
        "n_stages": stages,
        "features_per_stage": [_features(tensors, kind, stage) for stage in range(stages)],
        "conv_op": CONV,
        "kernel_sizes": [_kernel(tensors, f"{conv}.conv.weight", 3) for conv in convs],
        "strides": [[1, 1], *(_stride(tensors, stages, stage) for stage in range(1, stages))],
        BLOCKS[kind]: [count(tensors, f"{_blocks(kind, stage)}.") for stage in range(stages)],
        "n_conv_per_stage_decoder": [count(tensors, start) for start in decoder],
        **_usual(norm_op, bias=f"{convs[0]}.conv.bias" in tensors),
    }


def _blocks(kind: str, stage: int) -> str:
    """What stands before the numbers of a stage's parts."""
    return f"encoder.stages.{stage}.{'0.convs' if kind == PLAIN else 'blocks'}"


def _first_conv(kind: str, stage: int) -> str:
    return f"{_blocks(kind, stage)}.0{'' if kind == PLAIN else '.conv1'}"


def _features(tensors: Tensors, kind: str, stage: int) -> int:
    """The outputs of the stage: of a deep residual block those of its third convolution."""
    start = _first_conv(kind, stage)
    third = f"{start.removesuffix('conv1')}conv3.conv.weight"
    return size(tensors, third, 0, size(tensors, f"{start}.conv.weight", 0, 32))


def _kernel(tensors: Tensors, key: str, usual: int) -> list[int]:
    return [size(tensors, key, axis, usual) for axis in (2, 3)]


def _stride(tensors: Tensors, stages: int, stage: int) -> list[int]:
    """That of the transposed convolution on the way back, whose kernel it is."""
    return _kernel(tensors, f"decoder.transpconvs.{stages - 1 - stage}.weight", 2)
