"""The operators that an exported program may use: a closed list, none with effects outside.

A name is looked up here and nowhere else; what stands in a file never reaches `getattr`. Not in the
list, on purpose: whatever reads files or devices, replaces a tensor's storage (`set_`, `resize_`,
`as_strided`), is random, or has a size that only the numbers tell (`nonzero`, `item`).
"""

from __future__ import annotations

import math
import operator
from collections.abc import Callable, Iterator
from typing import Any

import torch

Operator = Callable[..., Any]  # called with keywords, named as in the operator's schema
ATEN = "torch.ops.aten."
MAX_NUMBER = 2**63  # sizes are 64-bit
MAX_POWER = 64
MAX_PIECES = 10_000  # tensors that one operator may return

_NAMES = """
conv1d.default conv2d.default conv3d.default conv1d.padding conv2d.padding conv3d.padding
conv_transpose1d.default conv_transpose2d.input conv_transpose3d.input convolution.default
_convolution.default linear.default matmul.default mm.default bmm.default addmm.default
baddbmm.default dot.default mv.default einsum.default outer.default
scaled_dot_product_attention.default

group_norm.default layer_norm.default native_layer_norm.default rms_norm.default
_weight_norm.default

relu.default relu_.default relu6.default relu6_.default leaky_relu.default leaky_relu_.default
elu.default elu_.default celu.default celu_.default selu.default selu_.default prelu.default
_prelu_kernel.default gelu.default gelu_.default silu.default silu_.default mish.default
mish_.default hardswish.default hardswish_.default hardsigmoid.default hardsigmoid_.default
hardtanh.default hardtanh_.default hardshrink.default softshrink.default softplus.default
softmax.int _softmax.default log_softmax.int _log_softmax.default glu.default
sigmoid.default sigmoid_.default log_sigmoid.default tanh.default tanh_.default
threshold.default threshold_.default

max_pool1d.default max_pool2d.default max_pool2d_with_indices.default max_pool3d.default
avg_pool1d.default avg_pool2d.default avg_pool3d.default max_unpool2d.default
adaptive_avg_pool1d.default adaptive_avg_pool2d.default _adaptive_avg_pool2d.default
adaptive_avg_pool3d.default adaptive_max_pool1d.default adaptive_max_pool2d.default

upsample_nearest1d.vec upsample_nearest2d.vec upsample_nearest2d.default
upsample_nearest3d.vec _upsample_nearest_exact2d.vec _upsample_nearest_exact2d.default
upsample_linear1d.vec upsample_bilinear2d.vec upsample_bilinear2d.default
upsample_trilinear3d.vec upsample_bicubic2d.vec upsample_bicubic2d.default
_upsample_bilinear2d_aa.vec _upsample_bilinear2d_aa.default _upsample_bicubic2d_aa.vec
_upsample_bicubic2d_aa.default grid_sampler.default grid_sampler_2d.default
affine_grid_generator.default pixel_shuffle.default pixel_unshuffle.default
channel_shuffle.default native_channel_shuffle.default im2col.default col2im.default

pad.default constant_pad_nd.default reflection_pad1d.default reflection_pad2d.default
replication_pad1d.default replication_pad2d.default

add.Tensor add.Scalar add_.Tensor add_.Scalar sub.Tensor sub.Scalar sub_.Tensor sub_.Scalar
rsub.Tensor rsub.Scalar mul.Tensor mul.Scalar mul_.Tensor mul_.Scalar div.Tensor div.Scalar
div_.Tensor div_.Scalar div.Tensor_mode div.Scalar_mode div_.Tensor_mode div_.Scalar_mode
floor_divide.default floor_divide.Scalar remainder.Tensor remainder.Scalar fmod.Tensor
fmod.Scalar pow.Tensor_Scalar pow.Tensor_Tensor pow.Scalar pow_.Scalar neg.default abs.default
abs_.default sqrt.default sqrt_.default rsqrt.default square.default reciprocal.default
exp.default exp_.default exp2.default expm1.default log.default log2.default log10.default
log1p.default sin.default cos.default tan.default asin.default acos.default atan.default
atan2.default sinh.default cosh.default erf.default floor.default ceil.default round.default
trunc.default frac.default sign.default addcmul.default addcdiv.default lerp.Scalar lerp.Tensor
clamp.default clamp.Tensor clamp_.default clamp_min.default clamp_min_.default
clamp_max.default clamp_max_.default maximum.default minimum.default nan_to_num.default
isnan.default isinf.default isfinite.default

eq.Tensor eq.Scalar ne.Tensor ne.Scalar lt.Tensor lt.Scalar le.Tensor le.Scalar gt.Tensor
gt.Scalar ge.Tensor ge.Scalar logical_and.default logical_or.default logical_not.default
logical_xor.default bitwise_and.Tensor bitwise_or.Tensor bitwise_not.default where.self
where.ScalarSelf where.ScalarOther where.Scalar masked_fill.Scalar masked_fill.Tensor
masked_fill_.Scalar masked_fill_.Tensor tril.default triu.default

sum.default sum.dim_IntList mean.default mean.dim amax.default amin.default max.default max.dim
min.default min.dim max.other min.other argmax.default argmin.default prod.default prod.dim_int
std.default std.dim std.correction var.default var.dim var.correction var_mean.dim
var_mean.correction norm.Scalar norm.ScalarOpt_dim linalg_vector_norm.default logsumexp.default
cumsum.default all.default all.dim any.default any.dim topk.default sort.default cross.default
linalg_cross.default

reshape.default view_as.default flatten.using_ints unflatten.int squeeze.default squeeze.dim
squeeze.dims unsqueeze.default unsqueeze_.default squeeze_.dim permute.default transpose.int
t.default numpy_T.default mT.default movedim.int movedim.intlist swapaxes.default
expand.default expand_as.default broadcast_to.default repeat.default repeat_interleave.self_int
tile.default select.int slice.Tensor narrow.default diagonal.default flip.default roll.default
rot90.default cat.default concat.default stack.default hstack.default vstack.default
split.Tensor split.sizes split_with_sizes.default split_with_sizes_copy.default chunk.default
tensor_split.sections unbind.int meshgrid.default meshgrid.indexing unfold.default
index.Tensor _unsafe_index.Tensor index_select.default gather.default take_along_dim.default
index_put.default index_put_.default select_scatter.default slice_scatter.default
scatter.src scatter.value embedding.default one_hot.default

clone.default contiguous.default detach.default alias.default lift_fresh_copy.default
to.dtype to.device to.dtype_layout to.other to.prim_Device type_as.default _to_copy.default
copy.default copy_.default fill.Scalar fill.Tensor fill_.Scalar fill_.Tensor zero_.default
zeros.default zeros_like.default ones.default ones_like.default full.default full_like.default
new_zeros.default new_ones.default new_full.default arange.default arange.start
arange.start_step linspace.default eye.default eye.m scalar_tensor.default
"""
ALLOWED = frozenset(_NAMES.split())


