"""The networks: other people's code, narrow or small, each with its scenes and its convention.

Two parts that share no network, no encoder and no picture: thresholds are tuned on the first.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import nn
from torch.nn import functional as F

from benchmarks.cases import Part
from benchmarks.foreign.scenes import WORLDS
from core.presets import PRESETS
from examples.zoo.networks import Member

FOLDER = Path(__file__).resolve().parent / "weights"  # not in git: `--train` makes it anew
SCORES = FOLDER / "scores.json"
Builder = Callable[[int], nn.Module]  # the number of logits to a network with random numbers


@dataclass(frozen=True)
class Foreign(Member):
    """One network, and all that its training needs; faults ask it as they ask those of the zoo."""

    library: str = ""
    build: Builder = lambda classes: nn.Identity()
    world: str = ""  # a key of WORLDS
    known: bool = True  # whether a file without its graph suffices
    foldered: bool = False  # whether its library writes a config beside the weights
    normed: bool = True
    any_size: bool = True  # whether torch.export ends, and can be saved, with open sides

    @property
    def exported(self) -> bool:
        """Never without a state_dict."""
        return False

    @property
    def has_norm(self) -> bool:
        """Whether BatchNorm follows the first convolution."""
        return self.normed

    @property
    def path(self) -> Path:
        """Its state_dict."""
        return FOLDER / f"{self.name}.pth"

    def weights(self) -> dict[str, torch.Tensor]:
        """As they were trained; may be changed by who asks."""
        stored: dict[str, torch.Tensor] = torch.load(self.path, weights_only=True)
        return stored

    def trained(self) -> nn.Module:
        """With its weights, in eval mode."""
        network = self.build(self.classes)
        network.load_state_dict(self.weights())
        return network.eval()


class Enlarged(nn.Module):
    """The logits of a network at the size of its input, whatever container they come in."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, pixels: torch.Tensor) -> torch.Tensor:
        """Float32[n 3 h w] to Float32[n classes h w]."""
        logits = logits_of(self.network(pixels))
        if logits.shape[-2:] == pixels.shape[-2:]:
            return logits
        return F.interpolate(logits, size=pixels.shape[-2:], mode="bilinear", align_corners=False)


def logits_of(output: Any) -> torch.Tensor:
    """The main logits of what the libraries return."""
    if isinstance(output, torch.Tensor):
        return output
    found = getattr(output, "logits", None)
    logits: torch.Tensor = output["out"] if found is None else found
    return logits


# --- builders -------------------------------------------------------------------------------------

DECODER = (64, 48, 32, 24, 16)  # channels; the library's default has 256 to 16


def _smp(kind: str, encoder: str, **options: Any) -> Builder:
    def build(classes: int) -> nn.Module:
        import segmentation_models_pytorch as smp

        network: nn.Module = getattr(smp, kind)(
            encoder, encoder_weights=None, classes=classes, **options
        )
        return network

    return build


def _torchvision(name: str) -> Builder:
    def build(classes: int) -> nn.Module:
        from torchvision.models import segmentation

        network: nn.Module = getattr(segmentation, name)(
            weights=None, weights_backbone=None, num_classes=classes
        )
        return network

    return build


def _segformer(**sizes: Any) -> Builder:
    def build(classes: int) -> nn.Module:
        from transformers import SegformerConfig, SegformerForSemanticSegmentation

        return SegformerForSemanticSegmentation(SegformerConfig(**{**sizes, "num_labels": classes}))

    return build


def _mobilenet(classes: int) -> nn.Module:
    from transformers import MobileNetV2Config, MobileNetV2ForSemanticSegmentation

    return MobileNetV2ForSemanticSegmentation(
        MobileNetV2Config(  # type: ignore[call-arg]
            num_labels=classes, depth_multiplier=0.5, output_stride=16
        )
    )


def _upernet(classes: int) -> nn.Module:
    from transformers import ConvNextConfig, UperNetConfig, UperNetForSemanticSegmentation

    backbone = ConvNextConfig(  # type: ignore[call-arg]
        hidden_sizes=[24, 48, 96, 160],
        depths=[1, 1, 2, 1],
        out_features=["stage1", "stage2", "stage3", "stage4"],
    )
    return UperNetForSemanticSegmentation(
        UperNetConfig(  # type: ignore[call-arg]
            backbone_config=backbone, hidden_size=48, num_labels=classes, use_auxiliary_head=False
        )
    )


