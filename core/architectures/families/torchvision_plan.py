"""What is to be built of torchvision's networks."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Plan:
    """What is to be built."""

    head: str  # a key of HEADS
    resnet: tuple[int, ...]  # blocks of each layer; (): MobileNetV3-Large
    depth: int  # of the ResNet, as in its name
    width: float  # multiplier of MobileNetV3-Large
    num_classes: int
    in_channels: int
    aux_classes: int | None

    @property
    def title(self) -> str:
        """As a person calls it: "DeepLabV3, ResNet-50"."""
        if self.resnet:
            return f"{self.head}, ResNet-{self.depth}"
        width = "" if self.width == 1 else f" of width {self.width:g}"
        return f"{self.head}, MobileNetV3-Large{width}"
