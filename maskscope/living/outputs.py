"""Where the logits are in what a model returns, where that is none of the usual forms."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import torch
from torch import nn

from core.inference import call
from maskscope.errors import LivingModelError

USUAL = "logits have the shape (1, classes, height, width)"


class Picked(nn.Module):
    """A model as a function from a tensor to its logits, for outputs that have to be searched."""

    def __init__(self, module: nn.Module) -> None:
        """Args: module, whatever it returns."""
        super().__init__()
        self.module = module
        self.eval()

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Float[1 c h w] to Float[1 C h' w'].

        Raises:
            LivingModelError: the output holds no logits.
        """
        return logits_in(self.module(x), tuple(x.shape))


def as_network(module: nn.Module, output: Any, x: torch.Tensor) -> nn.Module:
    """The module itself where its logits are found as those of any network; else `Picked`.

    Args:
        module: the shadow.
        output: what the module returned for `x`, as `core.inference.call` gives it.
        x: Float32[1 c h w].

    Raises:
        LivingModelError: the output holds no logits.
    """
    logits_in(output, tuple(x.shape))
    usual = isinstance(output, torch.Tensor) and output.ndim == 4
    return module if usual else Picked(module)


def run(module: nn.Module, x: torch.Tensor) -> Any:
    """What a module returns, unwrapped as for any network; without gradients."""
    with torch.inference_mode():
        return call(module, x, "out")


def logits_in(output: Any, shape: tuple[int, ...]) -> torch.Tensor:
    """The scores of every class at every pixel: Float[1 C h w].

    Args:
        output: of the model: a tensor, or anything that holds one.
        shape: of the input, for the message.

    Raises:
        LivingModelError: there are none.
    """
    found = list(_tensors(output))
    for tensor in found:
        if tensor.is_floating_point() and (scores := _as_scores(tensor)) is not None:
            return scores
    raise _no_logits(output, found, shape)


def _as_scores(tensor: torch.Tensor) -> torch.Tensor | None:
    """[1 C h w] of that, or of [C h w]; None of anything else."""
    if tensor.ndim == 3:
        tensor = tensor[None]
    if tensor.ndim != 4 or len(tensor) != 1 or not tensor.numel():
        return None
    return tensor


def _tensors(output: Any) -> Iterator[torch.Tensor]:
    """All tensors of an output, in its order."""
    if isinstance(output, torch.Tensor):
        yield output
    elif isinstance(output, Mapping):
        for value in output.values():
            yield from _tensors(value)
    elif isinstance(output, tuple | list):
        for value in output:
            yield from _tensors(value)
    elif hasattr(output, "logits"):
        yield from _tensors(output.logits)


def _no_logits(output: Any, found: list[torch.Tensor], shape: tuple[int, ...]) -> LivingModelError:
    whole = [each for each in found if not each.is_floating_point() and each.ndim in (2, 3, 4)]
    if whole and len(whole) == len(found):
        return LivingModelError(
            f"The model returns class ids already ({_described(whole[0])}), not the scores of the "
            "classes, so nothing is left that could explain them.",
            remedy="Give the model without its argmax: what has one channel for each class.",
        )
    if found:
        what = ", ".join(_described(each) for each in found[:4])
    else:
        what = f"no tensor but {type(output).__name__}"
    return LivingModelError(
        f"The model returns {what} for an input of shape {shape}; {USUAL}.",
        remedy="Give a function that returns the logits: lambda x: model(x)[...]. Where classes "
        "and masks come apart (Mask2Former), let it multiply them.",
    )


def _described(tensor: torch.Tensor) -> str:
    kind = str(tensor.dtype).removeprefix("torch.")
    return f"a tensor of shape {tuple(tensor.shape)} in {kind}"