class OwnHead(nn.Module):
    """A class of one's own: features of timm, added up, and a convolution."""

    def __init__(self, encoder: str, classes: int, width: int = 32) -> None:
        super().__init__()
        import timm

        self.encoder = timm.create_model(
            encoder, pretrained=False, features_only=True, out_indices=(1, 2, 3)
        )
        channels = self.encoder.feature_info.channels()  # type: ignore[union-attr, operator]
        self.reduce = nn.ModuleList(nn.Conv2d(c, width, 1) for c in channels)
        self.mix = nn.Sequential(
            nn.Conv2d(width, width, 3, padding=1), nn.BatchNorm2d(width), nn.ReLU()
        )
        self.head = nn.Conv2d(width, classes, 1)

    def forward(self, pixels: torch.Tensor) -> torch.Tensor:
        """Float32[n 3 h w], sides that 16 divides, to Float32[n classes h w]."""
        total: Any = 0.0
        features = self.encoder(pixels)
        for feature, reduce in zip(features, self.reduce, strict=True):
            total = total + F.interpolate(reduce(feature), size=features[0].shape[-2:])
        logits = self.head(self.mix(total))
        return F.interpolate(logits, size=pixels.shape[-2:], mode="bilinear")


def _own(encoder: str) -> Builder:
    return lambda classes: OwnHead(encoder, classes)


# --- the table ------------------------------------------------------------------------------------


def _preset(name: str, **changes: Any) -> dict[str, Any]:
    return {**PRESETS[name].changes, **changes}


def _foreign(
    name: str,
    library: str,
    build: Builder,
    world: str,
    convention: Mapping[str, Any],
    family: str,
    *,
    binary: bool = False,
    **more: Any,
) -> Foreign:
    """One logit where it is binary: everything against class 0."""
    classes = 1 if binary else len(WORLDS[world].classes)
    more = {"architecture": library, **more}
    return Foreign(
        name=name, convention=convention, family=family, classes=classes, rate=2e-3,
        library=library, build=build, world=world, **more,
    )  # fmt: skip


def _kept(*said: Any, **more: Any) -> Foreign:
    """Of the held-out part."""
    return _foreign(*said, held_out=True, **more)


def _numbers(mean: tuple[float, ...], std: tuple[float, ...], color: str = "rgb") -> dict[str, Any]:
    return _preset("unit", mean=mean, std=std, color=color)


