"""Weights that fit no family: say what they are, or what they are nearest to and what differs."""

from __future__ import annotations

import functools

import torch

from core.architectures.classification import classification_error
from core.architectures.network import Account, Candidate, Tensors
from core.architectures.skeleton import without_numbers
from core.architectures.strangers import EXPORT, SAVE, stranger
from core.checkpoint import Checkpoint
from core.checkpoint.parts import is_layer
from core.errors import ArchitectureError

SHOWN = 3  # names in a message
# Of quantized weights; BatchNorm's counter, an int64, is no weight.
WHOLE = (torch.int8, torch.uint8, torch.int16, torch.int32, torch.int64)
NEAR = 0.1  # share of the file's names that the nearest network has at least
MOBILE = ("deeplabv3_mobilenet_v3_large", "lraspp_mobilenet_v3_large")
LINES = """program = torch.export.export(model.eval(), (torch.zeros(1, {channels}, 512, 512),))
torch.export.save(program, "model.pt2")"""


def export_lines(tensors: Tensors) -> str:
    """The two lines that write a .pt2, with the channels of the first convolution."""
    first = next((t for t in tensors.values() if t.ndim == 4), None)
    return LINES.format(channels=3 if first is None else first.shape[1])


def explain(tensors: Tensors) -> ArchitectureError:
    """The error to raise: the first thing that is recognized."""
    found = named(tensors) or classification_error(tensors) or whole_numbers(tensors)
    return found or no_layers(tensors) or _nearest(tensors)


def named(tensors: Tensors, *, always: bool = False) -> ArchitectureError | None:
    """The error that says what these weights are; None where their names do not tell.

    Args:
        tensors: by name.
        always: only what counts where a family knows the names, but its network does not fit.
    """
    row = stranger(tensors, always=always)
    if row is None:
        return None
    volumes = any(tensor.ndim == 5 for tensor in tensors.values())
    kind = f"{row.name} for volumes (3-D convolutions)" if volumes else row.name
    return ArchitectureError(
        f"These look like the weights of {kind}, which is not rebuilt from its tensors here.",
        remedy=row.way_in,
        code=export_lines(tensors) if row.exports and not volumes else "",
    )


def unread(checkpoint: Checkpoint) -> ArchitectureError | None:
    """The error that says which tensors of the file are not read; None where all are."""
    if not checkpoint.unread:
        return None
    name, why = next(iter(checkpoint.unread.items()))
    count = len(checkpoint.unread)
    tensors = "1 tensor" if count == 1 else f"{count} tensors"
    return ArchitectureError(
        f"{tensors} of the file cannot be read, so that the network would lack them: {name[:80]}, "
        f"{why}.",
        remedy="Where it was trained, save the whole weights as plain floating-point tensors "
        "(DTensor: tensor.full_tensor(); torchao: before the quantization): "
        'torch.save(model.state_dict(), "weights.pth")',
    )


def whole_numbers(tensors: Tensors) -> ArchitectureError | None:
    """The error for weights that are whole numbers, whose scale is not known; None without such."""
    names = [key for key, tensor in tensors.items() if tensor.dtype in WHOLE and is_layer(key)]
    if not names:
        return None
    count = "1 weight is" if len(names) == 1 else f"{len(names)} weights are"
    return ArchitectureError(
        f"{count} of whole numbers, and the file has no scale for them under a "
        f"known name: {_some(names)}.",
        remedy="Upload the float checkpoint, from before the quantization; or keep each scale "
        "beside its weight, as weight_scale.",
    )


def no_layers(tensors: Tensors) -> ArchitectureError | None:
    """The error for tensors of which none is the weight of a layer: pictures, embeddings."""
    if any(is_layer(key) and tensor.ndim > 1 for key, tensor in tensors.items()):
        return None
    return ArchitectureError(
        f"No network is known for {_these(tensors)} ({_some(list(tensors))}): "
        f"{'none of them is' if len(tensors) > 1 else 'it is not'} the weight of a layer.",
        remedy=f"Save the network's weights where it was trained: {SAVE}",
    )


def nearest(tensors: Tensors) -> tuple[Candidate, ...]:
    """The known networks with the most names in common with the file, at most `SHOWN`."""
    own = set(tensors)
    known = {name: _names(name) for name in _comparable(own)}
    by_share = sorted(known, key=lambda n: len(known[n] & own) / len(known[n] | own), reverse=True)
    return tuple(
        Candidate("torchvision", name, _account(tensors, known[name]), "Tensors are missing.")
        for name in by_share[:SHOWN]
        if len(known[name] & own) >= NEAR * len(own)
    )


def _comparable(own: set[str]) -> tuple[str, ...]:
    """The networks worth building for their names: of an odd file none, else two or three.

    What torchvision calls its tensors shows in their beginnings, and building takes a quarter of a
    second each.
    """
    if not any(name.startswith(("backbone.", "classifier.")) for name in own):
        return ()
    if not any(name.startswith(("backbone.layer", "backbone.conv1")) for name in own):
        return MOBILE
    deep = any(name.startswith("backbone.layer3.6.") for name in own)
    return tuple(f"{head}_resnet{101 if deep else 50}" for head in ("fcn", "deeplabv3"))


def _account(tensors: Tensors, wanted: frozenset[str]) -> Account:
    return Account(
        matched=tuple(key for key in tensors if key in wanted),
        missing=tuple(sorted(wanted - tensors.keys())),
        unexpected=tuple(key for key in tensors if key not in wanted),
        wrong_shape=(),
    )


def _these(tensors: Tensors) -> str:
    return f"these {len(tensors)} tensors" if len(tensors) > 1 else "this tensor"


def _nearest(tensors: Tensors) -> ArchitectureError:
    """Compare the names with those of every network that can be built."""
    found = nearest(tensors)
    if not found or found[0].account is None:
        return ArchitectureError(
            f"No network is known for {_these(tensors)} "
            f"({_some(list(tensors))}): hardly a name is in one that can be built.",
            remedy=EXPORT,
            code=export_lines(tensors),
        )
    account = found[0].account
    extra = _some(list(account.unexpected)) or "nothing"
    absent = _some(list(account.missing)) or "nothing"
    share = len(account.matched) / len(tensors)
    return ArchitectureError(
        f"No network is known for {_these(tensors)}. The nearest is torchvision's "
        f"{found[0].architecture}, which has {share:.0%} of their names; only the file has "
        f"{extra}; only the network has {absent}.",
        remedy=EXPORT,
        code=export_lines(tensors),
    )


@functools.cache
def _names(architecture: str) -> frozenset[str]:
    from torchvision.models import get_model

    with without_numbers():  # no numbers: names are all that is asked
        network = get_model(architecture, weights=None, weights_backbone=None)
    return frozenset(network.state_dict())


def _some(names: list[str]) -> str:
    return ", ".join(names[:SHOWN]) + (", ..." if len(names) > SHOWN else "")
