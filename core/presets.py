"""Conventions by which networks are fed, as changes of the settings."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from core.settings import CONVENTION, Preprocessing, Settings, change, flatten


@dataclass(frozen=True)
class Preset:
    """A known convention: the choices that it fixes, and who uses it."""

    label: str
    changes: Mapping[str, Any]
    used_by: str


def _convention(fed: Preprocessing) -> dict[str, Any]:
    return {name: getattr(fed, name) for name in CONVENTION}


IMAGENET_MEAN, IMAGENET_STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
CAFFE_MEAN = (103.939, 116.779, 123.68)  # BGR, 0-255: the VGG authors' training mean
CLIP_MEAN = (0.48145466, 0.4578275, 0.40821073)  # openai/CLIP clip.py
CLIP_STD = (0.26862954, 0.26130258, 0.27577711)
ESPNET_MEAN = (72.3923, 82.9089, 73.1584)  # Cityscapes, BGR: sacmehta/ESPNet data statistics
ESPNET_STD = (45.3192, 46.1529, 44.9148)

PRESETS: dict[str, Preset] = {
    "imagenet": Preset(
        "ImageNet mean/std",
        _convention(Preprocessing(mean=IMAGENET_MEAN, std=IMAGENET_STD)),
        "torchvision, timm, SMP",
    ),
    "unit": Preset("[0, 1]", _convention(Preprocessing()), "ToTensor() and nothing else"),
    "symmetric": Preset(
        "[-1, 1]",
        _convention(Preprocessing(mean=(0.5, 0.5, 0.5), std=(0.5, 0.5, 0.5))),
        "MobileNet, ViT, many GANs",
    ),
    "bytes": Preset("0-255", _convention(Preprocessing(scale="1")), "no scaling at all"),
    "caffe": Preset(
        "Caffe BGR, mean only",
        _convention(Preprocessing(mean=CAFFE_MEAN, scale="1", color="bgr")),
        "VGG, DeepLab v1/v2",
    ),
    "imagenet_bgr": Preset(
        "ImageNet mean/std on BGR",
        _convention(Preprocessing(mean=IMAGENET_MEAN, std=IMAGENET_STD, color="bgr")),
        "cv2.imread() without cvtColor()",
    ),
    "clip": Preset(
        "CLIP", _convention(Preprocessing(mean=CLIP_MEAN, std=CLIP_STD)), "CLIP backbones"
    ),
    "espnet": Preset(
        "BGR mean/std, then /255 again",
        _convention(
            Preprocessing(
                mean=ESPNET_MEAN, std=ESPNET_STD, scale="1", color="bgr", divide_again=255.0
            )
        ),
        "ESPNet, SINet, ExtremeC3",
    ),
    "zscore": Preset(
        "z-score of the picture", _convention(Preprocessing(zscore=True)), "medical imaging"
    ),
}


def apply_preset(settings: Settings, name: str) -> Settings:
    """Take over a convention; what it does not speak of (resize, dtype, display) stays."""
    return change(settings, **PRESETS[name].changes)


def preset_of(settings: Settings) -> str | None:
    """The preset that these settings are, or None when they are nobody's."""
    now = flatten(settings)
    return next(
        (n for n, p in PRESETS.items() if all(now[k] == v for k, v in p.changes.items())), None
    )


def convention_name(key: str) -> str:
    """What people call a convention: a preset's label, or the words that it is known by already."""
    return PRESETS[key].label if key in PRESETS else key