# --- operators that we run as another one, or ourselves -------------------------------------------


def _batch_norm(**given: Any) -> torch.Tensor:
    """With a picture's own statistics the stored ones are left out, because torch changes them."""
    if given["training"]:
        given |= {"running_mean": None, "running_var": None}
    result: torch.Tensor = torch.ops.aten.batch_norm.default(**given)
    return result


def _instance_norm(**given: Any) -> torch.Tensor:
    if given["use_input_stats"]:
        given |= {"running_mean": None, "running_var": None}
    result: torch.Tensor = torch.ops.aten.instance_norm.default(**given)
    return result


def _native_batch_norm(**given: Any) -> tuple[torch.Tensor | None, ...]:
    """After `run_decompositions`; the plain operator checks the sizes, the native one does not.

    Returns:
        What it normalizes to; the statistics after it are only wanted for training.
    """
    given = {"training": False} | given | {"cudnn_enabled": False}
    return _batch_norm(**given), None, None, None, None


def _native_group_norm(**given: Any) -> tuple[torch.Tensor | None, ...]:
    """Torch believes the sizes that are stated beside the tensor: so they are not used."""
    wanted = {"input": given["input"], "num_groups": given["group"], "eps": given["eps"]}
    weights = {"weight": given["weight"], "bias": given["bias"]}
    return torch.ops.aten.group_norm.default(**wanted, **weights), None, None


def _attention(**given: Any) -> tuple[torch.Tensor | None, ...]:
    """After `run_decompositions` on a CPU."""
    given.pop("return_debug_mask", None)
    return torch.ops.aten.scaled_dot_product_attention.default(**given), None


def _first(**given: Any) -> Any:
    return next(iter(given.values()))


def _first_and_none(**given: Any) -> tuple[Any, None]:
    return _first(**given), None


def _nothing(**given: Any) -> None:
    return None


def _zeros(**given: Any) -> torch.Tensor:
    """Memory that was not cleared shows what was in it before."""
    given.pop("memory_format", None)
    return torch.zeros(**given)


def _zeros_like(**given: Any) -> torch.Tensor:
    result: torch.Tensor = torch.ops.aten.zeros_like.default(**given)
    return result


def _new_zeros(**given: Any) -> torch.Tensor:
    result: torch.Tensor = torch.ops.aten.new_zeros.default(**given)
    return result


def _reshape(**given: Any) -> torch.Tensor:
    """A view where the memory's order allows it; it may differ from the exporter's machine."""
    shape = given.get("size", given.get("shape"))
    result: torch.Tensor = torch.ops.aten.reshape.default(given["self"], shape)
    return result


def _detach(**given: Any) -> torch.Tensor:
    result: torch.Tensor = torch.ops.aten.detach.default(**given)
    return result


def _size(**given: Any) -> int:
    return int(given["self"].shape[given["dim"]])


def _numel(**given: Any) -> int:
    return int(given["self"].numel())


def _assert_scalar(**given: Any) -> None:
    if not given["self"]:
        raise ValueError("a condition that the program asserts does not hold at this size")


