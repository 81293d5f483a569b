"""What running an exported program may cost, and which inputs it takes."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import torch
from torch.utils._python_dispatch import TorchDispatchMode

from core.architectures.program.nodes import Node
from core.architectures.sizes import Dimension
from core.errors import ForwardError

MAX_VALUE = 2 * 2**30  # bytes of one value
MAX_LIVE = 8 * 2**30  # bytes of all values that are needed at the same time
MAX_WORK = 2 * 10**13  # multiplications and additions; DeepLabV3 at 1024 x 2048 takes 4e12
SMALLER = "Choose a smaller size under Resize, or export the program with smaller inputs."


class Ledger(TorchDispatchMode):  # type: ignore[no-untyped-call]  # of torch
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


def check_memory(nodes: Iterable[Node], values: Mapping[str, Any]) -> None:
    """Raises ForwardError if the values that are needed at the same time are too many."""
    live = 0
    for node in nodes:
        live += sum(_size(values[name]) for name in node.defines)
        if live > MAX_LIVE:
            raise _too_large(f"values of {live / 2**30:.1f} GiB at once", MAX_LIVE)
        live -= sum(_size(values[name]) for name in node.frees)


def check_size(wanted: tuple[Dimension, ...], shape: tuple[int, ...]) -> None:
    """Refuse an input of a size that the program was not exported for.

    Raises:
        ForwardError: with the size that fits, as a change of the settings.
    """
    fits = len(shape) == len(wanted) and all(map(Dimension.takes, wanted, shape))
    if fits and _agree(wanted, shape):
        return
    _, _, h, w = wanted
    raise ForwardError(
        f"{size_in_words(wanted)}, not an input of {' x '.join(map(str, shape[2:]))}.",
        remedy=f"Choose {h.size} x {w.size} (height x width) under Resize, or export the "
        "program with dynamic_shapes.",
        changes={"resize": "fixed", "height": h.size, "width": w.size},
    )


def _agree(wanted: tuple[Dimension, ...], shape: tuple[int, ...]) -> bool:
    """Dimensions that were traced with the same unknown have the same size."""
    sizes: dict[str, int] = {}
    found = ((d.symbol, size // d.step) for d, size in zip(wanted, shape, strict=True) if d.symbol)
    return all(sizes.setdefault(symbol, size) == size for symbol, size in found)


def size_in_words(shape: tuple[Dimension, ...]) -> str:
    """The sizes that a program takes, as the beginning of a sentence."""
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
