"""A file that somebody names, as bytes."""

from pathlib import Path

from core.errors import InspectionError


def content_of(path: Path) -> bytes:
    """Read it.

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