OURS: dict[str, Operator] = {
    "batch_norm.default": _batch_norm,
    "instance_norm.default": _instance_norm,
    "_native_batch_norm_legit.default": _native_batch_norm,
    "_native_batch_norm_legit_functional.default": _native_batch_norm,
    "_native_batch_norm_legit_no_training.default": _native_batch_norm,
    "native_group_norm.default": _native_group_norm,
    "_scaled_dot_product_flash_attention_for_cpu.default": _attention,
    "dropout.default": _first,  # in training it would be random; a note says so
    "dropout_.default": _first,
    "feature_dropout.default": _first,
    "feature_dropout_.default": _first,
    "alpha_dropout.default": _first,
    "native_dropout.default": _first_and_none,
    "empty.memory_format": _zeros,
    "empty_like.default": _zeros_like,
    "new_empty.default": _new_zeros,
    "view.default": _reshape,
    "_unsafe_view.default": _reshape,
    "detach_.default": _detach,
    "sym_size.int": _size,
    "sym_numel.default": _numel,
    "_assert_scalar.default": _assert_scalar,
    "_assert_async.msg": _nothing,
    "_assert_tensor_metadata.default": _nothing,  # devices and precisions are ours to choose
    "sym_constrain_range.default": _nothing,
    "sym_constrain_range_for_size.default": _nothing,
}


# --- Python's operators on sizes ------------------------------------------------------------------


def _power(base: float, exponent: float) -> float:
    if abs(exponent) > MAX_POWER:
        raise OverflowError("an exponent that is too large for a size")
    return float(base**exponent) if isinstance(exponent, float) else base**exponent


def _either(condition: bool, one: float, other: float) -> float:
    return one if condition else other


SIZES: dict[str, Callable[..., Any]] = {
    "_operator.add": operator.add,
    "_operator.sub": operator.sub,
    "_operator.mul": operator.mul,
    "_operator.truediv": operator.truediv,
    "_operator.floordiv": operator.floordiv,
    "_operator.mod": operator.mod,
    "_operator.neg": operator.neg,
    "_operator.pos": operator.pos,
    "_operator.abs": operator.abs,
    "_operator.pow": _power,
    "_operator.eq": operator.eq,
    "_operator.ne": operator.ne,
    "_operator.lt": operator.lt,
    "_operator.le": operator.le,
    "_operator.gt": operator.gt,
    "_operator.ge": operator.ge,
    "_operator.and_": operator.and_,
    "_operator.or_": operator.or_,
    "_operator.not_": operator.not_,
    "math.ceil": math.ceil,
    "math.floor": math.floor,
    "math.trunc": math.trunc,
    "math.sqrt": math.sqrt,
    "builtins.round": round,
    "builtins.abs": abs,
    "builtins.max": max,
    "builtins.min": min,
    "torch.sym_float": float,
    "torch.sym_int": int,
    "torch.sym_max": max,
    "torch.sym_min": min,
    "torch.sym_not": operator.not_,
    "torch.sym_ite": _either,
}


def _of_sizes(function: Callable[..., Any]) -> Operator:
    """The same on plain numbers only, with results that are sizes: nothing grows without end."""

    def bounded(**given: Any) -> Any:
        if not all(isinstance(value, int | float) for value in given.values()):
            raise TypeError("an operator on sizes was given a value that is not a number")
        result = function(*given.values())
        if not abs(result) < MAX_NUMBER:
            raise OverflowError("a size beyond 64 bits")
        return result

    return bounded


# --- the look-up ----------------------------------------------------------------------------------


def operator_named(target: str) -> Operator | None:
    """What a node's target stands for; None if it is not in the list."""
    if target in SIZES:
        return _of_sizes(SIZES[target])
    name = target.removeprefix(ATEN)
    if name == target:
        return None
    if name in OURS:
        return OURS[name]
    return _aten(name) if name in ALLOWED else None


def _aten(name: str) -> Operator | None:
    packet, _, overload = name.partition(".")
    found = getattr(torch.ops.aten, packet, None)  # a name of ALLOWED; other torch, other overloads
    result: Operator | None = getattr(found, overload, None)
    return result


def arguments_of(target: str) -> dict[str, bool] | None:
    """The argument names of an aten operator, and whether it changes them; None for Python's."""
    if target in SIZES:
        return None
    found: Any = _aten(target.removeprefix(ATEN))
    changed = () if target.removeprefix(ATEN) in OURS else tuple(_changed(found))
    return {argument.name: argument.name in changed for argument in found._schema.arguments}


def _changed(found: Any) -> Iterator[str]:
    for argument in found._schema.arguments:
        if argument.alias_info is not None and argument.alias_info.is_write:
            yield argument.name


def pieces(target: str, given: dict[str, Any]) -> int:
    """How many tensors an operator would return, where the shape of its input tells."""
    name = target.removeprefix(ATEN)
    if name not in ("split.Tensor", "unbind.int", "chunk.default", "tensor_split.sections"):
        return 1
    length = int(given["self"].shape[given.get("dim", 0)])
    if name == "split.Tensor":
        return -(-length // max(int(given["split_size"]), 1))
    return length if name == "unbind.int" else int(given.get("chunks", given.get("sections", 1)))
