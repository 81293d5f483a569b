"""See why a segmentation network paints a black picture, with the living model in your hands.

    import maskscope

    maskscope.inspect(model, "cup.png", preprocess=transform)

`inspect` says what is wrong, with its evidence; docs/notebook.md has a walk. Importing this package
imports neither torch nor the app: both come with the first call.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from maskscope.place import open_rooms

__version__: str  # of `core.version`

if TYPE_CHECKING:
    from maskscope.living.answer import Answer
    from maskscope.living.inspecting import inspect

__all__ = ["Answer", "__version__", "inspect"]

# Where each public name is.
_HOMES = {
    "inspect": ("maskscope.living.inspecting", "inspect"),
    "Answer": ("maskscope.living.answer", "Answer"),
    "__version__": ("core.version", "VERSION"),
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'maskscope' has no attribute {name!r}")
    open_rooms()
    module, symbol = _HOMES[name]
    return getattr(import_module(module), symbol)


def __dir__() -> list[str]:
    return sorted(__all__)
