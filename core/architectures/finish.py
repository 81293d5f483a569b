"""The last steps of every family's `build`: make, account, fill."""

from __future__ import annotations

from collections.abc import Callable

from torch import nn

from core.architectures.network import (
    SHOWN,
    Choice,
    Network,
    Source,
    account_for,
    fill,
    refuse_unfit,
)
from core.architectures.shapes import outputs, size
from core.architectures.skeleton import without_numbers
from core.checkpoint import Checkpoint


def finish(
    make: Callable[[], nn.Module],
    checkpoint: Checkpoint,
    title: str,
    *,
    first: str,
    last: str,
    choices: tuple[Choice, ...] = (),
    source: Source | None = None,
) -> Network:
    """Make the network without numbers, account for every tensor, fill it.

    Args:
        make: the network; called `without_numbers`.
        checkpoint: the weights.
        title: as a person calls it.
        first: key of the first convolution's weight.
        last: name of the last convolution.
        choices: what keys cannot tell.
        source: how a script makes it, where it can.

    Raises:
        ArchitectureError: tensors are missing or have another shape.
    """
    with without_numbers():
        module = make()
    account = account_for(module, checkpoint.tensors)
    refuse_unfit(account, title)
    return Network(
        module=fill(module, checkpoint.tensors),
        architecture=title,
        num_classes=outputs(checkpoint.tensors, last, 0),
        in_channels=size(checkpoint.tensors, first, 1, 0),
        aux_classes=None,
        account=account,
        checkpoint_digest=checkpoint.digest,
        choices=choices,
        notes=_disagreements(module, checkpoint),
        source=source,
    )


def _disagreements(module: nn.Module, checkpoint: Checkpoint) -> tuple[str, ...]:
    """One note where a pickled module tells other strides or dilations than were built."""
    found = [
        f"{name}.{fact}: file {tuple(stated)}, network {getattr(layer, fact)}"
        for name, layer in module.named_modules()
        for fact in ("stride", "dilation")
        if isinstance(layer, nn.Conv2d)
        and (fact == "stride" or layer.kernel_size != (1, 1))  # 1x1 is the same at any rate
        and (stated := checkpoint.attributes.get(f"{checkpoint.prefix}{name}.{fact}"))
        and isinstance(stated, list | tuple)
        and tuple(stated) != getattr(layer, fact)
    ]
    if not found:
        return ()
    more = "..." if len(found) > SHOWN else "."
    return (
        f"The file states other strides or dilations for {len(found)} layers: "
        f"{'; '.join(found[:SHOWN])}{more}",
    )
