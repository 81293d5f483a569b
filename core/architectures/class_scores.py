"""How a family's own output becomes one score per class and pixel, where it is no head's logits.

Query networks (MaskFormer and all after it) say for each query which class it is of and where it
lies. Others end in a sigmoid or a softmax. A family says which with `Scores`, and puts what turns
its output into [1 C h w] on the network with `reading`; the script writes the same function.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn


@dataclass(frozen=True)
class Scores:
    """What the numbers of a network's [1 C h w] are; nothing is said of a head's logits."""

    words: str = ""  # for the logits panel: "ln of the sum over 100 queries of softmax x sigmoid"
    ends_in: str = ""  # "sigmoid" or "softmax", where the network itself applies it at its end


LOGITS = Scores()


def of_queries(queries: int, inside: str = "softmax x sigmoid") -> Scores:
    """What `query_scores` of so many queries are."""
    return Scores(f"class scores: ln of the sum over {queries} queries of {inside}")


def ending_in(activation: str) -> Scores:
    """A network that applies the sigmoid or the softmax itself."""
    return Scores(f"the network ends in a {activation}: these are probabilities", activation)


def query_scores(classes: torch.Tensor, masks: torch.Tensor) -> torch.Tensor:
    """Logits of every class, Float32[1 classes h w], of a network that answers in queries.

    The score of a class is the sum over all queries of its probability (softmax, without the last
    class, which is "no object") times the probability of the query's mask (sigmoid), as in
    MaskFormer, https://arxiv.org/abs/2107.06278. Softmax of its logarithm is its share.

    Args:
        classes: Float32[1 queries classes + 1].
        masks: Float32[1 queries h w].
    """
    likely = classes.float().softmax(-1)[..., :-1]
    scores = torch.einsum("bqc,bqhw->bchw", likely, masks.float().sigmoid())
    return scores.clamp_min(1e-30).log()  # the logarithm of 0 is infinite


def reading(module: nn.Module, read: Callable[[Any], torch.Tensor]) -> nn.Module:
    """The same module, under the same names, whose answer is what `read` makes of its output.

    A hook on it, not a module around it: its layers keep the names that their tensors have.

    Args:
        module: not yet shared with anybody.
        read: takes what forward returns; gives [1 C h w].
    """
    module.register_forward_hook(lambda _module, _inputs, output: read(output))
    return module


def script_of(function: Callable[..., Any]) -> str:
    """The source of a function that a script needs; what is run here is what is written there."""
    return inspect.getsource(function).strip()
