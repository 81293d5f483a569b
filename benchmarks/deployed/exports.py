"""A network written as an ONNX graph, rightly and in every wrong way that has a finding."""

from __future__ import annotations

import copy
import inspect
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import torch
from torch import nn
from torch.nn import functional as F
from torchvision.models.segmentation.deeplabv3 import ASPPPooling

from benchmarks.foreign.networks import logits_of

Wrap = Callable[[torch.Tensor], Any]
OPSET = 17
LARGE = 3e5  # by which a layer is scaled, so that float16 cannot hold it
COLLAPSED = 60.0  # by which a scale is too small
DISTURBED = 0.5  # of the standard deviation of a weight: another epoch


@dataclass(frozen=True)
class Recipe:
    """One picture's network and how it is fed, for those who write it down."""

    module: nn.Module  # in eval mode
    x: torch.Tensor  # Float32[1 c h w], as the checkpoint is fed
    mean: tuple[float, ...]
    std: tuple[float, ...]


class Wrapped(nn.Module):
    """A network with something before and behind it; returns logits at the input's size."""

    def __init__(self, module: nn.Module, before: Wrap, behind: Wrap) -> None:
        super().__init__()
        self.module, self.before, self.behind = module, before, behind
        self.train(module.training)

    def forward(self, x: torch.Tensor) -> Any:
        """As a script would run it."""
        x = self.before(x)
        return self.behind(at_size(logits_of(self.module(x)), x))


def at_size(logits: torch.Tensor, x: torch.Tensor) -> torch.Tensor:
    """Enlarged to the input where the network has not done it."""
    if logits.shape[2:] == x.shape[2:]:
        return logits
    return F.interpolate(logits, size=x.shape[2:], mode="bilinear", align_corners=False)


def same(x: torch.Tensor) -> torch.Tensor:
    """Nothing in between."""
    return x


def write(
    module: nn.Module,
    x: torch.Tensor,
    path: Path,
    *,
    before: Wrap = same,
    behind: Wrap = same,
    opset: int = OPSET,
    dynamic: bool = False,
    fold: bool = True,
    training: bool = False,
) -> Path:
    """Export by torch.onnx.export.

    Args:
        module: of the network.
        x: an input.
        path: of the file.
        before: what the graph does with its input first.
        behind: what it does with its logits.
        opset: of the graph.
        dynamic: whether height and width are free.
        fold: whether constants are folded, BatchNorm into convolutions among them.
        training: whether it is exported in training mode.
    """
    whole = Wrapped(module, before, behind)
    if training:
        for norm in _norms_of_many(module):
            norm.train()
    axes = {name: {2: "height", 3: "width"} for name in ("x", "y")} if dynamic else None
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.onnx.export(
            whole, (x,), str(path), dynamo=False, opset_version=opset,
            training=torch.onnx.TrainingMode.PRESERVE,
            do_constant_folding=fold and not training, dynamic_axes=axes, input_names=["x"],
            output_names=["y"] if not isinstance(behind, TwoOutputs) else ["aux", "out"],
        )  # fmt: skip
    module.eval()
    return path


def _norms_of_many(module: nn.Module) -> Iterator[nn.Module]:
    """BatchNorms but those behind a pooling to one pixel, which cannot train on one picture."""
    single = {n for m in module.modules() if isinstance(m, ASPPPooling) for n in m.modules()}
    yield from (m for m in module.modules() if isinstance(m, nn.BatchNorm2d) and m not in single)


# --- right ----------------------------------------------------------------------------------------


def faithful(recipe: Recipe, path: Path) -> Path:
    """As people export most."""
    return write(recipe.module, recipe.x, path)


def older_opset(recipe: Recipe, path: Path) -> Path:
    """Opset 14, the oldest that has attention."""
    return write(recipe.module, recipe.x, path, opset=14)


def unfolded(recipe: Recipe, path: Path) -> Path:
    """BatchNorm stays a node of its own."""
    return write(recipe.module, recipe.x, path, fold=False)


def free_size(recipe: Recipe, path: Path) -> Path:
    """Height and width are free."""
    return write(recipe.module, recipe.x, path, dynamic=True)


def in_half(recipe: Recipe, path: Path) -> Path:
    """float16 inside, float32 outside."""
    from onnxruntime.transformers.float16 import convert_float_to_float16

    write(recipe.module, recipe.x, path)
    onnx.save(convert_float_to_float16(onnx.load(path), keep_io_types=True), path)
    return path


