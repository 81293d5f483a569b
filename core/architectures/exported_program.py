"""Exported programs (.pt2): any network, run node by node and without its author's code.

`program_graph` checks the graph, `aten` says which operators there are; here it becomes a module.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

import torch
from torch.utils._python_dispatch import TorchDispatchMode

from core.architectures.aten import MAX_PIECES, pieces
from core.architectures.network import Account, Network
from core.architectures.program_graph import (
    DEVICE,
    Dimension,
    Node,
    Program,
    Reference,
    filled,
    read_program,
)
from core.checkpoint import Checkpoint
from core.errors import ArchitectureError, ForwardError, InspectionError

Observer = Callable[[str, str, Mapping[str, Any], Any], None]  # name, target, inputs, output

MAX_VALUE = 2 * 2**30  # bytes of one value
MAX_LIVE = 8 * 2**30  # bytes of all values that are needed at the same time
MAX_WORK = 2 * 10**13  # multiplications and additions; DeepLabV3 at 1024 x 2048 takes 4e12
SHOWN = 5  # names in a message
FIRST = ("out", "logits")  # the output that is looked at, where the outputs have names
SMALLER = "Choose a smaller size under Resize, or export the program with smaller inputs."


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
    )


class ProgramModule(torch.nn.Module):
    """The program as a module: its weights are buffers `w0`, `w1`, ..., in the graph's order."""

    def __init__(self, program: Program, weights: Mapping[str, torch.Tensor]) -> None:
        """Args: program, checked; weights, by the name of their value in the graph."""
        super().__init__()
        self.program = program
        self.own_statistics = False  # BatchNorm by the picture's statistics, as in train()
        self._known: frozenset[Any] = frozenset()  # shapes and precisions that are not too large
        self._changed = frozenset(name for node in program.nodes for name in _written(node))
        for place, name in enumerate(program.weights):
            self.register_buffer(f"w{place}", weights[name])
        if program.dtype != torch.float32:
            self.float()  # as all families: the input decides on the precision
        self.eval()

    def forward(self, x: torch.Tensor, observe: Observer | None = None) -> Any:
        """What the exported network returns: a tensor, a tuple or a dict of tensors.

        Args:
            x: Float[1 c h w] of a size that the program takes.
            observe: called after every node with its name, target, inputs by name, and output;
                what it wants to keep it has to copy, because a later node may change it.

        Raises:
            ForwardError: another size than the program takes, or not enough memory for it.
        """
        _check_size(self.program.shape, tuple(x.shape))
        if (key := (x.shape, x.dtype)) not in self._known:
            self.try_out(x.shape, x.dtype)
            self._known |= {key}
        return filled(self.program.structure, iter(self._outputs(self._run(x, observe))))

    def try_out(self, shape: Iterable[int], dtype: torch.dtype) -> Any:
        """Run on shapes without numbers, so that nothing large is ever computed unawares.

        Returns:
            As `forward`, tensors on the meta device.

        Raises:
            ForwardError: a value, all together, or the work is over the limit.
        """
        x = torch.empty(tuple(shape), dtype=dtype, device="meta")
        with torch.inference_mode(False), torch.no_grad(), _Ledger():
            values = self._run(x, keep=True)
        _check_memory(self.program.nodes, values)
        return filled(self.program.structure, iter(self._outputs(values)))

    def _run(
        self, x: torch.Tensor, observe: Observer | None = None, *, keep: bool = False
    ) -> dict[str, Any]:
        """All values that are needed to the end, by name; with `keep`, simply all."""
        values = self._start(x)
        held = {_storage(values[name]) for name in self.program.weights.keys() - self._changed}
        cast = x.dtype if x.dtype != self.program.dtype else None
        for node in self.program.nodes:
            inputs = {name: _resolved(value, values) for name, value in node.inputs.items()}
            if self.own_statistics:
                inputs |= _training(node, inputs)
            output, results = _computed(node, inputs, held, cast)
            if observe is not None:
                observe(node.name, node.target, inputs, output)
            values.update(zip(node.defines, results, strict=True))
            for name in () if keep else node.frees:
                del values[name]
        return values

    def _start(self, x: torch.Tensor) -> dict[str, Any]:
        """The values before the first node: what nodes change in place is given as a copy."""
        layout = torch.channels_last if self.program.channels_last else torch.contiguous_format
        picture = x.contiguous(memory_format=layout)
        in_place = any(node.writes for node in self.program.nodes)
        values: dict[str, Any] = {self.program.input: picture.clone() if in_place else picture}
        for name, weight in zip(self.program.weights, self.buffers(), strict=True):
            values[name] = weight.to(x.device)
            if name in self._changed:  # the counter of a BatchNorm in training mode
                values[name] = values[name].clone()
        return values | dict(self.program.constants) | {DEVICE.name: x.device}

    def _outputs(self, values: Mapping[str, Any]) -> list[Any]:
        return [entry and values[entry.name] for entry in self.program.outputs]


