"""The members of the zoo: architecture, convention, classes, and the part of the benchmark."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from core.presets import PRESETS
from core.settings import Settings, change
from examples.scenes import CLASS_NAMES


@dataclass(frozen=True)
class Member:
    """One network, and all that its training needs."""

    name: str
    architecture: str  # a key of examples.zoo.architectures.BUILDERS
    convention: Mapping[str, Any]  # changes of the settings
    family: str  # of conventions
    classes: int = len(CLASS_NAMES)  # 1: foreground against desk
    steps: int = 220
    rate: float = 4e-3
    start: str = ""  # the member whose convolutions it starts from
    held_out: bool = False  # its part of the benchmark: no threshold is tuned on it

    @property
    def exported(self) -> bool:
        """Whether it is saved with its graph, as no known family has these keys."""
        return self.architecture in ("plain", "group")

    @property
    def has_norm(self) -> bool:
        """Whether BatchNorm follows the first convolution."""
        return not self.exported

    @property
    def channels(self) -> int:
        """Of the input."""
        return 1 if self.convention["color"] == "gray" else 3

    @property
    def settings(self) -> Settings:
        """Under which it is healthy."""
        return change(Settings(), **self.convention)


def _preset(name: str, **changes: Any) -> dict[str, Any]:
    return {**PRESETS[name].changes, **changes}


def _odd(mean: tuple[float, ...], std: tuple[float, ...], color: str = "rgb") -> dict[str, Any]:
    return _preset("unit", mean=mean, std=std, color=color)


IMAGENET_MEAN = PRESETS["imagenet"].changes["mean"]
MEMBERS = (
    Member("unet_unit", "unet", _preset("unit"), "unit", steps=400),
    Member("unet_caffe", "unet", _preset("caffe"), "mean only", steps=400, held_out=True),
    Member("mask_bytes", "unet", _preset("bytes"), "bytes", classes=1, held_out=True, steps=150),
    Member("deeplab_clip", "deeplab", _preset("clip"), "imagenet", steps=40, rate=1e-3),
    Member("plain_symmetric", "plain", _preset("symmetric"), "symmetric", steps=120, rate=5e-4,
           start="unet_unit"),
    Member("unet_odd", "unet", _odd((0.6, 0.55, 0.5), (0.12, 0.15, 0.1)), "custom", held_out=True),
    Member("plain_imagenet", "plain", _preset("imagenet"), "imagenet", steps=120, rate=5e-4,
           start="unet_caffe", held_out=True),
    Member("group_unit", "group", _preset("unit"), "unit", steps=300, rate=2e-3,
           start="unet_unit"),
    Member("mask_imagenet", "unet", _preset("imagenet"), "imagenet", classes=1, steps=150),
    Member("fcn_bgr", "fcn", _preset("imagenet_bgr"), "imagenet", steps=100, rate=2e-3,
           held_out=True),
    Member("unet_again", "unet", _preset("espnet"), "divided again", held_out=True),
    Member("unet_zscore", "unet", _preset("zscore"), "z-score", steps=300),
    Member("lraspp_mean", "lraspp", _odd(IMAGENET_MEAN, (1.0, 1.0, 1.0)), "unit", steps=100,
           rate=2e-3),
    Member("mask_gray", "unet", _odd((0.5, 0.5, 0.5), (0.25, 0.25, 0.25), "gray"), "custom",
           classes=1, steps=250),
    Member("unet_custom", "unet", _odd((0.35, 0.42, 0.47), (0.3, 0.28, 0.35), "bgr"), "custom"),
)  # fmt: skip
ZOO: dict[str, Member] = {member.name: member for member in MEMBERS}
