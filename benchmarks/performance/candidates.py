"""Ways to run the same network faster, each written here anew: what ours is held against.

A way that cannot be made, or that does not say what the plain network says, is passed over.
"""

from __future__ import annotations

import copy
import itertools
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import nn
from torch.nn.modules import module as torch_module

from benchmarks.foreign.networks import logits_of

Way = Callable[[], torch.Tensor]
LARGEST_DIFFERENCE = 1e-2  # of logits, which are of the order of 10


def notebook(network: nn.Module, sample: torch.Tensor) -> Way:
    """As in a notebook: `model(x)["out"]`, nothing else done."""
    network = copy.deepcopy(network)

    def run() -> torch.Tensor:
        with torch.no_grad(), _without_our_hook():
            return logits_of(network(sample))

    return run


def channels_last(network: nn.Module, sample: torch.Tensor) -> Way:
    """Plain layers on memory in the order that convolutions like."""
    network = copy.deepcopy(network).to(memory_format=torch.channels_last)
    sample = sample.to(memory_format=torch.channels_last)
    return _inferring(lambda: logits_of(network(sample)))


def folded(network: nn.Module, sample: torch.Tensor) -> Way:
    """The same, with each BatchNorm in the convolution before it."""
    return channels_last(_folded(copy.deepcopy(network)), sample)


def compiled(network: nn.Module, sample: torch.Tensor) -> Way:
    """`torch.compile`, which needs a C++ compiler."""
    network = copy.deepcopy(network).to(memory_format=torch.channels_last)
    sample = sample.to(memory_format=torch.channels_last)
    faster = torch.compile(network)
    return _inferring(lambda: logits_of(faster(sample)))


def openvino(network: nn.Module, sample: torch.Tensor) -> Way:
    """OpenVINO in float32, where it is installed."""
    import openvino as ov  # type: ignore[import-not-found, unused-ignore]

    with torch.no_grad():
        model = ov.convert_model(_Logits(copy.deepcopy(network)), example_input=sample)
    model.reshape(list(sample.shape))
    hints = {"INFERENCE_PRECISION_HINT": "f32", "PERFORMANCE_HINT": "LATENCY"}
    ready, fed = ov.compile_model(model, "CPU", hints), sample.contiguous().numpy()
    return lambda: torch.from_numpy(ready(fed)[0])


CANDIDATES: dict[str, Callable[[nn.Module, torch.Tensor], Way]] = {
    "channels last": channels_last,
    "folded, channels last": folded,
    "OpenVINO": openvino,
    "torch.compile": compiled,
}


def usable(network: nn.Module, sample: torch.Tensor) -> tuple[dict[str, Way], list[str]]:
    """The candidates that say what the plain network says, and why the others do not count."""
    plain = notebook(network, sample)()
    ways: dict[str, Way] = {}
    reasons: list[str] = []
    for name, make in CANDIDATES.items():
        try:
            way = make(network, sample)
            difference = float((way() - plain).abs().max())
        except Exception as error:  # whatever a converter raises: it is passed over, and told
            first = (str(error).splitlines() or [""])[0]
            reasons.append(f"{name}: {type(error).__name__} {first[:120]}")
            continue
        if difference <= LARGEST_DIFFERENCE:
            ways[name] = way
        else:
            reasons.append(f"{name}: logits differ by {difference:.3g}")
    return ways, reasons


class _Logits(nn.Module):
    """A network that returns a tensor, as converters like it."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, sample: torch.Tensor) -> torch.Tensor:
        """The main logits alone."""
        return logits_of(self.network(sample))


def _inferring(run: Way) -> Way:
    def inferred() -> torch.Tensor:
        with torch.inference_mode(), _without_our_hook():
            return run()

    return inferred


@contextmanager
def _without_our_hook() -> Iterator[None]:
    """The app asks before every layer whether somebody waits; a script has nothing like it."""
    ours = dict(torch_module._global_forward_pre_hooks)
    torch_module._global_forward_pre_hooks.clear()
    try:
        yield
    finally:
        torch_module._global_forward_pre_hooks.update(ours)


def _folded(network: nn.Module) -> nn.Module:
    """Fold in place: a BatchNorm that follows a convolution among the children of one parent."""
    for parent, (before, conv), (after, norm) in _pairs(network):
        setattr(parent, before, nn.utils.fuse_conv_bn_eval(conv, norm))
        setattr(parent, after, nn.Identity())
    return network


def _pairs(network: nn.Module) -> Iterator[tuple[nn.Module, tuple[str, Any], tuple[str, Any]]]:
    for parent in list(network.modules()):
        children = list(parent.named_children())
        for first, second in itertools.pairwise(children):
            fits = isinstance(first[1], nn.Conv2d) and isinstance(second[1], nn.BatchNorm2d)
            if fits and first[1].out_channels == second[1].num_features:
                yield parent, first, second
