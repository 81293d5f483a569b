"""Which sizes the network of a case takes: found before anything is made smaller or cut out.

Some networks take any size, some only multiples of 8, 16 or 32, a program of fixed size takes one.
What the file does not tell is tried on a small picture, at most twice.
"""

from __future__ import annotations

from typing import Any

import torch

from core.architectures import Network
from core.architectures.program.program_module import ProgramModule
from core.architectures.sizes import Sizes, only
from core.diagnosis.measure.forwards import Forwards
from core.diagnosis.thresholds import CROP_SIDE, TRIED_EVEN, TRIED_ODD, TRIED_STEP

ALL_SIZES = Sizes()


def sizes_of(network: Network, forwards: Forwards, fed: tuple[int, int], unit: int) -> Sizes:
    """Find the sizes that a network takes.

    Args:
        network: of the case.
        forwards: the door to it; a trial is counted.
        fed: h, w of what it is fed: where every trial fails, this is what is left.
        unit: pixels of one full forward.
    """
    told = network.sizes or ALL_SIZES
    if told.is_one:
        return told
    steps = told.in_steps(TRIED_STEP)
    for sizes, size in ((told, TRIED_ODD), (steps, TRIED_EVEN)):
        if _runs(network, forwards, sizes.nearest(*size), unit):
            return sizes
    return only(*fed)


def _runs(network: Network, forwards: Forwards, size: tuple[int, ...], unit: int) -> bool:
    """Whether the network can be run on a picture of this size; a program without its numbers."""
    module, shape = network.module, (1, network.in_channels, *size)

    def run() -> bool:
        try:
            if isinstance(module, ProgramModule):
                module.try_out(shape, torch.float32)
            else:
                with torch.inference_mode():
                    module(torch.zeros(shape).contiguous(memory_format=torch.channels_last))
        except Exception:  # border to foreign code: whatever stops it, this size is not taken
            return False
        return True

    if not isinstance(module, ProgramModule):
        forwards.count(size[0] * size[1] / unit)
    return forwards.not_kept("", run)


def at_size(size: tuple[int, int]) -> dict[str, Any]:
    """Settings that feed this size h, w."""
    return {"resize": "fixed", "height": size[0], "width": size[1]}


def middle(tensor: torch.Tensor, sizes: Sizes = ALL_SIZES) -> torch.Tensor:
    """At most 384 x 384 from the middle: a crop keeps the moments, a smaller picture does not.

    Args:
        tensor: [1 c h w], of a size that the network takes.
        sizes: that the network takes; where no smaller one is, the whole is given back.
    """
    height, width = tensor.shape[2:]
    rows, columns = sizes.at_most(min(height, CROP_SIDE), min(width, CROP_SIDE))
    if rows > height or columns > width:
        return tensor
    top, left = (height - rows) // 2, (width - columns) // 2
    return tensor[:, :, top : top + rows, left : left + columns]