RIGHT = {
    "as exported": faithful,
    "opset 14": older_opset,
    "not folded": unfolded,
    "free size": free_size,
    "float16": in_half,
}


# --- wrong ----------------------------------------------------------------------------------------


def normalized_inside(recipe: Recipe, path: Path) -> Path:
    """E1: mean and std are layers of the graph."""
    mean, std = (torch.tensor(v).view(1, -1, 1, 1) for v in (recipe.mean, recipe.std))
    return write(recipe.module, recipe.x, path, before=lambda x: (x - mean) / std)


def divided_inside(recipe: Recipe, path: Path) -> Path:
    """E1: the division by 255 too."""
    mean, std = (torch.tensor(v).view(1, -1, 1, 1) for v in (recipe.mean, recipe.std))
    return write(recipe.module, recipe.x, path, before=lambda x: (x / 255 - mean) / std)


def reshaped(recipe: Recipe, path: Path) -> Path:
    """E2: planes are read as pixels."""
    _, c, h, w = recipe.x.shape
    return write(
        recipe.module, recipe.x, path, before=lambda x: x.reshape(1, h, w, c).permute(0, 3, 1, 2)
    )


def exchanged(recipe: Recipe, path: Path) -> Path:
    """E3: red and blue."""
    return write(recipe.module, recipe.x, path, before=lambda x: x.flip(1))


def overflowing(recipe: Recipe, path: Path) -> Path:
    """E4: the module has to be one of `with_large_numbers`."""
    return in_half(recipe, path)


def training(recipe: Recipe, path: Path) -> Path:
    """E5."""
    return write(recipe.module, recipe.x, path, training=True)


def other_resize(recipe: Recipe, path: Path) -> Path:
    """E6: corners are aligned."""
    with _interpolating(lambda said: {"align_corners": not said.get("align_corners")}):
        return write(recipe.module, recipe.x, path)


def nearest_resize(recipe: Recipe, path: Path) -> Path:
    """E6: nearest instead of bilinear."""
    with _interpolating(lambda said: {"mode": "nearest", "align_corners": None}):
        return write(recipe.module, recipe.x, path)


def collapsed(recipe: Recipe, path: Path) -> Path:
    """E7: quantized by onnxruntime, one scale in the middle far too small."""
    from onnxruntime.quantization import CalibrationDataReader, QuantFormat, quantize_static

    class Reader(CalibrationDataReader):  # type: ignore[misc]
        """The picture, once."""

        left = [{"x": recipe.x.numpy()}]  # noqa: RUF012 - taken from

        def get_next(self) -> dict[str, np.ndarray] | None:
            """The next one."""
            return self.left.pop() if self.left else None

    plain = write(recipe.module, recipe.x, path.with_suffix(".plain.onnx"))
    quantize_static(str(plain), str(path), Reader(), quant_format=QuantFormat.QDQ)
    model = onnx.load(path)
    chosen = _scale_in_the_middle(model)
    for tensor in model.graph.initializer:
        if tensor.name == chosen:
            value = onnx.numpy_helper.to_array(tensor) / np.float32(COLLAPSED)
            tensor.CopyFrom(onnx.numpy_helper.from_array(np.asarray(value), chosen))
    onnx.save(model, path)
    return path


