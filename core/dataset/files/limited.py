"""What holds for a file wherever it lies: how large it may be, and how its name may look."""

from __future__ import annotations

import re
from typing import BinaryIO

from core.dataset.finding import Noted
from core.errors import DataSetError
from core.image.raster import ImageLimits

MOST_BYTES = ImageLimits().num_bytes  # of a picture
MOST_FILES = 200_000  # of a set: 100 MB of memory for their names and places
LONGEST = 300  # characters of a name; patterns are tried on it
DRIVE = re.compile(r"^[A-Za-z]:")
ARCHIVES = (".zip", ".tar", ".tgz", ".gz", ".bz2", ".xz", ".7z", ".rar", ".zst")
VOLUMES = (".nii", ".nii.gz", ".dcm", ".nrrd", ".mha", ".mhd")
PICTURES = (
    *(".png", ".jpg", ".jpeg", ".jfif", ".bmp", ".tif", ".tiff", ".webp", ".gif", ".npy", ".npz"),
    *(".jp2", ".j2k", ".avif", ".heic", ".heif"),
)
MASKS_ONLY = (".pt",)  # a tensor that torch.save wrote


def read_limited(file: BinaryIO, name: str, most: int = MOST_BYTES) -> bytes:
    """A whole file, unless it is too large.

    Raises:
        DataSetError: it has more than `most` bytes, or the disk fails.
    """
    try:
        content = file.read(most + 1)
    except OSError as error:
        raise gone(name, error.strerror or "") from error
    if len(content) > most:
        raise too_large(name, most)
    return content


def too_large(name: str, most: int = MOST_BYTES) -> DataSetError:
    """The error for a file over the limit."""
    return DataSetError(
        f"{name} is larger than {most / 2**20:.0f} MiB, as a picture may be at most.",
        remedy="Save it smaller, or in a format that packs.",
    )


def gone(name: str, why: str = "") -> DataSetError:
    """The error for a file that is not where it was."""
    return DataSetError(
        f"{name} cannot be read{': ' + why if why else '; it is not there any more'}.",
        remedy="Open the data set again.",
    )


def damaged(name: str, why: str) -> DataSetError:
    """The error for a file that is there and broken."""
    return DataSetError(
        f"{name} is damaged: {why}.", remedy="Save or download it again, and pack the set anew."
    )


def is_safe(name: str) -> bool:
    """Whether a name is a text, and stays below the folder that it is in.

    >>> [is_safe(name) for name in ("a/b.png", "/etc/passwd", "a/../../b", "C:b.png", "a..b.png")]
    [True, False, False, False, True]
    """
    parts = name.replace("\\", "/").split("/")
    absolute = not parts[0] or DRIVE.match(name) is not None
    text = "\0" not in name and not any("\ud800" <= c <= "\udfff" for c in name)
    return not absolute and ".." not in parts and 0 < len(name) <= LONGEST and text


def is_of_a_system(name: str) -> bool:
    """Whether a file is what a system leaves behind: `__MACOSX/`, `.DS_Store`, `Thumbs.db`."""
    parts = name.split("/")
    return "__MACOSX" in parts or parts[-1] == "Thumbs.db" or any(p[:1] == "." for p in parts)


def has_ending(name: str, endings: tuple[str, ...]) -> bool:
    """Whether a name ends like this, in capitals or not."""
    return name.lower().endswith(endings)


def note_by_name(name: str, noted: Noted) -> bool:
    """Note what a name alone shows; True where the file is no file of the set for that."""
    if has_ending(name, VOLUMES):
        noted.add("volume", name)
    elif has_ending(name, ARCHIVES):
        noted.add("nested_archive", name)
    else:
        return False
    return True


def too_many(count: int) -> DataSetError:
    """The error for a set over the limit."""
    return DataSetError(
        f"There are {count} files and more; at most {MOST_FILES} are opened as one set.",
        remedy="Open a part of it.",
    )
