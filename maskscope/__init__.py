"""See why a segmentation network paints a black picture, with the living model in your hands.

    import maskscope

    maskscope.inspect(model, "cup.png", preprocess=transform)

`inspect` says what is wrong, with its evidence; `watch` says each epoch what becomes of the mask,
`show` opens the dashboard on it, `compare` says where an exported one differs. docs/notebook.md has
a walk. Importing this package imports neither torch nor the app: both come with the first call.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from maskscope.place import open_rooms

__version__: str  # of `core.version`

if TYPE_CHECKING:
    from core.deployed.comparison import Comparison
    from maskscope.living.answer import Answer
    from maskscope.living.comparing import compare
    from maskscope.living.inspecting import inspect
    from maskscope.showing.show import Shown, show
    from maskscope.watching.lightning import watch_callback
    from maskscope.watching.watch import Watch, watch

__all__ = [
    "Answer", "Comparison", "Shown", "Watch", "__version__", "compare", "inspect", "show", "watch",
    "watch_callback",
]  # fmt: skip

# Where each public name is.
_HOMES = {
    "show": ("maskscope.showing.show", "show"),
    "Shown": ("maskscope.showing.show", "Shown"),
    "watch": ("maskscope.watching.watch", "watch"),
    "Watch": ("maskscope.watching.watch", "Watch"),
    "watch_callback": ("maskscope.watching.lightning", "watch_callback"),
    "compare": ("maskscope.living.comparing", "compare"),
    "Comparison": ("core.deployed.comparison", "Comparison"),
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
