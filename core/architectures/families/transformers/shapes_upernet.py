"""The config of a UPerNet from keys and shapes: on Swin, ConvNeXt or ResNet."""

from __future__ import annotations

from collections.abc import Mapping

from core.architectures.families.transformers.reading import Config, Read
from core.architectures.families.transformers.shapes_backbones import backbone_of
from core.architectures.network import Tensors
from core.architectures.shapes import count, has, size


def upernet(tensors: Tensors, chosen: Mapping[str, str]) -> Read:
    """Backbone and heads; nothing is left to choose."""
    aux = has(tensors, "auxiliary_head.")
    config: Config = {
        "model_type": "upernet",
        "backbone_config": backbone_of(tensors, "backbone."),
        "hidden_size": size(tensors, "decode_head.classifier.weight", 1, 512),
        "num_labels": size(tensors, "decode_head.classifier.weight", 0, 150),
        "use_auxiliary_head": aux,
    }
    if aux:
        config |= {
            "auxiliary_channels": size(tensors, "auxiliary_head.classifier.weight", 1, 256),
            "auxiliary_num_convs": count(tensors, "auxiliary_head.convs."),
            "auxiliary_in_channels": size(tensors, "auxiliary_head.convs.0.conv.weight", 1, 384),
        }
    return config, ()
