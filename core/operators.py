"""A forward in this thread: its operators are tapped, and it stops where nobody waits for it.

A network's module is shared, so a hook on it would fire for the forwards of other people too; a
`TorchDispatchMode` sees its own thread alone. The graph of an ONNX file is run in another
process, as a whole: it is neither tapped nor stopped inside.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import nn
from torch.nn.modules.module import register_module_forward_pre_hook
from torch.utils._python_dispatch import TorchDispatchMode

from core.errors import ForwardError

OnOperator = Callable[[Any, tuple[Any, ...], torch.Tensor], None]


class StopForward(BaseException):
    """A tap has what it asked for; it must pass the borders that catch every Exception."""


class ForwardAbandoned(BaseException):
    """Nobody waits for this forward any more; a tap does not take it for its own end."""


class ForwardTooLongError(ForwardError):
    """A forward has taken all the time that one may take."""


class OperatorTap(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Sees every operator of a forward in this thread; the network is neither copied nor changed.

    Hooks would fire for the forwards of other people too, who share the module.
    """

    def __init__(self, on_operator: OnOperator) -> None:
        """Args: on_operator, given operator, arguments and result; may raise `StopForward`."""
        super().__init__()  # type: ignore[no-untyped-call]
        self._on_operator = on_operator

    def __torch_dispatch__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: Any = None
    ) -> Any:
        """Let the operator do its work, and pass it on."""
        check_wanted()
        result = func(*args, **(kwargs or {}))
        self._on_operator(func, args, result)
        return result


class Stoppable(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Asks before every operator whether somebody waits, where there are no layers to ask at."""

    def __torch_dispatch__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: Any = None
    ) -> Any:
        """Do the operator's work where somebody waits for it.

        Raises:
            ForwardAbandoned: nobody does.
        """
        check_wanted()
        return func(*args, **(kwargs or {}))


# --- whether somebody waits -----------------------------------------------------------------------

_here = threading.local()


@contextmanager
def while_wanted(is_wanted: Callable[[], bool]) -> Iterator[None]:
    """What runs inside ends before its next layer once nobody waits for it.

    Args:
        is_wanted: asked before every layer: a dictionary look-up, not more.
    """
    _here.is_wanted = is_wanted
    try:
        yield
    finally:
        del _here.is_wanted


@contextmanager
def within(seconds: float) -> Iterator[None]:
    """What runs inside ends before its next layer once it has taken so long."""
    _here.until = time.monotonic() + seconds
    try:
        yield
    finally:
        del _here.until


def check_wanted() -> None:
    """End the computation of this thread where nobody waits for it, or its time is over.

    Raises:
        ForwardAbandoned: nobody does.
        ForwardTooLongError: see `within`.
    """
    is_wanted = getattr(_here, "is_wanted", None)
    if is_wanted is not None and not is_wanted():
        raise ForwardAbandoned
    until = getattr(_here, "until", None)
    if until is not None and time.monotonic() > until:
        raise ForwardTooLongError(
            "The forward took longer than one may.", remedy="Choose a smaller size under Resize."
        )


# A hook of all modules, as one on the shared module could not be taken off in time; it asks about
# its own thread only. A dispatch mode asks at every operator, and costs a small network 10 ms.
register_module_forward_pre_hook(lambda _module, _inputs: check_wanted())


def tap(module: nn.Module, tensor: torch.Tensor, on_operator: OnOperator) -> None:
    """Run an input through a network until `on_operator` has enough, or the network stops.

    Args:
        module: of the network, in eval mode.
        tensor: Float32[1 c h w].
        on_operator: see `OperatorTap`.

    Raises:
        ForwardError: this size or tensor stops the network, so that what was seen is not all.
    """
    try:
        with torch.no_grad(), OperatorTap(on_operator):  # inference_mode would hide conv2d
            module(tensor)
    except StopForward:
        pass
    except ForwardError:
        raise
    except Exception as exc:
        raise stopped(exc, tuple(tensor.shape)) from exc


def stopped(exc: Exception, shape: tuple[int, ...]) -> ForwardError:
    """What is said where a network cannot be run on an input of this shape."""
    detail = (str(exc).strip().splitlines() or [type(exc).__name__])[0][:200]
    if isinstance(exc, MemoryError) or "memory" in detail:
        return ForwardError(
            f"There is not enough memory to run the network on an input of shape {shape}.",
            remedy="Choose a smaller size under Resize, or a smaller picture.",
            changes=_half(shape),
        )
    return ForwardError(
        f"The network stops on an input of shape {shape}: {detail}.",
        remedy="Choose another size under Resize; many networks need at least 32 pixels a side.",
    )


def _half(shape: tuple[int, ...]) -> dict[str, Any]:
    """Half the sides, in the multiples that most networks want, as a change of the settings."""
    height, width = (max(32, side // 64 * 32) for side in shape[2:])
    return {"resize": "fixed", "height": height, "width": width}
