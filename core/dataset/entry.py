"""A picture of a data set and its mask: where their bytes are, not the bytes themselves.

Every value here is small and can be pickled, so that a sweep may send it to another process.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import BinaryIO, Protocol, runtime_checkable

Color = tuple[int, int, int]  # red, green, blue, 0 to 255


class FileRef(Protocol):
    """Where one file is: below a folder, in a ZIP, behind a URL, in a table's cell."""

    @property
    def name(self) -> str:
        """Its path within the data set, with forward slashes."""

    def read(self) -> bytes:
        """Its bytes, as they are now.

        Raises:
            DataSetError: it is gone, damaged, or larger than a picture may be.
        """


@runtime_checkable
class OpenRef(FileRef, Protocol):
    """A file that can also be read from its middle, as a ZIP and a table have to be."""

    def __hash__(self) -> int: ...

    def open(self) -> BinaryIO:
        """The file, to read and to seek in.

        Raises:
            DataSetError: it is gone, or cannot be reached.
        """


@dataclass(frozen=True)
class Entry:
    """One picture, with its ground truth where there is one."""

    name: str  # unique in the set; what a person reads: "val/frankfurt_000001"
    picture: FileRef
    truth: FileRef | None = None


@dataclass(frozen=True)
class Truths:
    """What the values of the masks of a data set mean."""

    class_names: tuple[str, ...] = ()  # by id
    colors: tuple[Color, ...] = ()  # by id, where masks are written in colors
    ids: Mapping[int, int] = field(default_factory=dict)  # value of a file -> class; {}: the same
    ignore_index: int = 255
    in_color: bool = False  # ids are told by color also where a file has a palette of indices
    void_colors: tuple[Color, ...] = ()  # colors of no class: they become the ignore index
    nearest: bool = False  # a value that `ids` lacks is read as the nearest that it has


@dataclass(frozen=True)
class DataSet:
    """The pictures in a fixed order, as they were found."""

    name: str
    layout: str  # "Cityscapes", "VOC", "pictures and masks", ...
    entries: tuple[Entry, ...]
    truths: Truths = field(default_factory=Truths)