TUNE = (
    _foreign("lraspp", "torchvision", _torchvision("lraspp_mobilenet_v3_large"), "street",
           _preset("imagenet"), "imagenet"),
    _foreign("unet_resnet", "smp", _smp("Unet", "resnet18", decoder_channels=DECODER), "fields",
           _preset("unit"), "unit"),
    _foreign("fpn_mobilenet", "smp", _smp("FPN", "mobilenet_v2"), "cells",
           _preset("symmetric"), "symmetric"),
    _foreign("segformer_a", "transformers",
           _segformer(hidden_sizes=[16, 32, 64, 96], depths=[1, 1, 1, 1], decoder_hidden_size=64,
                      num_attention_heads=[1, 2, 4, 4]), "street",
           _numbers((0.39, 0.42, 0.45), (0.2, 0.21, 0.24)), "custom", normed=False,
           known=False, foldered=True),
    _foreign("psp_mobileone", "smp", _smp("PSPNet", "mobileone_s0"), "fields",
           _preset("caffe"), "mean only"),
    _foreign("own_lcnet", "timm", _own("lcnet_050"), "cells", _preset("bytes"), "bytes",
           binary=True, known=False),
    _foreign("unet_mobilenet", "smp",
           _smp("Unet", "timm-mobilenetv3_large_100", decoder_channels=DECODER), "cells",
           _preset("bytes"), "bytes", any_size=False),
    _foreign("linknet_regnety", "smp", _smp("Linknet", "timm-regnety_004"), "fields",
           _preset("imagenet_bgr"), "imagenet"),
    _foreign("segformer_b", "transformers",
           _segformer(hidden_sizes=[24, 48, 96, 160], depths=[1, 1, 1, 1], decoder_hidden_size=64),
           "fields", _preset("imagenet"), "imagenet", normed=False, known=False, foldered=True),
    _foreign("fpn_convnext", "smp", _smp("FPN", "tu-convnext_atto"), "cells",
           _preset("symmetric"), "symmetric", normed=False, known=False),
    # What a look at the held-out part found, and no network above could show: decision 48.
    _foreign("linknet_resnet", "smp", _smp("Linknet", "resnet18"), "street",
           _numbers((0.38, 0.44, 0.41), (0.26, 0.28, 0.24), "bgr"), "custom"),
    _foreign("unet_cells", "smp", _smp("Unet", "mobilenet_v2", decoder_channels=DECODER), "cells",
           _numbers((0.75, 0.72, 0.8), (0.22, 0.2, 0.25)), "custom"),
    _foreign("manet_binary", "smp", _smp("MAnet", "mobilenet_v2", decoder_channels=DECODER),
           "cells", _preset("bytes"), "bytes", binary=True, any_size=False),
    _foreign("psp_cells", "smp", _smp("PSPNet", "mobilenet_v2"), "cells",
           _preset("caffe"), "mean only", any_size=False),
)  # fmt: skip
HELD_OUT = (
    _kept("deeplab", "torchvision", _torchvision("deeplabv3_mobilenet_v3_large"), "street",
           _preset("imagenet_bgr"), "imagenet", architecture="deeplab"),
    _kept("unet_mit", "smp", _smp("Unet", "mit_b0", decoder_channels=DECODER), "fields",
           _preset("imagenet"), "imagenet", normed=False),
    _kept("fpn_efficientnet", "smp", _smp("FPN", "efficientnet-b0"), "cells",
           _numbers((0.79, 0.7, 0.77), (0.2, 0.24, 0.19)), "custom"),
    _kept("linknet_regnet", "smp", _smp("Linknet", "timm-regnetx_002"), "street",
           _preset("unit"), "unit"),
    _kept("deeplab_regnet", "smp",
           _smp("DeepLabV3Plus", "timm-regnety_002", decoder_channels=64), "fields",
           _preset("symmetric"), "symmetric"),
    _kept("psp_mobilenet", "smp", _smp("PSPNet", "timm-mobilenetv3_small_100"), "cells",
           _preset("caffe"), "mean only", any_size=False),
    _kept("unet_lite", "smp",
           _smp("Unet", "timm-tf_efficientnet_lite0", decoder_channels=DECODER), "street",
           _numbers((0.41, 0.38, 0.36), (0.27, 0.25, 0.26), "bgr"), "custom"),
    _kept("manet_mobilenet", "smp",
           _smp("MAnet", "timm-mobilenetv3_small_075", decoder_channels=DECODER), "cells",
           _preset("bytes"), "bytes", binary=True, any_size=False),
    _kept("upernet", "transformers", _upernet, "fields", _preset("imagenet"), "imagenet",
           known=False, foldered=True, normed=False),
    _kept("mobilenet_hf", "transformers", _mobilenet, "street",
           _preset("symmetric"), "symmetric", known=False, foldered=True),
    _kept("segformer_wide", "transformers", _segformer(depths=[1, 1, 1, 1], decoder_hidden_size=64),
           "fields",
           _preset("clip"), "imagenet", normed=False, foldered=True),
    _kept("own_ghostnet", "timm", _own("ghostnet_050"), "street", _preset("espnet"),
           "divided again", known=False),
    _kept("linknet_binary", "smp", _smp("Linknet", "timm-regnetx_004"), "fields",
           _preset("unit"), "unit", binary=True),
)  # fmt: skip
MEMBERS = {member.name: member for member in (*TUNE, *HELD_OUT)}


def members(part: Part) -> tuple[Foreign, ...]:
    """The networks of a part that have learned their scenes."""
    return tuple(m for m in MEMBERS.values() if m.path.exists() and m.held_out == (part != "tune"))
