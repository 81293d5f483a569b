"""Networks that give one class for the whole picture: their last layer is a matrix."""

from __future__ import annotations

import re

from core.architectures.network import Tensors
from core.architectures.shapes import resnet_name
from core.errors import ArchitectureError

# What torchvision, timm, transformers and mmpretrain call the layer that gives the classes.
LAST = re.compile(
    r"(_?fc|heads?(\.(fc|l|linear|head))?|(head\.)?classifier(\.(\d+|fc|linear))*|last_linear)\.weight"
)
BEFORE = re.compile(r"(encoder_q|base_encoder|model|net)\.")  # of a training that wraps it
OF_MASKS = re.compile(
    r"decode|segment|mask|aspp|psp|ppm|refine|fpn|lateral|(^|\.)final\.|(^|\.)up[\d_]|layers_up"
    r"|(^|\.)(aux_)?classifier\.\d+\.0\."
)
TITLES = (  # a name that only these have
    (r"stage4\.0\.fuse_layers\.", "HRNet"),
    (r"layer3\.0\.conv1\.weight", "ResNet"),
    (r"(patch_embed|embeddings\.patch_embeddings|conv_proj)\.", "vision transformer"),
    (r"features\.(denseblock1)\.", "DenseNet"),
    (r"stages\.0\.(blocks|layers)\.0\.(conv_dw|dwconv|depthwise_conv)\.", "ConvNeXt"),
    (r"_?conv_stem\.", "EfficientNet or MobileNet"),
    (r"features\.1\.(block|conv)\.", "MobileNet"),
    (r"features\.1\.0\.block\.0\.0\.", "EfficientNet"),
    (r"features\.0\.weight", "VGG or AlexNet"),
)


def classification_error(tensors: Tensors) -> ArchitectureError | None:
    """The error that says that these weights classify whole pictures; None where they do not."""
    names = {
        BEFORE.sub("", name, count=1) if BEFORE.match(name) else name: name for name in tensors
    }
    last = [name for name in names if LAST.fullmatch(name) and tensors[names[name]].ndim == 2]
    if not last or len(names) < 2 or any(map(OF_MASKS.search, names)):
        return None
    return ArchitectureError(
        f"This is a classification {_title(names, tensors)} with "
        f"{tensors[names[last[-1]]].shape[0]} classes: it gives one class for the whole picture, "
        "no mask.",
        remedy="Upload the checkpoint of a segmentation network; the backbone alone is not one.",
    )


def _title(names: dict[str, str], tensors: Tensors) -> str:
    found = (title for mark, title in TITLES if any(re.match(mark, name) for name in names))
    title = next(found, "network")
    size = resnet_name({name: tensors[own] for name, own in names.items()})
    return f"{title}-{size}" if title == "ResNet" and size.isdigit() else title
