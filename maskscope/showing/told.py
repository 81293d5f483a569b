"""What the server of `maskscope.show` finds: files in the store, and facts about the model."""

from __future__ import annotations

from io import BytesIO
from typing import Any

from torch import nn

from core.architectures import Network
from core.store import data_folder, open_store
from maskscope.errors import LivingModelError
from maskscope.living.case import Opened
from maskscope.picture import picture_bytes
from maskscope.showing.answering import Answering


def network_of(opened: Opened) -> Network:
    """The network that is shown.

    Raises:
        LivingModelError: there is none.
    """
    if opened.case.network is None:
        raise LivingModelError("There is no network to show.", remedy="Give a model.")
    return opened.case.network


def stored(opened: Opened, truth: bytes | None) -> dict[str, str]:
    """Picture, weights and ground truth as uploads, by their digests."""
    store, case = open_store(data_folder()), opened.case
    picture = case.picture_file or picture_bytes(case.image.pixels)
    sources = {
        "picture": store.put(BytesIO(picture), "picture"),
        "checkpoint": store.put(
            BytesIO(weights(opened)), f"{opened.model.checkpoint.name} (living)"
        ),
        "truth": "",
    }
    return sources | ({"truth": store.put(BytesIO(truth), "ground truth")} if truth else {})


def weights(opened: Opened) -> bytes:
    """The weights as a file: safetensors."""
    from safetensors.torch import save

    tensors = opened.model.checkpoint.tensors
    if not tensors:
        raise LivingModelError(
            "No weights are seen inside of this function, and the app opens a model by them.",
            remedy="Give the nn.Module itself, or a function that names it.",
        )
    return save({key: value.detach().clone().contiguous() for key, value in tensors.items()})


def told_of(opened: Opened, digest: str, answering: Answering) -> dict[str, Any]:
    """What the server has to know of the model."""
    network = network_of(opened)
    return {
        "digest": digest,
        "address": answering.address,
        "key": answering.key.hex(),
        "name": opened.model.checkpoint.name,
        "classes": network.num_classes,
        "channels": network.in_channels,
        "class_names": network.class_names,
        "stem": stem(network.module, network.in_channels),
    }


def stem(module: nn.Module, channels: int) -> dict[str, Any] | None:
    """The first convolution and the BatchNorm behind it, by the names of their tensors."""
    layers = [
        (name, each)
        for name, each in module.named_modules()
        if isinstance(each, nn.Conv2d | nn.BatchNorm2d)
    ]
    if len(layers) < 2:
        return None
    (first, convolution), (second, norm) = layers[:2]
    if not isinstance(convolution, nn.Conv2d) or not isinstance(norm, nn.BatchNorm2d):
        return None
    padding = convolution.padding
    if isinstance(padding, str) or convolution.padding_mode != "zeros":
        return None
    if convolution.groups != 1 or convolution.in_channels != channels:
        return None
    rows, columns = padding
    names = {part: f"{second}.running_{part}" for part in ("mean", "var")}
    bias = "" if convolution.bias is None else f"{first}.bias"
    return {
        **{part: _in_file(name) for part, name in names.items()},
        "weight": _in_file(f"{first}.weight"),
        "bias": _in_file(bias),
        "pads": [rows, columns, rows, columns],
        "strides": list(convolution.stride),
        "dilations": list(convolution.dilation),
    }


def _in_file(name: str) -> str:
    """As the state_dict calls it: a function's module stands alone there."""
    return name.removeprefix("module.").removeprefix("shadows.0.")