# --- one node -------------------------------------------------------------------------------------


def _resolved(value: Any, values: Mapping[str, Any]) -> Any:
    if isinstance(value, Reference):
        return values[value.name]
    return [_resolved(entry, values) for entry in value] if isinstance(value, list) else value


def _training(node: Node, inputs: Mapping[str, Any]) -> dict[str, bool]:
    """What makes a BatchNorm use the picture; one value per channel has no variance to use."""
    x = inputs.get("input")
    if "running_mean" not in inputs or x is None or x.numel() == x.shape[1]:
        return {}
    return {"use_input_stats" if "use_input_stats" in inputs else "training": True}


def _written(node: Node) -> Iterator[str]:
    """The values that a node changes in place."""
    for name in node.writes:
        if isinstance(value := node.inputs[name], Reference):
            yield value.name


def _computed(
    node: Node, inputs: dict[str, Any], held: set[int], cast: torch.dtype | None
) -> tuple[Any, list[Any]]:
    """Border to foreign code: output and results, or a ForwardError that names the node."""
    try:
        if any(_storage(inputs[name]) in held for name in node.writes):
            raise ValueError("it changes the weights")
        if pieces(node.target, inputs) > MAX_PIECES:
            raise ValueError(f"it has more than {MAX_PIECES} results")
        output = _cast(node.operator(**inputs), cast)
        return output, _results(node, output)
    except InspectionError:
        raise
    except Exception as exc:
        raise _stopped(node, exc) from exc


def _stopped(node: Node, exc: Exception) -> ForwardError:
    detail = (str(exc).strip().splitlines() or [type(exc).__name__])[0][:200]
    if isinstance(exc, MemoryError) or "not enough memory" in detail:
        return ForwardError("There is not enough memory to run the program.", remedy=SMALLER)
    target = node.target.removeprefix("torch.ops.")
    return ForwardError(
        f"The exported program stops at {node.name[:40] or 'a check'} ({target}): {detail}.",
        remedy="Choose another size under Resize, or export the program again with an input "
        "of the size it is used with.",
    )


def _cast(output: Any, dtype: torch.dtype | None) -> Any:
    """In another precision than the exporter's no operator may fall back to the exporter's."""
    if dtype is None:
        return output
    if isinstance(output, tuple | list):
        return [_cast(entry, dtype) for entry in output]
    floating = isinstance(output, torch.Tensor) and output.is_floating_point()
    return output.to(dtype) if floating else output


def _results(node: Node, output: Any) -> list[Any]:
    """The results in the order of their names."""
    outputs = [output] if len(node.outputs) == 1 else list(output or ())
    results: list[Any] = []
    for names, value in zip(node.outputs, outputs, strict=False):  # some may be left out
        if isinstance(names, tuple):
            results.extend(value)
        elif names is not None:
            results.append(value)
    if len(results) != len(node.defines):
        raise ValueError("it has another number of results than announced")
    return results


