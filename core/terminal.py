"""What every command does: read and write the files that it is given, print a stranger's texts."""

from __future__ import annotations

from pathlib import Path

from core.errors import InspectionError


def for_terminal(text: str) -> str:
    """Without the control characters of a stranger's names, which a terminal would obey."""
    return "".join(
        c if c.isprintable() or c in "\n\t" else "\N{REPLACEMENT CHARACTER}" for c in text
    )


def read_bytes(path: Path) -> bytes:
    """The content of a file.

    Raises:
        InspectionError: it is a folder, or cannot be read.
    """
    if path.is_dir():
        raise InspectionError(
            f"{path} is a folder.", remedy="Name a file; of a checkpoint in a folder make a ZIP."
        )
    try:
        return path.read_bytes()
    except OSError as error:
        raise InspectionError(
            f"{path} cannot be read: {error.strerror}.", remedy="Check its name."
        ) from error


def write_bytes(path: Path, content: bytes) -> None:
    """Write a file.

    Raises:
        InspectionError: it cannot be written there.
    """
    try:
        path.write_bytes(content)
    except OSError as error:
        raise InspectionError(
            f"{path} cannot be written: {error.strerror}.", remedy="Choose another place."
        ) from error