def _scale_in_the_middle(model: Any) -> str:
    """Of what a convolution in the middle gives."""
    made = {node.output[0]: node for node in model.graph.node}
    scales = [
        node.input[1]
        for node in model.graph.node
        if node.op_type == "QuantizeLinear" and _is_of_convolution(made.get(node.input[0]), made)
    ]
    return str(scales[len(scales) // 2])


def _is_of_convolution(node: Any, made: dict[str, Any]) -> bool:
    if node is not None and node.op_type in ("Relu", "Clip"):
        node = made.get(node.input[0])
    return node is not None and node.op_type == "Conv"


def enlarged_to_one_size(recipe: Recipe, path: Path) -> Path:
    """E8: the input is free, and the output keeps the size of the export."""
    half = F.interpolate(recipe.x, scale_factor=0.5)
    size = tuple(int(side) for side in half.shape[2:])
    return write(
        recipe.module,
        half,
        path,
        behind=lambda y: F.interpolate(y, size=size, mode="bilinear", align_corners=False),
        dynamic=True,
    )


def one_size(recipe: Recipe, path: Path) -> Path:
    """E8: exported at half the size."""
    return write(recipe.module, F.interpolate(recipe.x, scale_factor=0.5), path)


def other_weights(recipe: Recipe, path: Path) -> Path:
    """E9: from the middle on the weights are those of another epoch; names as in the file."""
    return write(disturbed(recipe.module), recipe.x, path, fold=False)


def other_folded_weights(recipe: Recipe, path: Path) -> Path:
    """E9: the same where no name is left."""
    return write(disturbed(recipe.module), recipe.x, path)


def disturbed(module: nn.Module) -> nn.Module:
    """A copy whose weights from the middle on are others."""
    changed = copy.deepcopy(module)
    generator = torch.Generator().manual_seed(0)
    weights = [p for p in changed.parameters() if p.ndim > 1]
    with torch.no_grad():
        for weight in weights[len(weights) // 2 :]:
            weight.add_(DISTURBED * weight.std() * torch.randn(weight.shape, generator=generator))
    return changed


def argmax_inside(recipe: Recipe, path: Path) -> Path:
    """G1."""
    return write(recipe.module, recipe.x, path, behind=_decided)


def _decided(y: torch.Tensor) -> torch.Tensor:
    return y.argmax(1) if y.shape[1] > 1 else (y > 0).to(torch.int64)[:, 0]


def softmax_inside(recipe: Recipe, path: Path) -> Path:
    """G2."""
    return write(
        recipe.module, recipe.x, path,
        behind=lambda y: y.softmax(1) if y.shape[1] > 1 else y.sigmoid(),
    )  # fmt: skip


class TwoOutputs:
    """An auxiliary head first, the mask second."""

    def __call__(self, y: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """The first knows less."""
        return F.avg_pool2d(y.flip(1), 9, 1, 4), y


def outputs_exchanged(recipe: Recipe, path: Path) -> Path:
    """G3."""
    return write(recipe.module, recipe.x, path, behind=TwoOutputs())


@contextmanager
def _interpolating(change: Callable[[dict[str, Any]], dict[str, Any]]) -> Iterator[None]:
    """Whoever enlarges does it otherwise.

    Args:
        change: given what is asked for, says what is done instead.
    """
    right, order = F.interpolate, inspect.signature(F.interpolate)

    def wrong(*args: Any, **kwargs: Any) -> torch.Tensor:
        said = order.bind(*args, **kwargs).arguments
        return right(**{**said, **change(said)})

    F.interpolate = wrong
    try:
        yield
    finally:
        F.interpolate = right


def with_large_numbers(module: nn.Module) -> nn.Module:
    """The same function: the last BatchNorm is scaled up, and the head behind its ReLU down."""
    changed = copy.deepcopy(module)
    norm = [m for m in changed.modules() if isinstance(m, nn.BatchNorm2d)][-1]
    head = [m for m in changed.modules() if isinstance(m, nn.Conv2d)][-1]
    with torch.no_grad():
        norm.weight.mul_(LARGE)
        norm.bias.mul_(LARGE)
        head.weight.div_(LARGE)
    return changed


@dataclass(frozen=True)
class Fault:
    """One way to export wrongly."""

    cause: str
    write: Callable[[Recipe, Path], Path]
    layer: str = ""  # where both part: "first", "middle", "last norm", "resize"; "" for none


WRONG = {
    "normalized inside": Fault("E1", normalized_inside, "first"),
    "divided and normalized inside": Fault("E1", divided_inside, "first"),
    "reshaped": Fault("E2", reshaped, "first"),
    "red and blue": Fault("E3", exchanged, "first"),
    "float16 overflow": Fault("E4", overflowing, "last norm"),
    "training mode": Fault("E5", training, "first norm"),
    "corners aligned": Fault("E6", other_resize, "resize"),
    "nearest": Fault("E6", nearest_resize, "resize"),
    "a collapsed scale": Fault("E7", collapsed, "middle"),
    "output of one size": Fault("E8", enlarged_to_one_size),
    "input of one size": Fault("E8", one_size),
    "another epoch": Fault("E9", other_weights, "middle"),
    "another epoch, folded": Fault("E9", other_folded_weights, "middle"),
    "argmax inside": Fault("G1", argmax_inside),
    "softmax inside": Fault("G2", softmax_inside),
    "outputs exchanged": Fault("G3", outputs_exchanged),
}
