"""What nnU-Net and MONAI share: the library is there or named, the network filled, heads told."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from importlib.util import find_spec

from torch import nn

from core.architectures.network import Network, Source, account_for, fill, refuse_unfit
from core.architectures.sizes import Dimension, Sizes
from core.architectures.skeleton import without_numbers
from core.checkpoint import Checkpoint
from core.errors import ArchitectureError

INSTANCE = "Its layers are InstanceNorm, which keeps no statistics of the training"


def require(package: str, title: str) -> None:
    """Refuse a network whose library is not here.

    Raises:
        ArchitectureError: it is not installed.
    """
    if find_spec(package.replace("-", "_")) is None:
        raise ArchitectureError(
            f"This is a {title}, and the library {package} is not installed here.",
            remedy='Install requirements-medical.txt (the extra "medical"), or upload the network '
            "as .pt2.",
        )


def refuse_volumes(title: str, patch: tuple[int, ...] = ()) -> ArchitectureError:
    """The error for a network of three dimensions: what a slice would need."""
    fed = f" of {' x '.join(map(str, patch))} (depth, height, width)" if patch else ""
    return ArchitectureError(
        f"This is a {title} for volumes: it is fed whole blocks{fed}, not pictures. A slice by "
        "itself has no neighbors in depth, so its mask would not be that of the volume.",
        remedy="Upload the checkpoint of a 2D configuration of the same training; or run the "
        "volume where it was trained and look at a slice of what it wrote, as a mask alone.",
    )


def filled(
    make: Callable[[], nn.Module],
    checkpoint: Checkpoint,
    title: str,
    *,
    num_classes: int,
    in_channels: int,
    source: Source,
    step: tuple[int, int] = (1, 1),
    patch: tuple[int, ...] = (),
) -> Network:
    """The library's network with every tensor accounted for.

    Args:
        make: calls the library; `without_numbers`.
        checkpoint: the weights.
        title: as a person calls it.
        num_classes: outputs.
        in_channels: inputs.
        source: how a script makes it.
        step: height and width have to be multiples of these.
        patch: h, w of the training, where that is told.

    Raises:
        ArchitectureError: tensors are missing or have another shape, or the library refuses the
            sizes.
    """
    try:
        with without_numbers():
            module = make()
    except Exception as exc:  # whatever the library does not like about sizes of a file
        detail = (str(exc).strip().splitlines() or [type(exc).__name__])[0][:200]
        raise ArchitectureError(
            f"The library cannot build the {title} that the file describes: {detail}",
            remedy="Save the checkpoint again where it was trained, or upload it as .pt2.",
        ) from exc
    account = account_for(module, checkpoint.tensors)
    refuse_unfit(account, title)
    network = Network(
        module=fill(module, checkpoint.tensors),
        architecture=title,
        num_classes=num_classes,
        in_channels=in_channels,
        aux_classes=None,
        account=account,
        checkpoint_digest=checkpoint.digest,
        source=source,
        sizes=_sizes(step, patch),
    )
    norms = [m for m in module.modules() if isinstance(m, nn.modules.batchnorm._BatchNorm)]
    return network if norms else replace(network, silent_norm=INSTANCE)


def _sizes(step: tuple[int, int], patch: tuple[int, ...]) -> Sizes:
    sides = patch if len(patch) == 2 else (0, 0)
    height, width = (
        Dimension(size=side, low=multiple, high=None, step=multiple)
        for side, multiple in zip(sides, step, strict=True)
    )
    return Sizes(height, width)
