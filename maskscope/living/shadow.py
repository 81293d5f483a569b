"""A model's shadow: the same layers with switches of their own, over the same numbers.

The shadow is what runs. Its parameters share the memory of the model's where these are float32 in
this machine's memory, so that it costs nothing and is as new as the model; others are converted.
Buffers are copies: a forward may write into them. Modes, hooks and gradients belong to the shadow.
"""

from __future__ import annotations

import copy
from typing import Any

import torch
from torch import nn
from torch.nn.parameter import is_lazy

from maskscope.errors import LivingModelError

SAVE = 'torch.save(model.state_dict(), "weights.pth")'


def shadow_of(model: nn.Module) -> nn.Module:
    """Make the shadow: in eval mode, without gradients, float32, in this machine's memory.

    Raises:
        LivingModelError: the model has no numbers yet, or cannot be copied.
    """
    _refuse_empty(model)
    try:
        with torch.no_grad():  # TorchScript clones its parameters, which would be results else
            made: nn.Module = copy.deepcopy(model, _memo(model))
            made.to(device="cpu")
            if any(_is_other_float(each) for each in made.parameters()):
                made.float()
    except Exception as error:  # border to foreign code: a model's own __deepcopy__ may do anything
        raise LivingModelError(
            f"The model ({type(model).__name__}) cannot be copied, and the one that you have is "
            f"never run itself: {_first_line(error)}.",
            remedy="Give a plain nn.Module with the same weights (of a wrapper the model inside), "
            f"or save it ({SAVE}) and open the file.",
        ) from error
    for parameter in made.parameters():  # one by one: TorchScript knows no other way
        parameter.requires_grad_(False)
    return made.eval()


def _refuse_empty(model: nn.Module) -> None:
    tensors = (*model.parameters(), *model.buffers())
    if any(is_lazy(each) for each in tensors):
        raise LivingModelError(
            "The model has lazy layers that have not seen an input yet, so they have no weights.",
            remedy="Run it once on a batch of your data, and load its weights after that.",
        )
    if any(each.is_meta for each in tensors):
        raise LivingModelError(
            "The model is on the device meta: its layers have shapes and no numbers.",
            remedy='Make it with model.to_empty(device="cpu") and load its weights first.',
        )


def _memo(model: nn.Module) -> dict[int, Any]:
    """What copying shall take instead of copying: every tensor of the model, by its identity."""
    memo: dict[int, Any] = {}
    for module in model.modules():
        for value in vars(module).values():  # such as the weight that weight_norm computes
            if isinstance(value, torch.Tensor):
                memo[id(value)] = _number(value).clone()
    for parameter in model.parameters():
        memo[id(parameter)] = nn.Parameter(_number(parameter), requires_grad=False)
    for buffer in model.buffers():
        memo[id(buffer)] = _number(buffer).clone()
    return memo


def _number(tensor: torch.Tensor) -> torch.Tensor:
    plain = tensor.detach().to("cpu")
    return plain.float() if _is_other_float(plain) else plain


def _is_other_float(tensor: torch.Tensor) -> bool:
    return tensor.is_floating_point() and tensor.dtype != torch.float32


def _first_line(error: Exception) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0][:200]
