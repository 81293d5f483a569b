"""Which modules are inside of what the user calls a model, and the same thing over shadows.

nn.Module, its wrappers (compile, DataParallel, ...), an ExportedProgram, a function, a method
"""

from __future__ import annotations

import copy
import functools
import types
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn

from maskscope.errors import LivingModelError
from maskscope.living.shadow import shadow_of

PARALLEL = ("DataParallel", "DistributedDataParallel", "AveragedModel")


@dataclass(frozen=True, eq=False)
class Living:
    """What the user has, and what runs in its place."""

    name: str  # of its class or function
    own: tuple[nn.Module, ...]  # the user's modules, never run
    module: nn.Module  # the shadow
    weights: nn.Module | None  # the shadow whose state_dict is the network's; None without any
    notes: tuple[str, ...] = ()


def living(model: Any) -> Living:
    """Look inside, and make the shadow.

    Raises:
        LivingModelError: it is nothing that can be called, or cannot be copied.
    """
    if isinstance(model, nn.Module):
        plain, notes = unwrapped(model)
        shadow = shadow_of(plain)
        return Living(type(plain).__name__, (model,), shadow, shadow, notes)
    if type(model).__name__ == "ExportedProgram" and callable(getattr(model, "module", None)):
        return living(model.module())
    if isinstance(model, str | bytes | Mapping) or not callable(model):
        raise _no_model(model)
    return _of_function(model)


def modules_of(model: Any) -> tuple[nn.Module, ...]:
    """The user's modules inside of what they call a model; () for what is none."""
    if isinstance(model, nn.Module):
        return (model,)
    return tuple(_modules_of(model).values()) if callable(model) else ()


def unwrapped(model: nn.Module) -> tuple[nn.Module, tuple[str, ...]]:
    """The module inside of wrappers that change nothing about its answer, and a note for each."""
    notes = []
    while True:
        if isinstance(inside := getattr(model, "_orig_mod", None), nn.Module):
            notes.append("compiled: the module that was compiled is what runs here")
        elif type(model).__name__ in PARALLEL and isinstance(model.module, nn.Module):
            inside = model.module
            notes.append(f"{type(model).__name__}: the module inside is what runs here")
        else:
            return model, tuple(notes)
        model = inside


def _no_model(model: Any) -> LivingModelError:
    what = "a dict of weights" if isinstance(model, Mapping) else f"of the type {_type(model)}"
    return LivingModelError(
        f"The model is {what}; it has to be an nn.Module, or a function of a tensor.",
        remedy="Build the network, call model.load_state_dict(...), and give that. A file is "
        "opened by the command: maskscope inspect --image ... --checkpoint ...",
    )


def _type(model: Any) -> str:
    return type(model).__name__


# --- functions ------------------------------------------------------------------------------------


def _of_function(function: Callable[..., Any]) -> Living:
    """A function with the modules that it names replaced by their shadows."""
    found = _modules_of(function)
    pairs = {name: (module, shadow_of(unwrapped(module)[0])) for name, module in found.items()}
    shadows = {name: shadow for name, (_, shadow) in pairs.items()}
    own = tuple(module for module, _ in pairs.values())
    weights = next(iter(shadows.values())) if len(shadows) == 1 else None
    notes = (
        () if found else ("no module is seen inside of this function, so no weights are looked at",)
    )
    name = getattr(function, "__name__", type(function).__name__)
    return Living(name, own, Function(function, shadows), weights, notes)


def _modules_of(function: Callable[..., Any]) -> dict[str, nn.Module]:
    """The modules that a function, a method or a partial names, by that name."""
    if isinstance(function, functools.partial):
        given = {f"argument {k}": value for k, value in enumerate(function.args)}
        return {**_modules(given | function.keywords), **_modules_of(function.func)}
    if isinstance(function, types.MethodType):
        owner = function.__self__
        return {"self": owner} if isinstance(owner, nn.Module) else _modules(_attributes(owner))
    if isinstance(function, types.FunctionType):
        return _modules(_named_in(function))
    return _modules(_attributes(function))


def _attributes(owner: Any) -> dict[str, Any]:
    return dict(getattr(owner, "__dict__", {}))


def _modules(values: Mapping[str, Any]) -> dict[str, nn.Module]:
    return {name: value for name, value in values.items() if isinstance(value, nn.Module)}


def _named_in(function: types.FunctionType) -> dict[str, Any]:
    """Globals and variables of the surroundings, as far as the function names them."""
    code = function.__code__
    outer = {
        name: function.__globals__[name] for name in code.co_names if name in function.__globals__
    }
    return outer | _cells(function)


def _cells(function: types.FunctionType) -> dict[str, Any]:
    cells = zip(function.__code__.co_freevars, function.__closure__ or (), strict=True)
    return {name: cell.cell_contents for name, cell in cells if _is_filled(cell)}


def _is_filled(cell: types.CellType) -> bool:
    try:
        return cell.cell_contents is not cell
    except ValueError:
        return False


class Function(nn.Module):
    """A user's function as a module; it sees shadows where it names modules."""

    def __init__(self, function: Callable[..., Any], shadows: Mapping[str, nn.Module]) -> None:
        """Args: function, of a tensor; shadows, by the name that the function has for them."""
        super().__init__()
        self.function, self.names = function, tuple(shadows)
        self.shadows = nn.ModuleList(shadows.values())
        self.eval()

    def forward(self, x: torch.Tensor) -> Any:
        """Whatever the function gives for Float[1 c h w]."""
        return _rebound(self.function, dict(zip(self.names, self.shadows, strict=True)))(x)

    def __deepcopy__(self, memo: dict[int, Any]) -> Function:
        """The function stays, its shadows are copied: Python would leave it with the old ones."""
        copied = {n: copy.deepcopy(s, memo) for n, s in zip(self.names, self.shadows, strict=True)}
        return Function(self.function, copied).train(self.training)


def _rebound(function: Any, shadows: Mapping[str, nn.Module]) -> Callable[..., Any]:
    """The same function over other modules."""
    if isinstance(function, functools.partial):
        given = tuple(shadows.get(f"argument {k}", each) for k, each in enumerate(function.args))
        named = {key: shadows.get(key, value) for key, value in function.keywords.items()}
        return functools.partial(_rebound(function.func, shadows), *given, **named)
    if isinstance(function, types.MethodType):
        owner = function.__self__
        new = shadows["self"] if isinstance(owner, nn.Module) else _with(owner, shadows)
        return types.MethodType(function.__func__, new)
    if isinstance(function, types.FunctionType):
        return _rebound_function(function, shadows)
    return _with(function, shadows)  # type: ignore[no-any-return]


def _with(owner: Any, shadows: Mapping[str, nn.Module]) -> Any:
    """A flat copy of an object whose modules are the shadows."""
    if not shadows:
        return owner
    copied = copy.copy(owner)
    copied.__dict__.update(shadows)
    return copied


def _rebound_function(
    function: types.FunctionType, shadows: Mapping[str, nn.Module]
) -> types.FunctionType:
    cells = tuple(
        types.CellType(shadows[name]) if name in shadows else cell
        for name, cell in zip(
            function.__code__.co_freevars, function.__closure__ or (), strict=True
        )
    )
    made = types.FunctionType(
        function.__code__,
        {**function.__globals__, **shadows},
        function.__name__,
        function.__defaults__,
        cells,
    )
    made.__kwdefaults__ = function.__kwdefaults__
    return made
