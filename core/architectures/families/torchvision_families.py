"""Torchvision's DeepLabV3, FCN and LRASPP, recognized from keys and shapes."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import cache
from typing import Any, cast

import torch
from torch import nn
from torchvision.models._utils import IntermediateLayerGetter
from torchvision.models.mobilenetv3 import MobileNetV3, _mobilenet_v3_conf
from torchvision.models.resnet import Bottleneck, ResNet
from torchvision.models.segmentation import FCN, LRASPP, DeepLabV3
from torchvision.models.segmentation.deeplabv3 import ASPP
from torchvision.models.segmentation.fcn import FCNHead

from core.architectures.families.torchvision_plan import Plan
from core.architectures.families.torchvision_source import torchvision_source
from core.architectures.network import Account, Network, Tensors, account_for, fill, refuse_unfit
from core.architectures.shapes import resnet_depth, size
from core.architectures.skeleton import without_numbers
from core.checkpoint import Checkpoint

ATROUS_RATES = (12, 24, 36)  # torchvision/models/segmentation/deeplabv3.py; no tensor tells them
WIDTHS = (1.0, 0.75, 0.5, 0.35, 0.25, 1.25, 1.4, 1.5, 2.0)  # of MobileNetV3, the usual one first
HEADS = {  # head -> the beginnings of keys that only it has, in this order
    "DeepLabV3": ("classifier.0.convs.", "classifier.0.project."),
    "LRASPP": ("classifier.cbr.", "classifier.low_classifier.", "classifier.high_classifier."),
    "FCN": ("classifier.0.weight", "classifier.4.weight"),
}


def matches(checkpoint: Checkpoint) -> bool:
    """Whether the keys are laid out as torchvision does."""
    tensors = checkpoint.tensors
    return _head(tensors) is not None and (_has_resnet(tensors) or _has_mobilenet(tensors))


def build(checkpoint: Checkpoint, chosen: Mapping[str, str]) -> Network:
    """Rebuild the network.

    Raises:
        ArchitectureError: tensors are missing or have another shape.
    """
    tensors = checkpoint.tensors
    plan = _plan(tensors)
    module, account = _assemble(plan, tensors)
    if plan.aux_classes is not None and _aux_is_broken(account):
        plan = replace(plan, aux_classes=None)  # the main path is whole; the account tells the rest
        module, account = _assemble(plan, tensors)
    refuse_unfit(account, plan.title)
    return Network(
        module=fill(module, tensors),
        architecture=plan.title,
        num_classes=plan.num_classes,
        in_channels=plan.in_channels,
        aux_classes=plan.aux_classes,
        account=account,
        checkpoint_digest=checkpoint.digest,
        source=torchvision_source(plan, tensors),
    )


# --- keys and shapes -> plan ----------------------------------------------------------------------


def _head(tensors: Tensors) -> str | None:
    for head, starts in HEADS.items():
        if any(key.startswith(starts) for key in tensors):
            return head
    return None


def _has_resnet(tensors: Tensors) -> bool:
    return any(key.startswith("backbone.layer3.") for key in tensors)


def _has_mobilenet(tensors: Tensors) -> bool:
    return any(key.startswith(("backbone.0.0.", "backbone.4.block.")) for key in tensors)


def _plan(tensors: Tensors) -> Plan:
    head = _head(tensors) or "FCN"
    depth, resnet = resnet_depth(tensors) if _has_resnet(tensors) else (0, ())
    last = "classifier.low_classifier.weight" if head == "LRASPP" else "classifier.4.weight"
    first = "backbone.conv1.weight" if resnet else "backbone.0.0.weight"
    has_aux = any(key.startswith("aux_classifier.") for key in tensors) and head != "LRASPP"
    return Plan(
        head=head,
        resnet=resnet,
        depth=depth,
        width=1.0 if resnet else _mobilenet_width(tensors),
        num_classes=size(tensors, last, 0, 21),
        in_channels=size(tensors, first, 1, 3),
        aux_classes=size(tensors, "aux_classifier.4.weight", 0, 21) if has_aux else None,
    )


def _aux_is_broken(account: Account) -> bool:
    return any(
        key.startswith("aux_classifier.") for key in account.fatal_missing + account.wrong_shape
    )


def _mobilenet_width(tensors: Tensors) -> float:
    """The width multiplier whose shapes agree most often with the file's."""
    known = {key: value.shape for key, value in tensors.items() if key.startswith("backbone.")}

    def agreement(width: float) -> int:
        return sum(known.get(key) == shape for key, shape in _mobilenet_shapes(width).items())

    if agreement(1.0) >= len(known):
        return 1.0
    return max(WIDTHS, key=agreement)


