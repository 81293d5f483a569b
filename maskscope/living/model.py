"""A living model as what the house knows: a Network that runs, and a Checkpoint of its weights."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn

from core.architectures import Network
from core.architectures.network import Account
from core.checkpoint import Checkpoint
from core.checkpoint.health import notes_on
from core.checkpoint.stored.merged import merged
from core.errors import InspectionError
from core.inference import BATCH_NORMS
from core.operators import stopped
from maskscope.errors import LivingModelError
from maskscope.living.callables import Living, living
from maskscope.living.outputs import as_network, logits_in, run

KIND = "living model"
TRIED = ((64, 64), (224, 224), (256, 256), (512, 512))  # rows, columns: the sizes that many ask for
CHANNELS = (3, 1, 4)  # where no convolution tells it
UNNAMED = "LABEL_0"  # of transformers, where nobody gave names
MOST_CHANNELS = 16  # of a picture; a first convolution with more sees features


@dataclass(frozen=True, eq=False)
class Model:
    """The user's model, ready to be diagnosed; the model itself is never run."""

    own: tuple[nn.Module, ...]  # the user's modules
    network: Network
    checkpoint: Checkpoint
    changes: Mapping[str, Any]  # how it is used now, as settings: its mode and its precision


def open_model(model: Any, fed: tuple[int, ...], class_names: tuple[str, ...] = ()) -> Model:
    """Make the shadow of a model, and find out by a small forward what it returns.

    Args:
        model: an nn.Module, or a function of a tensor.
        fed: c, h, w of what it will be given; c 0 where that is not known.
        class_names: by id; () where the model may tell them.

    Raises:
        LivingModelError: it cannot be copied or run, or returns no logits.
    """
    alive = living(model)
    channels, module, classes = _tried(alive, fed)
    checkpoint = _checkpoint(alive)
    network = Network(
        module=module,
        architecture=f"{alive.name}, the living model",
        num_classes=classes,
        in_channels=channels,
        aux_classes=None,
        account=Account(tuple(checkpoint.tensors), (), (), ()),
        checkpoint_digest=checkpoint.digest,
        class_names=class_names or _class_names(alive.own),
        notes=alive.notes,
    )
    return Model(alive.own, network, checkpoint, _as_it_is_used(alive.own))


# --- what it returns ------------------------------------------------------------------------------


def _tried(alive: Living, fed: tuple[int, ...]) -> tuple[int, nn.Module, int]:
    """Channels of the input, the module whose output is logits, and how many classes it has.

    Raises:
        LivingModelError: no input makes it answer; it is about the size that it will be given.
    """
    problem: InspectionError | None = None
    for channels, size in _inputs(alive, fed):
        x = torch.zeros(1, channels, *size)
        try:
            output = run(alive.module, x)
            module = as_network(alive.module, output, x)
            return channels, module, logits_in(output, tuple(x.shape)).shape[1]
        except LivingModelError:
            raise  # it runs, and what it returns is the same at any size
        except Exception as error:  # border to foreign code
            reason = error if isinstance(error, InspectionError) else stopped(error, tuple(x.shape))
            problem = problem or reason
    assert problem is not None  # there is at least one input
    raise LivingModelError(f"The model cannot be run. {problem.message}", remedy=problem.remedy)


def _inputs(alive: Living, fed: tuple[int, ...]) -> Iterator[tuple[int, tuple[int, int]]]:
    """What is fed, at its own size last but one kind of channels first: small inputs are fast."""
    told = fed[0] or _channels(alive.module)
    for channels in (told,) if told else CHANNELS:
        yield channels, TRIED[0]
        yield channels, (fed[1], fed[2])
        yield from ((channels, size) for size in TRIED[1:])


def _channels(module: nn.Module) -> int:
    """Of the first convolution; 0 where there is none of a picture."""
    first = next((each for each in module.modules() if isinstance(each, nn.Conv2d)), None)
    return first.in_channels if first is not None and first.in_channels <= MOST_CHANNELS else 0


# --- its weights ----------------------------------------------------------------------------------


def _checkpoint(alive: Living) -> Checkpoint:
    """What a file of its state_dict would be."""
    stored = {} if alive.weights is None else alive.weights.state_dict()
    numbers = {key: value for key, value in stored.items() if isinstance(value, torch.Tensor)}
    tensors, computed = merged(numbers, set())
    return Checkpoint(
        name=alive.name,
        digest=_digest(alive, numbers),
        container=KIND,
        num_bytes=sum(each.nbytes for each in numbers.values()),
        tensors=tensors,
        wrapper=(),
        prefix="",
        others={},
        notes=(*notes_on(tensors), *alive.notes),
        computed=tuple(computed),
        training=any(module.training for module in alive.own),
    )


def _digest(alive: Living, numbers: Mapping[str, torch.Tensor]) -> str:
    """SHA-256 of names, shapes and numbers; without any, of the function as it stands in memory."""
    found = hashlib.sha256(alive.name.encode())
    for key, value in numbers.items():
        found.update(f"{key} {tuple(value.shape)} {value.dtype}".encode())
        found.update(value.contiguous().flatten().view(torch.uint8).numpy().tobytes())
    if not numbers:
        found.update(str(id(alive.module)).encode())
    return found.hexdigest()


# --- how it is used now ---------------------------------------------------------------------------


def _as_it_is_used(own: tuple[nn.Module, ...]) -> dict[str, Any]:
    """Mode and precision as the user's forward would have them now."""
    norms = [each for module in own for each in module.modules() if isinstance(each, BATCH_NORMS)]
    mode = {"mode": "train"} if any(each.training for each in norms) else {}
    kinds = {each.dtype for module in own for each in module.parameters()}
    names = {torch.float16: "float16", torch.bfloat16: "bfloat16"}
    dtype = next((name for kind, name in names.items() if kinds == {kind}), "")
    return mode | ({"dtype": dtype} if dtype else {})


def _class_names(own: tuple[nn.Module, ...]) -> tuple[str, ...]:
    """As transformers keep them beside the network; () elsewhere."""
    for module in own:
        named = getattr(getattr(module, "config", None), "id2label", None)
        if isinstance(named, Mapping) and named and set(named) == set(range(len(named))):
            names = tuple(str(named[k])[:80] for k in range(len(named)))
            return () if names[0] == UNNAMED else names
    return ()
