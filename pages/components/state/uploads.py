"""Files that are brought here: kept in the store, and opened."""

from __future__ import annotations

import io
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import PurePath
from typing import Any, BinaryIO

from core.colors import encode_png
from core.image import read_guarded, stack
from core.settings import Settings
from pages.components.state import files, session
from pages.components.state.sources import Sources


def upload(kind: str, file: BinaryIO, name: str) -> None:
    """Keep an uploaded file and open it; what belonged to another picture goes."""
    digest = files.store().put(file, name)
    gone = {"truth": "", "saved": ""} if kind == "picture" else {}
    session.open_source(**{kind: digest}, **gone)


def open_smaller(picture: str, size: tuple[int, int]) -> None:
    """Open a smaller copy of a picture that is too large; the copy is a file of its own.

    Args:
        picture: its source.
        size: width, height of the copy.

    Raises:
        InspectionError: none can be made.
    """
    copy = read_guarded(files.picture_path(picture).read_bytes(), size)
    name = copy_name(files.picture_name(picture), size)
    upload("picture", io.BytesIO(encode_png(copy.values)), name)


def copy_name(name: str, size: tuple[int, int]) -> str:
    """What a smaller copy of a picture of this name is called."""
    return f"{PurePath(name).stem} {size[0]} x {size[1]}.png"


def upload_together(kind: str, chosen: Sequence[Any]) -> None:
    """Keep files that were uploaded at once as one: those of a checkpoint, the bands of a picture.

    Raises:
        ImageError: they are no bands of one picture; what was open stays open.
    """
    if len(chosen) == 1:
        upload(kind, chosen[0], chosen[0].name)
        return
    if kind == "picture":
        _upload_bands(chosen)
        return
    from core.checkpoint.containers.bundle import pack

    names = sorted(file.name for file in chosen)
    with tempfile.TemporaryFile() as together:
        pack([(file.name, file) for file in chosen], together)
        together.seek(0)
        upload(kind, together, f"{names[0]} and {len(names) - 1} more")


def _upload_bands(chosen: Sequence[Any]) -> None:
    """The files of one picture, in the order of their names: `_0000`, `_0001`."""
    ordered = sorted(chosen, key=lambda file: file.name)
    content = stack.pack([(file.name, file.getvalue()) for file in ordered])
    read_guarded(content)
    upload("picture", io.BytesIO(content), f"{ordered[0].name} and {len(ordered) - 1} more")


def open_files(contents: Mapping[str, tuple[str, bytes]], chosen: Settings) -> None:
    """Show these files under these settings on the dashboard, and nothing of what was open.

    Args:
        contents: name and bytes by field of `Sources`; what is not named is not there.
        chosen: the settings.
    """
    store = files.store()
    kept = {kind: store.put(io.BytesIO(data), name) for kind, (name, data) in contents.items()}
    session.open_case(Sources(**{"truth": "", **kept}), chosen)