@cache
def _mobilenet_shapes(width: float) -> Mapping[str, torch.Size]:
    """Of all tensors of the backbone; building one takes 50 ms, and there are many widths."""
    with without_numbers():
        wanted = nn.ModuleDict({"backbone": _mobilenet_features(width)}).state_dict()
    return {key: value.shape for key, value in wanted.items()}


# --- plan -> module -------------------------------------------------------------------------------


def _assemble(plan: Plan, tensors: Tensors) -> tuple[nn.Module, Account]:
    """The network without numbers, and how the file's tensors fit into it."""
    with without_numbers():
        module = BUILDERS[plan.head](plan, tensors)
    return module, account_for(module, tensors)


def _deeplab(plan: Plan, tensors: Tensors) -> nn.Module:
    backbone, channels, aux_channels = _backbone(plan)
    inner = size(tensors, "classifier.0.convs.0.0.weight", 0, 256)
    outer = size(tensors, "classifier.1.weight", 0, 256)
    head = nn.Sequential(  # DeepLabHead, whose 256 channels are free here
        ASPP(channels, ATROUS_RATES, inner),
        nn.Conv2d(inner, outer, 3, padding=1, bias=False),
        nn.BatchNorm2d(outer),
        nn.ReLU(),
        nn.Conv2d(outer, plan.num_classes, 1),
    )
    return cast(nn.Module, DeepLabV3(backbone, head, _aux_head(plan, aux_channels)))


def _fcn(plan: Plan, tensors: Tensors) -> nn.Module:
    backbone, channels, aux_channels = _backbone(plan)
    head = FCNHead(channels, plan.num_classes)
    return cast(nn.Module, FCN(backbone, head, _aux_head(plan, aux_channels)))


def _lraspp(plan: Plan, tensors: Tensors) -> nn.Module:
    features = _mobilenet_features(plan.width)
    _widen_input(features[0], "0", plan.in_channels)
    low, high = _stages(features)[-4], len(features) - 1
    backbone = IntermediateLayerGetter(features, {str(low): "low", str(high): "high"})
    inner = size(tensors, "classifier.cbr.0.weight", 0, 128)
    channels = features[low].out_channels, features[high].out_channels
    return cast(nn.Module, LRASPP(backbone, *channels, plan.num_classes, inner))


BUILDERS: dict[str, Callable[[Plan, Tensors], nn.Module]] = {
    "DeepLabV3": _deeplab,
    "FCN": _fcn,
    "LRASPP": _lraspp,
}


def _aux_head(plan: Plan, channels: int) -> nn.Module | None:
    return None if plan.aux_classes is None else FCNHead(channels, plan.aux_classes)


def _backbone(plan: Plan) -> tuple[nn.Module, int, int]:
    """The layers, the channels of "out" and those of "aux"."""
    if not plan.resnet:
        return _mobilenet_backbone(plan)
    resnet = ResNet(Bottleneck, list(plan.resnet), replace_stride_with_dilation=[False, True, True])
    _widen_input(resnet, "conv1", plan.in_channels)
    wanted = {"layer4": "out"} | ({} if plan.aux_classes is None else {"layer3": "aux"})
    return IntermediateLayerGetter(resnet, wanted), 2048, 1024


def _mobilenet_backbone(plan: Plan) -> tuple[nn.Module, int, int]:
    features = _mobilenet_features(plan.width)
    _widen_input(features[0], "0", plan.in_channels)
    out, aux = len(features) - 1, _stages(features)[-4]
    wanted = {str(out): "out"} | ({} if plan.aux_classes is None else {str(aux): "aux"})
    channels = features[out].out_channels, features[aux].out_channels
    return IntermediateLayerGetter(features, wanted), *channels


def _mobilenet_features(width: float) -> Any:
    conf, last = _mobilenet_v3_conf("mobilenet_v3_large", width_mult=width, dilated=True)
    return MobileNetV3(conf, last).features


def _stages(features: Any) -> list[int]:
    """Where the resolution changes, with both ends: as in torchvision's constructors."""
    strided = [i for i, block in enumerate(features) if getattr(block, "_is_cn", False)]
    return [0, *strided, len(features) - 1]


def _widen_input(parent: nn.Module, name: str, channels: int) -> None:
    """Replace the first convolution by one for another number of input channels."""
    old = getattr(parent, name)
    if old.in_channels != channels:
        sizes = {"kernel_size": old.kernel_size, "stride": old.stride, "padding": old.padding}
        setattr(parent, name, nn.Conv2d(channels, old.out_channels, **sizes, bias=False))
