"""Lines of Python by which a script makes one of torchvision's networks, changed ones too."""

from __future__ import annotations

from core.architectures.families.source_lines import call
from core.architectures.families.torchvision_plan import Plan
from core.architectures.network import Source, Tensors

TORCHVISION_HEADS = {
    "out": 'network.classifier(network.backbone(x)["out"])',
    "aux": 'network.aux_classifier(network.backbone(x)["aux"])',
}
LRASPP_HEAD = {"out": "network.classifier(network.backbone(x))"}
SEGMENTATION = "torchvision.models.segmentation"
KNOWN = {  # head, depth of the ResNet (0: MobileNetV3-Large) -> torchvision's own function
    ("DeepLabV3", 50): "deeplabv3_resnet50",
    ("DeepLabV3", 101): "deeplabv3_resnet101",
    ("DeepLabV3", 0): "deeplabv3_mobilenet_v3_large",
    ("FCN", 50): "fcn_resnet50",
    ("FCN", 101): "fcn_resnet101",
    ("LRASPP", 0): "lraspp_mobilenet_v3_large",
}


def torchvision_source(plan: Plan, tensors: Tensors) -> Source:
    """Torchvision's function where there is one, and what this network has otherwise."""
    imports, lines = _made(plan, tensors)
    for more_imports, line in (
        _first_convolution(plan, tensors),
        _head(plan, tensors),
        _aux_head(plan, tensors),
    ):
        imports, lines = (*imports, *more_imports), (*lines, *line)
    heads = LRASPP_HEAD if plan.head == "LRASPP" else TORCHVISION_HEADS
    return Source(tuple(dict.fromkeys(imports)), lines, heads)


Lines = tuple[tuple[str, ...], tuple[str, ...]]  # imports, and what they are for
NOTHING: Lines = ((), ())


def _made(plan: Plan, tensors: Tensors) -> Lines:
    name = KNOWN.get((plan.head, plan.depth), "") if plan.width == 1 else ""
    if name:
        arguments = ["weights=None", "weights_backbone=None", f"num_classes={plan.num_classes}"]
        arguments += ["aux_loss=True"] if plan.aux_classes else []
        return (f"from {SEGMENTATION} import {name}",), call(name, arguments)
    if plan.head == "FCN" and not plan.resnet:
        return _fcn_on_mobilenet(plan, tensors)
    backbone, line = _backbone(plan)
    private = {"DeepLabV3": "_deeplabv3", "FCN": "_fcn", "LRASPP": "_lraspp"}[plan.head]
    private += "_resnet" if plan.resnet else "_mobilenetv3"
    aux = "" if plan.head == "LRASPP" else f", aux={True if plan.aux_classes else None}"
    made = f"network = {private}(backbone, num_classes={plan.num_classes}{aux})"
    where = f"from {SEGMENTATION}.{plan.head.lower()} import {private}"
    return (f"from torchvision.models import {backbone}", where), (line, made)


def _backbone(plan: Plan) -> tuple[str, str]:
    """The name of its function, and the line that calls it."""
    if plan.resnet:
        name = f"resnet{plan.depth}"
        options = "replace_stride_with_dilation=[False, True, True]"
    else:
        name, options = "mobilenet_v3_large", f"width_mult={plan.width:g}, dilated=True"
    return name, f"backbone = {name}(weights=None, {options})"


def _fcn_on_mobilenet(plan: Plan, tensors: Tensors) -> Lines:
    """No function of torchvision puts these two together."""
    name, line = _backbone(plan)
    heads = {"classifier": plan.num_classes, "aux_classifier": plan.aux_classes}
    made = [
        f"FCNHead({tensors[f'{head}.0.weight'].shape[1]}, {classes})"
        for head, classes in heads.items()
        if classes
    ]
    layers = '{"16": "out", "4": "aux"}' if plan.aux_classes else '{"16": "out"}'
    imports = (
        f"from torchvision.models import {name}",
        "from torchvision.models._utils import IntermediateLayerGetter",
        f"from {SEGMENTATION}.fcn import FCN, FCNHead",
    )
    getter = f"IntermediateLayerGetter(backbone.features, {layers})"
    return imports, (line, *call("FCN", [getter, *made]))


def _first_convolution(plan: Plan, tensors: Tensors) -> Lines:
    if plan.in_channels == 3:
        return NOTHING
    name, place, sizes = "0.0", '["0"][0]', "3, stride=2, padding=1"
    if plan.resnet:
        name, place, sizes = "conv1", ".conv1", "7, stride=2, padding=3"
    out = tensors[f"backbone.{name}.weight"].shape[0]
    conv = f"nn.Conv2d({plan.in_channels}, {out}, {sizes}, bias=False)"
    return ("from torch import nn",), (f"network.backbone{place} = {conv}",)


def _head(plan: Plan, tensors: Tensors) -> Lines:
    """A head of another width than torchvision's own."""
    if plan.head == "DeepLabV3":
        inner, channels = tensors["classifier.0.convs.0.0.weight"].shape[:2]
        outer = tensors["classifier.1.weight"].shape[0]
        if (inner, outer) == (256, 256):
            return NOTHING
        return ("from torch import nn", f"from {SEGMENTATION}.deeplabv3 import ASPP"), (
            "network.classifier = nn.Sequential(",
            f"    ASPP({channels}, [12, 24, 36], {inner}),",
            f"    nn.Conv2d({inner}, {outer}, 3, padding=1, bias=False),",
            f"    nn.BatchNorm2d({outer}),",
            "    nn.ReLU(),",
            f"    nn.Conv2d({outer}, {plan.num_classes}, 1),",
            ")",
        )
    if plan.head == "LRASPP" and (inner := tensors["classifier.cbr.0.weight"].shape[0]) != 128:
        low = tensors["classifier.low_classifier.weight"].shape[1]
        high = tensors["classifier.cbr.0.weight"].shape[1]
        made = f"LRASPPHead({low}, {high}, {plan.num_classes}, {inner})"
        return (f"from {SEGMENTATION}.lraspp import LRASPPHead",), (f"network.classifier = {made}",)
    return NOTHING


def _aux_head(plan: Plan, tensors: Tensors) -> Lines:
    """An aux head of other classes than the main one."""
    if plan.aux_classes in (None, plan.num_classes) or (plan.head == "FCN" and not plan.resnet):
        return NOTHING
    channels = tensors["aux_classifier.0.weight"].shape[1]
    made = f"FCNHead({channels}, {plan.aux_classes})"
    return (f"from {SEGMENTATION}.fcn import FCNHead",), (f"network.aux_classifier = {made}",)
