"""What a person should know about the layers of a file, each with its numbers."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import torch

from core.checkpoint.health.heads import Head
from core.checkpoint.health.layers import (
    can_be_judged,
    dead_channels,
    dead_filters,
    is_absurd,
    is_fresh,
    is_never_updated,
    norms_in,
)
from core.checkpoint.health.numbers import is_finite

Tensors = Mapping[str, torch.Tensor]
SHOWN = 3  # names in a sentence


@dataclass(frozen=True)
class Fact:
    """One problem of a file."""

    id: str  # "not finite", "fresh head", ...
    words: str
    keys: tuple[str, ...] = ()  # of the tensors or layers, all of them
    numbers: Mapping[str, float] | None = None


def examine(tensors: Tensors, heads: Sequence[Head]) -> tuple[Fact, ...]:
    """Look at every layer; () where all is well.

    Args:
        tensors: by name, without the prefix.
        heads: as `heads_in` found them.
    """
    return tuple(
        fact for check in (_not_finite, _never_updated, _absurd, _dead) for fact in check(tensors)
    ) + tuple(_heads(tensors, heads))


def looked_at(tensors: Tensors, heads: Sequence[Head]) -> str:
    """What `examine` could look at in this file, in words."""
    filters = sum(len(t) for t in tensors.values() if t.ndim == 4)
    s = "" if len(heads) == 1 else "s"
    judged = sum(can_be_judged(tensors[f"{head.name}.weight"]) for head in heads)
    small = f" ({len(heads) - judged} too small to judge)" if judged < len(heads) else ""
    return (
        f"the numbers of {len(tensors)} tensors, {filters} filters, "
        f"{len(list(norms_in(tensors)))} BatchNorm layers, {len(heads)} head{s}{small}"
    )


def _not_finite(tensors: Tensors) -> Iterator[Fact]:
    if bad := tuple(key for key, tensor in tensors.items() if not is_finite(tensor)):
        verb = "holds" if len(bad) == 1 else "hold"
        words = f"{len(bad)} of {len(tensors)} tensors {verb} NaN or infinity: {_named(bad)}"
        yield Fact("not finite", words, bad, {"tensors": len(bad)})


def _never_updated(tensors: Tensors) -> Iterator[Fact]:
    norms = list(norms_in(tensors))
    if names := tuple(norm.name for norm in norms if is_never_updated(norm)):
        words = (
            f"{len(names)} of {len(norms)} BatchNorm layers were never updated (mean 0, variance "
            f"1): {_named(names)}. The part was not trained, or trained in eval mode"
        )
        yield Fact("never updated", words, names, {"layers": len(names), "of": len(norms)})


def _absurd(tensors: Tensors) -> Iterator[Fact]:
    if bad := tuple(norm.name for norm in norms_in(tensors) if is_absurd(norm)):
        words = (
            f"{len(bad)} BatchNorm layers have negative or absurdly large variances: {_named(bad)}"
        )
        yield Fact("absurd statistics", words, bad, {"layers": len(bad)})


def _dead(tensors: Tensors) -> Iterator[Fact]:
    counts = {key: n for key, tensor in tensors.items() if (n := dead_filters(tensor))}
    counts |= {norm.name: n for norm in norms_in(tensors) if (n := dead_channels(norm))}
    if counts:
        total = sum(counts.values())
        words = (
            f"Filters that are zero throughout, or whose BatchNorm multiplies by zero: {total}, "
            f"in {_named(tuple(counts))}"
        )
        yield Fact("dead filters", words, tuple(counts), {"filters": total})


def _heads(tensors: Tensors, heads: Sequence[Head]) -> Iterator[Fact]:
    for head in heads:
        if is_fresh(tensors[f"{head.name}.weight"]):
            bound = head.channels**-0.5
            words = (
                f"{head.name} looks like PyTorch's initialization, uniform within 1/sqrt(fan_in): "
                "this head was never trained, or never loaded"
            )
            yield Fact("fresh head", words, (head.name,), {"bound": bound})
    main = next((head for head in heads if head.main), None)
    for aux in heads:
        if main is not None and not aux.main and aux.classes != main.classes:
            words = (
                f"The auxiliary head {aux.name} has {aux.classes} classes and the main head "
                f"{main.classes}: it was not replaced for this training"
            )
            yield Fact(
                "aux classes", words, (aux.name,), {"aux": aux.classes, "main": main.classes}
            )


def _named(keys: Sequence[str]) -> str:
    return ", ".join(keys[:SHOWN]) + (", ..." if len(keys) > SHOWN else "")
