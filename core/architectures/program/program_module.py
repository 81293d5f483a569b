"""An exported program as a module: run node by node, without its author's code."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

import torch

from core.architectures.program.arguments import DEVICE, Reference
from core.architectures.program.aten import MAX_PIECES, pieces
from core.architectures.program.limits import SMALLER, Ledger, check_memory, check_size
from core.architectures.program.nodes import Node
from core.architectures.program.output_structure import filled
from core.architectures.program.program_graph import Program
from core.errors import ForwardError, InspectionError

Observer = Callable[[str, str, Mapping[str, Any], Any], None]  # name, target, inputs, output


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
        check_size(self.program.shape, tuple(x.shape))
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
        with torch.inference_mode(False), torch.no_grad(), Ledger():
            values = self._run(x, keep=True)
        check_memory(self.program.nodes, values)
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
            raise ValueError("it changes the weights in place")
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
        raise ValueError("its number of results differs from the one in the graph")
    return results


def _storage(value: Any) -> int:
    """The same for all views of the same numbers."""
    return value.untyped_storage()._cdata if isinstance(value, torch.Tensor) else 0
