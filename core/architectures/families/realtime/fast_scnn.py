"""Fast-SCNN of github.com/Tramac/Fast-SCNN-pytorch."""

from __future__ import annotations

from collections.abc import Mapping

import torch
import torch.nn.functional as F
from torch import nn

from core.architectures.families.blocks import conv_norm, upsample
from core.architectures.families.realtime.parts import built, depthwise, listed
from core.architectures.families.repositories.repository_source import repository_source
from core.architectures.network import Network, Tensors
from core.architectures.shapes import count, has, outputs, size
from core.checkpoint import Checkpoint

DOWN, GLOBAL, AUX = "learning_to_downsample.", "global_feature_extractor.", "auxlayer."
SCALES = (1, 2, 3, 6)  # the pooled context is as many numbers a side
HALVING = ("bottleneck1", "bottleneck2")  # `bottleneck3` keeps the size


def matches(checkpoint: Checkpoint) -> bool:
    """Whether the keys are laid out as in that repository."""
    return has(checkpoint.tensors, DOWN, f"{GLOBAL}bottleneck1.", "classifier.conv.1.")


def build(checkpoint: Checkpoint, chosen: Mapping[str, str]) -> Network:
    """Rebuild the network; widths and depths are in the keys and shapes.

    Raises:
        ArchitectureError: tensors are missing or have another shape.
    """
    tensors = checkpoint.tensors
    return built(
        FastSCNN,
        checkpoint,
        "Fast-SCNN",
        first=f"{DOWN}conv.conv.0.weight",
        last="classifier.conv.1",
        idle=(AUX,),
        source=repository_source(
            "github.com/Tramac/Fast-SCNN-pytorch",
            "models.fast_scnn",
            "FastSCNN",
            f"num_classes={outputs(tensors, 'classifier.conv.1', 19)}",
            f"aux={has(tensors, AUX)}",
            head="network(x)[0]",
        ),
    )


class FastSCNN(nn.Module):
    """Detail of an eighth of the size, beside the context of a 32nd.

    Args:
        tensors: their names and shapes tell all sizes.
    """

    def __init__(self, tensors: Tensors) -> None:
        super().__init__()
        first = f"{DOWN}conv.conv.0.weight"
        entering, width = size(tensors, first, 1, 3), size(tensors, first, 0, 32)
        # Without padding: the repository gives its first convolution none.
        stem = _inner(*conv_norm(entering, width, stride=2, padding=0))
        self.learning_to_downsample = listed(
            {
                "conv": stem,
                "dsconv1": _separable(tensors, f"{DOWN}dsconv1", 2),
                "dsconv2": _separable(tensors, f"{DOWN}dsconv2", 2),
            }
        )
        self.global_feature_extractor = listed(
            {
                **{f"bottleneck{n}": _bottlenecks(tensors, f"bottleneck{n}") for n in (1, 2, 3)},
                "ppm": Pyramid(tensors),
            }
        )
        self.feature_fusion = Fusion(tensors)
        deep = size(tensors, "classifier.conv.1.weight", 1, 128)
        classes = nn.Conv2d(deep, outputs(tensors, "classifier.conv.1", 19), 1)
        self.classifier = listed(
            {
                "dsconv1": _separable(tensors, "classifier.dsconv1"),
                "dsconv2": _separable(tensors, "classifier.dsconv2"),
                "conv": nn.Sequential(nn.Identity(), classes),
            }
        )
        if has(tensors, AUX):
            self.auxlayer = _aux(tensors)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Float32[n c h w] to logits of the same size."""
        detail = self.learning_to_downsample(x)
        joined = self.feature_fusion(detail, self.global_feature_extractor(detail))
        return upsample(self.classifier(joined), x, align_corners=True)


def _inner(*layers: nn.Module) -> nn.Sequential:
    """Layers whose names begin with "conv."."""
    return listed({"conv": nn.Sequential(*layers)})


def _separable(tensors: Tensors, name: str, stride: int = 1) -> nn.Sequential:
    """Each channel by itself, then across, both with BatchNorm and ReLU."""
    weight = f"{name}.conv.3.weight"
    channels, out = size(tensors, weight, 1, 64), size(tensors, weight, 0, 64)
    alone = conv_norm(channels, channels, stride=stride, groups=channels)
    return _inner(*alone, *conv_norm(channels, out, 1))


def _aux(tensors: Tensors) -> nn.Sequential:
    weight = f"{AUX}0.weight"
    units = conv_norm(size(tensors, weight, 1, 64), size(tensors, weight, 0, 32))
    classes = nn.Conv2d(size(tensors, weight, 0, 32), outputs(tensors, f"{AUX}4", 19), 1)
    return nn.Sequential(*units, nn.Identity(), classes)


def _bottlenecks(tensors: Tensors, name: str) -> nn.Sequential:
    start = f"{GLOBAL}{name}"
    blocks = []
    for number in range(count(tensors, f"{start}.")):
        step = 2 if number == 0 and name in HALVING else 1
        blocks.append(Bottleneck(tensors, f"{start}.{number}", step))
    return nn.Sequential(*blocks)


class Bottleneck(nn.Module):
    """Widen, filter each channel, narrow; added where size and channels stay."""

    def __init__(self, tensors: Tensors, name: str, stride: int) -> None:
        super().__init__()
        weight = f"{name}.block.0.conv.0.weight"
        channels, hidden = size(tensors, weight, 1, 64), size(tensors, weight, 0, 384)
        out = size(tensors, f"{name}.block.2.weight", 0, 64)
        alone = conv_norm(hidden, hidden, stride=stride, groups=hidden)
        self.block = nn.Sequential(
            _inner(*conv_norm(channels, hidden, 1)),
            _inner(*alone),
            *conv_norm(hidden, out, 1, relu=None),
        )
        self.adds = stride == 1 and channels == out

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Float32[n channels h w] to Float32[n out h/stride w/stride]."""
        y: torch.Tensor = self.block(x)
        return x + y if self.adds else y


