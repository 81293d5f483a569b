"""Write families.json: what the original networks answer to weights that anyone can repeat.

    python -m scripts.reference_logits FOLDER

FOLDER holds the public repositories, each in a folder of the name in ORIGINALS, with their own
license; none of their code is kept here. No weights are fetched: every tensor is made by `weights`,
and `picture` is the input. Our own networks are given the same in test_families.py of
tests/core/architectures, where the file lies too.
"""

from __future__ import annotations

import base64
import functools
import hashlib
import importlib
import json
import lzma
import math
import re
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import nn

# Of the repositories: names that several of them use.
PACKAGES = {
    "model",
    "models",
    "segmentation",
    "lib",
    "nets",
    "train",
    "unet",
    "network",
    "modeling",
    "nn_layers",
}
FACTS = (
    Path(__file__).resolve().parent.parent / "tests" / "core" / "architectures" / "families.json"
)
# Rows, columns. Wide enough that the largest atrous rate (18 at output stride 16) meets pixels.
SIZES = ((32, 640), (75, 64))
UNET_SIZES = ((64, 96), (75, 45))
HRNET_SIZES = ((32, 640), (96, 64))  # it needs multiples of 32
# The BatchNorm that ends a residual branch: weaker, else the sums of 33 blocks grow to 1e7.
ADDED = re.compile(r"(layer\d\.\d+\.bn3|branches.*bn2|fuse_layers.*|sepconv3\.bn2|rep\.[78])\.\w+$")
ORIGINALS = {
    "unet": "Pytorch-UNet",  # milesial; convolutions without bias, since 2022
    "unet-2020": "Pytorch-UNet-2020",  # convolutions with bias
    "unet-2018": "Pytorch-UNet-2018",  # inc.conv.conv
    "vainf": "DeepLabV3Plus-Pytorch",
    "bubbliiiing": "deeplabv3-plus-pytorch",
    "jfzhang": "pytorch-deeplab-xception",
}


@dataclass(frozen=True)
class Variant:
    """One network of one repository."""

    origin: str  # a key of ORIGINALS
    options: Mapping[str, Any] = field(default_factory=dict)
    stride: int = 0  # output stride; 0: it has none to choose
    sizes: tuple[tuple[int, int], ...] = SIZES

    @property
    def layout(self) -> str:
        """What has the same names and shapes, whatever the stride."""
        return " ".join([self.origin, *map(str, self.options.values())])


@contextmanager
def importing(folder: Path) -> Iterator[None]:
    """A repository first on the path; its modules are forgotten after."""
    before, path = set(sys.modules), list(sys.path)
    sys.path.insert(0, str(folder))
    try:
        yield
    finally:
        sys.path[:] = path
        for name in set(sys.modules) - before:
            if name.split(".")[0] in PACKAGES:
                del sys.modules[name]


def _variants() -> dict[str, Variant]:
    found = {
        "unet": Variant("unet", {"bilinear": False}, 0, UNET_SIZES),
        "unet bilinear": Variant("unet", {"bilinear": True}, 0, UNET_SIZES),
        "unet-2020": Variant("unet-2020", {"bilinear": False}, 0, UNET_SIZES),
        "unet-2020 bilinear": Variant("unet-2020", {"bilinear": True}, 0, UNET_SIZES),
        "unet-2018": Variant("unet-2018", {}, 0, UNET_SIZES),
    }
    strided = {
        f"vainf {head} {backbone}{' separable' * separable}": ("vainf", (head, backbone, separable))
        for head, backbone, separable in (
            ("deeplabv3", "resnet50", False),
            ("deeplabv3", "mobilenetv2", False),
            ("deeplabv3plus", "resnet50", False),
            ("deeplabv3plus", "resnet50", True),
            ("deeplabv3plus", "resnet101", False),
            ("deeplabv3plus", "mobilenetv2", False),
            ("deeplabv3plus", "mobilenetv2", True),
        )
    }
    for origin, backbones in (
        ("bubbliiiing", ("mobilenet", "xception")),
        ("jfzhang", ("resnet", "xception", "mobilenet")),
    ):
        strided |= {f"{origin} {backbone}": (origin, (backbone,)) for backbone in backbones}
    for name, (origin, parts) in strided.items():
        for stride in (16, 8):
            options = dict(zip(("head", "backbone", "separable"), parts, strict=False))
            if origin != "vainf":
                options = {"backbone": parts[0]}
            found[f"{name} {stride}"] = Variant(origin, options, stride)
    for head, backbone in (("deeplabv3", "hrnetv2_32"), ("deeplabv3plus", "hrnetv2_48")):
        options = {"head": head, "backbone": backbone, "separable": False}
        found[f"vainf {head} {backbone}"] = Variant("vainf", options, 0, HRNET_SIZES)
    found["jfzhang drn"] = Variant("jfzhang", {"backbone": "drn"})
    return found


VARIANTS = _variants()


# --- weights and input that anyone can repeat -----------------------------------------------------


def weights(shapes: Mapping[str, Sequence[int]]) -> dict[str, torch.Tensor]:
    """Numbers for every tensor, seeded by its name, so that no activation grows or fades.

    Args:
        shapes: by key, as of a state_dict.
    """
    return {key: _numbers(key, shape) for key, shape in shapes.items()}


