"""Ways to run one network faster: copies of it that should say the same, and are checked for it.

The network itself is shared and never changed. A conversion that fails is passed over by who asks
for it (choice.py), so these only convert.
"""

from __future__ import annotations

import copy
import sys
import warnings
from collections.abc import Callable
from contextlib import suppress
from importlib.util import find_spec
from typing import Any

import torch
from torch import nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

from core import inference
from core.operators import check_wanted

Convert = Callable[[nn.Module, torch.Tensor], nn.Module]
POLL_MS = 10  # between two looks at whether somebody waits for a compiled forward


class NotFasterError(Exception):
    """There is nothing in this network that the path could make faster."""


class MainHead(nn.Module):
    """A network as a function from input to the logits of one head, the main one."""

    def __init__(self, module: nn.Module, head: str = "out") -> None:
        super().__init__()
        self.module, self.head = module, head

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Float32[1 c h w] to Float32[1 C h' w']."""
        logits: torch.Tensor = inference.call(self.module, x, self.head)
        return logits.contiguous()  # they are small; at the picture's size a copy takes 40 ms


def _refuse_elsewhere(module: nn.Module) -> None:
    """A trace of what only asks another process would hold one answer as a constant."""
    if any(getattr(each, "answers_elsewhere", False) for each in module.modules()):
        raise NotFasterError("another process runs it")


# --- folded: BatchNorm into the convolution before it ---------------------------------------------


def folded(module: nn.Module, example: torch.Tensor) -> nn.Module:
    """Each BatchNorm that directly follows a convolution becomes a part of it.

    Raises:
        NotFasterError: none does.
    """
    copied = copy.deepcopy(module)
    pairs = _pairs(copied, example)
    if not pairs:
        raise NotFasterError("no BatchNorm follows a convolution")
    names = {each: name for name, each in copied.named_modules()}
    for convolution, norm in pairs:
        fused = fuse_conv_bn_eval(convolution, norm)
        copied.set_submodule(names[convolution], fused.to(memory_format=torch.channels_last))
        copied.set_submodule(names[norm], nn.Identity())
    return MainHead(copied)


def _pairs(module: nn.Module, example: torch.Tensor) -> list[tuple[nn.Conv2d, nn.BatchNorm2d]]:
    """Convolutions and the BatchNorms that were given just what they made, each called once."""
    made: dict[int, tuple[nn.Conv2d, torch.Tensor]] = {}  # by identity; kept, so that it stays
    pairs: list[tuple[nn.Conv2d, nn.BatchNorm2d]] = []
    calls: dict[nn.Module, int] = {}

    def after(layer: nn.Module, inputs: tuple[Any, ...], output: torch.Tensor) -> None:
        calls[layer] = calls.get(layer, 0) + 1
        if isinstance(layer, nn.Conv2d):
            made[id(output)] = layer, output
        elif isinstance(layer, nn.BatchNorm2d) and id(inputs[0]) in made:
            pairs.append((made[id(inputs[0])][0], layer))

    layers = [each for each in module.modules() if isinstance(each, nn.Conv2d | nn.BatchNorm2d)]
    hooks = [each.register_forward_hook(after) for each in layers]
    try:
        with torch.inference_mode():
            inference.call(module, example, "out")
    finally:
        for hook in hooks:
            hook.remove()
    taken = [convolution for convolution, _ in pairs]
    return [
        (convolution, norm)
        for convolution, norm in pairs
        if calls[convolution] == calls[norm] == 1 and taken.count(convolution) == 1
    ]


# --- OpenVINO -------------------------------------------------------------------------------------


def openvino(module: nn.Module, example: torch.Tensor) -> nn.Module:
    """Compiled by OpenVINO for this processor and this size, in float32.

    Raises:
        ImportError: it is not installed.
        NotFasterError: the network's numbers are not here.
    """
    _refuse_elsewhere(module)
    ov = _library()
    with torch.no_grad(), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the trace of OpenVINO is deprecated in torch
        traced = ov.convert_model(
            MainHead(copy.deepcopy(module)),
            example_input=example.contiguous(),
            input=[tuple(example.shape)],
        )
    settings = {
        "PERFORMANCE_HINT": "LATENCY",
        "INFERENCE_PRECISION_HINT": "f32",  # else some processors take bfloat16
        "INFERENCE_NUM_THREADS": torch.get_num_threads(),
    }
    return Compiled(ov.Core().compile_model(traced, "CPU", settings))


def _library() -> Any:
    """OpenVINO without its telemetry, which would tell its maker of each import and conversion."""
    sys.modules["openvino_telemetry"] = None  # type: ignore[assignment]  # OpenVINO's stub is taken
    import openvino

    return openvino


class Compiled(nn.Module):
    """A model of OpenVINO; it is ended where nobody waits for it any more."""

    def __init__(self, compiled: Any) -> None:
        super().__init__()
        self._request = compiled.create_infer_request()

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Float32[1 c h w], of the size that it was compiled for, to Float32[1 C h' w']."""
        self._request.start_async([x.contiguous().numpy()])
        try:
            while not self._request.wait_for(POLL_MS):
                check_wanted()
        except BaseException:
            self._request.cancel()
            with suppress(RuntimeError):  # "the request was cancelled"
                self._request.wait()
            raise
        return torch.from_numpy(self._request.get_output_tensor(0).data.copy())


# --- another device -------------------------------------------------------------------------------


def on_device(module: nn.Module, _: torch.Tensor) -> nn.Module:
    """On the accelerator of this machine.

    Raises:
        NotFasterError: there is none, or the network's numbers are not here.
    """
    _refuse_elsewhere(module)
    device = accelerator()
    if device is None:
        raise NotFasterError("this machine has no accelerator")
    return Elsewhere(MainHead(copy.deepcopy(module)), device)


def accelerator() -> torch.device | None:
    """CUDA or MPS; None on a machine without."""
    if torch.cuda.is_available():
        return torch.device("cuda")
    return torch.device("mps") if torch.backends.mps.is_available() else None


class Elsewhere(nn.Module):
    """A network on another device: its input goes there, its logits come back."""

    def __init__(self, module: nn.Module, device: torch.device) -> None:
        super().__init__()
        self._module, self._device = module.to(device), device

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Float32[1 c h w] to Float32[1 C h' w'], both in this machine's memory."""
        logits: torch.Tensor = self._module(x.to(self._device)).cpu()
        return logits


def candidates() -> dict[str, Convert]:
    """The paths that this machine may have, by the name that is shown."""
    found: dict[str, Convert] = {"BatchNorm folded": folded}
    if find_spec("openvino"):
        found["OpenVINO"] = openvino
    if (device := accelerator()) is not None:
        found[device.type.upper()] = on_device
    return found
