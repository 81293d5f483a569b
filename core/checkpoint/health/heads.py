"""The heads of a network: the last convolutions, which give one channel a class."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import torch

Tensors = Mapping[str, torch.Tensor]

# The last layers by the names that libraries give them; main heads, then auxiliary ones.
MAIN = (
    "classifier.4",  # torchvision's DeepLabV3 and FCN
    "classifier.low_classifier",  # torchvision's LRASPP, summed with high_classifier
    "classifier.classifier.3",  # VainF
    "classifier.classifier.4",
    "segmentation_head.0",  # segmentation-models-pytorch
    "segmentation_head.head.4",
    "decode_head.conv_seg",  # mmsegmentation
    "decode_head.classifier",  # transformers
    "head.head.4",
    "outc.conv",  # milesial
    "outc",
    "cls_conv",  # bubbliiiing
    "decoder.last_conv.8",  # jfzhang95
)
AUXILIARY = ("aux_classifier.4", "auxiliary_head.conv_seg", "auxiliary_head.classifier")
BESIDE = ("aux", "auxiliary")  # beginnings of names of what only helps in training


@dataclass(frozen=True)
class Head:
    """One last convolution."""

    name: str  # of the layer: "classifier.4"
    main: bool  # False for an auxiliary one
    classes: int
    channels: int  # that come in
    bias: tuple[float, ...]  # one a class; () where there is none
    known: bool  # False: taken for the head because it is the last convolution of the file


def heads_in(tensors: Tensors) -> tuple[Head, ...]:
    """The main head first, then auxiliary ones.

    Args:
        tensors: by name, without the prefix.
    """
    return (*_main(tensors), *_auxiliary(tensors))


def _main(tensors: Tensors) -> Iterator[Head]:
    if name := next((name for name in MAIN if _is_conv(tensors, name)), ""):
        yield _head(tensors, name, main=True, known=True)
    elif not _ends_linear(tensors) and (
        last := _last(key for key in _convs(tensors) if not key.startswith(BESIDE))
    ):
        yield _head(tensors, last, main=True, known=False)


def _ends_linear(tensors: Tensors) -> bool:
    """Whether the last weight is of a linear layer, as in a classifier."""
    kinds = [t.ndim for key, t in tensors.items() if key.endswith(".weight")]
    return [ndim for ndim in kinds if ndim in (2, 4)][-1:] == [2]


def _auxiliary(tensors: Tensors) -> Iterator[Head]:
    if name := next((name for name in AUXILIARY if _is_conv(tensors, name)), ""):
        yield _head(tensors, name, main=False, known=True)
    elif last := _last(key for key in _convs(tensors) if key.startswith(BESIDE)):
        yield _head(tensors, last, main=False, known=False)


def _convs(tensors: Tensors) -> Iterator[str]:
    return (key for key, t in tensors.items() if key.endswith(".weight") and t.ndim == 4)


def _last(keys: Iterator[str]) -> str:
    return ([""] + [key.removesuffix(".weight") for key in keys])[-1]


def _is_conv(tensors: Tensors, name: str) -> bool:
    weight = tensors.get(f"{name}.weight")
    return weight is not None and weight.ndim == 4


def _head(tensors: Tensors, name: str, *, main: bool, known: bool) -> Head:
    weight, bias = tensors[f"{name}.weight"], tensors.get(f"{name}.bias")
    values = () if bias is None else tuple(float(value) for value in bias.float().flatten())
    return Head(name, main, int(weight.shape[0]), int(weight.shape[1]), values, known)
