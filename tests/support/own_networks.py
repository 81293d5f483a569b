"""A network of a host's own: of one convolution, so that thousands of forwards take no time."""

from __future__ import annotations

import torch
from torch import nn

KEY = "brightest.weight"


class Brightest(nn.Module):
    """Which of red, green and blue is the brightest: three classes."""

    def __init__(self) -> None:
        super().__init__()
        self.brightest = nn.Conv2d(3, 3, 1, bias=False)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Logits [1 3 h w] of a picture [1 3 h w]."""
        return self.brightest(x)


def brightest(tensors: dict[str, torch.Tensor]) -> nn.Module | None:
    """The factory that MODEL_FACTORIES names."""
    return Brightest() if set(tensors) == {KEY} else None


def weights() -> dict[str, torch.Tensor]:
    """A state_dict under which each class is one color."""
    return {KEY: torch.eye(3).reshape(3, 3, 1, 1)}
