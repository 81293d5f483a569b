"""Exported programs (.pt2): any network, checked and tried before it is run."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import torch

from core.architectures.network import Account, Network
from core.architectures.program.limits import check_size, size_in_words
from core.architectures.program.program_graph import Program, read_program
from core.architectures.program.program_module import ProgramModule
from core.architectures.program.stem import stem_of
from core.architectures.sizes import Sizes
from core.checkpoint import Checkpoint
from core.errors import ArchitectureError, ForwardError

SHOWN = 5  # names in a message
FIRST = ("out", "logits")  # the output that is looked at, where the outputs have names


def matches(checkpoint: Checkpoint) -> bool:
    """Whether the file holds a graph, so that no family is needed."""
    return checkpoint.program is not None


def build(checkpoint: Checkpoint, chosen: Mapping[str, str]) -> Network:
    """Check the graph, give it its weights, and try it without computing a number.

    Args:
        checkpoint: with a program.
        chosen: nothing can be chosen; every fact is in the file.

    Raises:
        ArchitectureError: the program is damaged, incomplete, too large, or uses what is not run.
    """
    program = read_program(checkpoint.program)
    weights, account = _weights(program, checkpoint)
    module = ProgramModule(program, weights)
    outputs = _tried(module)
    first, second = _heads(outputs)
    return Network(
        module=module,
        architecture=f"Exported program ({len(program.nodes)} operators)",
        num_classes=first.shape[1],
        in_channels=program.shape[1].size,
        aux_classes=None if second is None else second.shape[1],
        account=account,
        checkpoint_digest=checkpoint.digest,
        notes=tuple(_notes(program)),
        sizes=Sizes(*program.shape[2:]),
        stem=stem_of(program, weights),
    )


def _weights(program: Program, checkpoint: Checkpoint) -> tuple[dict[str, torch.Tensor], Account]:
    """The file's tensors by the name of their value in the graph, and where each one went."""
    keys = {name: key.removeprefix(checkpoint.prefix) for name, key in program.weights.items()}
    missing = tuple(key for key in keys.values() if key not in checkpoint.tensors)
    if missing:
        raise ArchitectureError(
            f"{len(missing)} of the exported program's {len(keys)} tensors are missing in the "
            f"file: {', '.join(missing[:SHOWN])}{', ...' * (len(missing) > SHOWN)}.",
            remedy="Write it again with torch.export.save(program, 'model.pt2').",
        )
    used = set(keys.values())
    account = Account(
        matched=tuple(key for key in checkpoint.tensors if key in used),
        missing=(),
        unexpected=tuple(key for key in checkpoint.tensors if key not in used),
        wrong_shape=(),
    )
    return {name: checkpoint.tensors[key] for name, key in keys.items()}, account


def _tried(module: ProgramModule) -> Any:
    """Try the program at the size of its example."""
    shape = (1, *(dimension.size for dimension in module.program.shape[1:]))
    try:
        check_size(module.program.shape, shape)
        return module.try_out(shape, torch.float32)
    except ForwardError as exc:
        raise ArchitectureError(exc.message, remedy=exc.remedy) from exc
    except (RuntimeError, ValueError, TypeError, LookupError, OverflowError) as exc:
        raise ArchitectureError(
            f"The exported program does not fit together: {str(exc).splitlines()[0]:.200}.",
            remedy="Export it again with torch.export.export(model, (x,)).",
        ) from exc


def _heads(outputs: Any) -> tuple[torch.Tensor, torch.Tensor | None]:
    """The logits and those of the aux head, if there is one."""
    named = outputs if isinstance(outputs, dict) else {}
    order = [*(named[key] for key in FIRST if key in named), *_tensors(outputs)]
    heads = list({id(t): t for t in order if isinstance(t, torch.Tensor) and t.ndim == 4}.values())
    if not heads:
        raise ArchitectureError(
            "The exported program returns no tensor of the shape (1, classes, height, width).",
            remedy="Export a segmentation network that gives one score per pixel.",
        )
    return heads[0], named.get("aux", heads[1] if len(heads) > 1 else None)


def _tensors(outputs: Any) -> Iterator[Any]:
    if isinstance(outputs, dict | tuple):
        for entry in outputs.values() if isinstance(outputs, dict) else outputs:
            yield from _tensors(entry)
    else:
        yield outputs


def _notes(program: Program) -> Iterator[str]:
    yield f"{size_in_words(program.shape)}."
    if any(node.inputs.get("training") or node.inputs.get("train") for node in program.nodes):
        yield (
            "The program was exported in training mode: BatchNorm uses the picture's own "
            "statistics, and dropout is left out; call model.eval() before exporting"
        )
