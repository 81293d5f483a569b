"""Where the app lies: beside this package in the repository, below it where it was installed.

The app's own packages are `core`, `pages`, `serving` and `examples`, names that a user's project
may have too. In the user's process they come last on the path, so that none of theirs is hidden.
"""

from __future__ import annotations

import sys
from importlib.machinery import PathFinder
from pathlib import Path

HERE = Path(__file__).resolve().parent
APP = HERE / "_app" if (HERE / "_app").is_dir() else HERE.parent
CORE = "core"


class NameTakenError(ImportError):
    """Another package of this process has the name of ours."""


def open_rooms(*, first: bool = False) -> None:
    """Make `core` importable.

    Args:
        first: before everything else on the path, for a process of our own.

    Raises:
        NameTakenError: another `core` is imported already, or would be found before ours.
    """
    place = str(APP)
    if place not in sys.path:
        sys.path.insert(0 if first else len(sys.path), place)
    found = _place_of_core()
    if found is not None and found != APP / CORE:
        raise NameTakenError(
            f"Maskscope has a package named {CORE!r}, and so has your project: {found}. "
            "One process can have only one of them. Start Python in another folder, or give yours "
            "another name; the command `maskscope` works beside it."
        )


def _place_of_core() -> Path | None:
    """The folder of the `core` that this process has, or would import."""
    if (loaded := sys.modules.get(CORE)) is not None:
        file = getattr(loaded, "__file__", None)
        return Path(file).resolve().parent if file else Path(CORE)
    spec = PathFinder.find_spec(CORE)
    if spec is None or spec.origin is None:  # a folder without __init__.py: ours is found before it
        return None
    origin = Path(spec.origin).resolve()
    return origin.parent if origin.name == "__init__.py" else origin