def _storage(value: Any) -> int:
    """The same for all views of the same numbers."""
    return value.untyped_storage()._cdata if isinstance(value, torch.Tensor) else 0


# --- limits ---------------------------------------------------------------------------------------


class _Ledger(TorchDispatchMode):  # type: ignore[no-untyped-call]  # of torch
    """Sees every operator, also those that an operator is made of, and stops at the limits."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]  # of torch
        self.work = 0

    def __torch_dispatch__(
        self, func: Any, types: Any, args: Any = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        from torch.utils.flop_counter import flop_registry

        output = func(*args, **(kwargs or {}))
        size = _size(output)
        if size > MAX_VALUE:
            raise _too_large(f"a value of {size / 2**30:.1f} GiB", MAX_VALUE)
        formula = flop_registry.get(func._overloadpacket)
        self.work += formula(*args, **(kwargs or {}), out_val=output) if formula else size
        if self.work > MAX_WORK:
            raise ForwardError(
                f"The exported program would compute more than {MAX_WORK:.0e} operations.",
                remedy=SMALLER,
            )
        return output


def _size(value: Any) -> int:
    """Bytes of a value; of a view as many as a copy of it would have."""
    if isinstance(value, tuple | list):
        return sum(_size(entry) for entry in value)
    return value.numel() * value.element_size() if isinstance(value, torch.Tensor) else 0


def _too_large(what: str, limit: int) -> ForwardError:
    return ForwardError(
        f"The exported program would compute {what}; {limit / 2**30:.0f} GiB are allowed.",
        remedy=SMALLER,
    )


def _check_memory(nodes: Iterable[Node], values: Mapping[str, Any]) -> None:
    """Raises ForwardError if the values that are needed at the same time are too many."""
    live = 0
    for node in nodes:
        live += sum(_size(values[name]) for name in node.defines)
        if live > MAX_LIVE:
            raise _too_large(f"values of {live / 2**30:.1f} GiB at once", MAX_LIVE)
        live -= sum(_size(values[name]) for name in node.frees)


def _check_size(wanted: tuple[Dimension, ...], shape: tuple[int, ...]) -> None:
    fits = len(shape) == len(wanted) and all(map(Dimension.takes, wanted, shape))
    if fits and _agree(wanted, shape):
        return
    _, _, h, w = wanted
    raise ForwardError(
        f"{_words(wanted)}, not an input of {' x '.join(map(str, shape[2:]))}.",
        remedy=f"Choose {h.size} x {w.size} (height x width) under Resize, or export the "
        "program with dynamic_shapes.",
        changes={"resize": "fixed", "height": h.size, "width": w.size},
    )


def _agree(wanted: tuple[Dimension, ...], shape: tuple[int, ...]) -> bool:
    """Dimensions that were traced with the same unknown have the same size."""
    sizes: dict[str, int] = {}
    found = ((d.symbol, size // d.step) for d, size in zip(wanted, shape, strict=True) if d.symbol)
    return all(sizes.setdefault(symbol, size) == size for symbol, size in found)


# --- facts for the network ------------------------------------------------------------------------


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
        _check_size(module.program.shape, shape)
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
    yield f"{_words(program.shape)}."
    if any(node.inputs.get("training") or node.inputs.get("train") for node in program.nodes):
        yield (
            "The program was exported in training mode: BatchNorm uses the picture's own "
            "statistics, and dropout is left out; call model.eval() before exporting"
        )


def _words(shape: tuple[Dimension, ...]) -> str:
    _, _, h, w = shape
    if h.low == h.high and w.low == w.high:
        return f"The program was exported for inputs of {h.size} x {w.size} pixels"
    return f"The program was exported for heights {_span(h)} and widths {_span(w)}"


def _span(dimension: Dimension) -> str:
    low, high, step = dimension.low, dimension.high, dimension.step
    if low == high:
        return f"of {low} pixels"
    steps = f", multiples of {step}" if step > 1 else ""
    return f"from {low} {'up' if high is None else f'to {high}'} pixels{steps}"