def _numbers(key: str, shape: Sequence[int]) -> torch.Tensor:
    # MobileNetV2 of jfzhang95 names each tensor twice.
    name = key.replace("low_level_features", "features").replace("high_level_features", "features")
    seed = int.from_bytes(hashlib.sha256(name.encode()).digest()[:6], "big")
    generator = torch.Generator().manual_seed(seed)
    if key.endswith("num_batches_tracked"):
        return torch.tensor(1)
    numbers = torch.randn(shape, generator=generator)
    if key.endswith("running_var"):
        return 0.5 + numbers.abs()
    if len(shape) == 1:  # weight, bias and mean of BatchNorm; biases
        gain = 0.2 if ADDED.search(key) else 1.0
        return (key.endswith("weight") * gain) + 0.1 * gain * numbers
    return numbers * (2 / math.prod(shape[1:])) ** 0.5  # He et al. 2015, fan-in


def picture(size: tuple[int, int], channels: int = 3) -> torch.Tensor:
    """Float32[1 channels h w], the same every time."""
    return torch.randn(1, channels, *size, generator=torch.Generator().manual_seed(7))


def packed(shapes: Mapping[str, Mapping[str, list[int]]]) -> str:
    """All names and shapes of all layouts as one text, 100 times shorter than they are."""
    return base64.b64encode(lzma.compress(json.dumps(shapes).encode())).decode()


def unpacked(text: str) -> dict[str, dict[str, list[int]]]:
    """The names and shapes by layout."""
    shapes: dict[str, dict[str, list[int]]] = json.loads(lzma.decompress(base64.b64decode(text)))
    return shapes


def pixels(logits: torch.Tensor) -> list[list[float]]:
    """The logits in the first corner, inside, and in the last corner, each of all classes."""
    h, w = logits.shape[-2:]
    places = ((0, 0), (h // 2, w // 3), (h - 1, w - 1))
    return [[float(f"{v:.7g}") for v in logits[0, :, row, col].tolist()] for row, col in places]


# --- the originals --------------------------------------------------------------------------------


def original(folder: Path, variant: Variant, num_classes: int = 3) -> nn.Module:
    """One of the networks, made by its own code, without numbers of meaning."""
    with importing(folder / ORIGINALS[variant.origin]):
        return MAKERS[variant.origin.split("-")[0]](variant, num_classes).eval()


def _unet(variant: Variant, num_classes: int) -> nn.Module:
    net: nn.Module = importlib.import_module("unet").UNet(3, num_classes, **variant.options)
    return net


def _vainf(variant: Variant, num_classes: int) -> nn.Module:
    modeling = importlib.import_module("network.modeling")
    head, backbone = variant.options["head"], variant.options["backbone"]
    net: nn.Module = modeling._load_model(head, backbone, num_classes, variant.stride, False)
    if variant.options["separable"]:  # as in its main.py
        importlib.import_module("network").convert_to_separable_conv(net.classifier)
    return net


def _bubbliiiing(variant: Variant, num_classes: int) -> nn.Module:
    deeplab = importlib.import_module("nets.deeplabv3_plus").DeepLab
    net: nn.Module = deeplab(num_classes, variant.options["backbone"], False, variant.stride)
    return net


def _jfzhang(variant: Variant, num_classes: int) -> nn.Module:
    backbone = importlib.import_module("modeling.backbone")  # else each fetches weights
    for cls in (
        backbone.resnet.ResNet,
        backbone.xception.AlignedXception,
        backbone.mobilenet.MobileNetV2,
    ):
        cls._load_pretrained_model = lambda self: None
    backbone.drn.drn_d_54 = functools.partial(backbone.drn.drn_d_54, pretrained=False)
    deeplab = importlib.import_module("modeling.deeplab").DeepLab
    options = {"num_classes": num_classes, "sync_bn": False}
    net: nn.Module = deeplab(variant.options["backbone"], variant.stride or 8, **options)
    return net


MAKERS: dict[str, Callable[[Variant, int], nn.Module]] = {
    "unet": _unet,
    "vainf": _vainf,
    "bubbliiiing": _bubbliiiing,
    "jfzhang": _jfzhang,
}


def answers(net: nn.Module, variant: Variant) -> dict[str, list[list[float]]]:
    """What one original says to each picture, by its size."""
    with torch.inference_mode():
        return {f"{h}x{w}": pixels(net(picture((h, w)))) for h, w in variant.sizes}


def main() -> None:
    """Ask every original, and write down its answers."""
    shapes, logits = {}, {}
    for name, variant in VARIANTS.items():
        net = original(Path(sys.argv[1]), variant)
        shapes[variant.layout] = {key: list(t.shape) for key, t in net.state_dict().items()}
        net.load_state_dict(weights(shapes[variant.layout]))
        logits[name] = answers(net, variant)
    lines = [f"{json.dumps(name)}: {json.dumps(told)}" for name, told in logits.items()]
    text = f'{{"shapes": "{packed(shapes)}",\n"logits": {{\n' + ",\n".join(lines) + "\n}}\n"
    FACTS.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