class Pyramid(nn.Module):
    """The features beside themselves, averaged over larger and larger parts."""

    def __init__(self, tensors: Tensors) -> None:
        super().__init__()
        weight = f"{GLOBAL}ppm.conv1.conv.0.weight"
        channels, narrow = size(tensors, weight, 1, 128), size(tensors, weight, 0, 32)
        for number in range(1, len(SCALES) + 1):
            self.add_module(f"conv{number}", _inner(*conv_norm(channels, narrow, 1)))
        out = size(tensors, f"{GLOBAL}ppm.out.conv.0.weight", 0, 128)
        self.out = _inner(*conv_norm(channels + len(SCALES) * narrow, out, 1))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Float32[n channels h w] to Float32[n out h w]."""
        parts = [x]
        for number, scale in enumerate(SCALES, start=1):
            pooled = self.get_submodule(f"conv{number}")(F.adaptive_avg_pool2d(x, scale))
            parts.append(upsample(pooled, x, align_corners=True))
        y: torch.Tensor = self.out(torch.cat(parts, dim=1))
        return y


class Fusion(nn.Module):
    """Detail, and context enlarged to its size, added."""

    def __init__(self, tensors: Tensors) -> None:
        super().__init__()
        high = "feature_fusion.conv_higher_res.0.weight"
        fine, out = size(tensors, high, 1, 64), size(tensors, high, 0, 128)
        deep = size(tensors, "feature_fusion.dwconv.conv.0.weight", 0, 128)
        self.dwconv = _inner(*depthwise(deep, deep), nn.ReLU(inplace=True))
        self.conv_lower_res = conv_norm(deep, out, 1, bias=True, relu=None)
        self.conv_higher_res = conv_norm(fine, out, 1, bias=True, relu=None)

    def forward(self, detail: torch.Tensor, context: torch.Tensor) -> torch.Tensor:
        """Of an eighth and of a 32nd of the size, to an eighth."""
        context = self.conv_lower_res(self.dwconv(upsample(context, detail, align_corners=True)))
        return F.relu(self.conv_higher_res(detail) + context)
