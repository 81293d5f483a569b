"""Problems that stop the flow and that the user can act on.

    InspectionError
    ├── ImageError            the picture cannot be decoded, or is over a limit
    ├── MaskError             the ground-truth mask or the palette cannot be used
    ├── CheckpointError       the file cannot be opened as weights
    │   └── RefusedError      the file asks for code to be run, or is over a limit
    ├── ArchitectureError     the weights fit no network that we can build
    │   └── DownloadError     torchvision's own weights cannot be fetched
    ├── SettingsError         a setting that cannot be computed with (std = 0)
    ├── ForwardError          the network cannot be run on this input
    │   ├── ChannelMismatchError
    │   └── ForwardTooLongError   it took longer than one may (core/operators.py)
    ├── BusyError             too many others are served before
    └── StoreError            what is kept between sessions cannot be kept or found
        ├── MissingFileError  a link names a file that this server does not have (any more)
        ├── MissingRunError   a link names a run that was deleted, has expired, or never was
        └── StoreFullError    more than the host allows would have to be kept

A *finding* (`core/diagnosis`) is odd but survivable; an error is not. Foreign code is wrapped at
three borders only: decode, load, forward.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


class InspectionError(Exception):
    """A problem the user can solve; pages show `message`, then `remedy`."""

    def __init__(
        self,
        message: str,
        *,
        remedy: str,
        changes: Mapping[str, Any] | None = None,
        code: str = "",
        smaller: tuple[int, int] | None = None,
    ) -> None:
        """Tell a person.

        Args:
            message: what happened, in the user's words.
            remedy: what to do next.
            changes: the remedy as changes of settings by name, where it is one.
            code: the remedy as lines to copy, where it is some.
            smaller: width and height of a copy of the picture, where that is the remedy.
        """
        super().__init__(message)
        self.message, self.remedy, self.changes = message, remedy, dict(changes or {})
        self.code, self.smaller = code, smaller

    def __reduce__(self) -> tuple[Any, ...]:
        """Travels between our own processes with all that it says."""
        return _as_it_was, (type(self), self.args, self.__dict__)


def _as_it_was(
    kind: type[InspectionError], args: tuple[Any, ...], said: Mapping[str, Any]
) -> InspectionError:
    error = kind.__new__(kind, *args)
    error.__dict__.update(said)
    return error


class ImageError(InspectionError):
    """The picture cannot be decoded, or is over a limit."""


class MaskError(InspectionError):
    """The ground-truth mask or the palette cannot be used."""


class CheckpointError(InspectionError):
    """The file cannot be opened as weights."""


class RefusedError(CheckpointError):
    """The file asks for code to be run, or is over a limit."""


class ArchitectureError(InspectionError):
    """The weights fit no network that we can build."""


class DownloadError(ArchitectureError):
    """Torchvision's own weights cannot be fetched."""


class SettingsError(InspectionError):
    """A setting that cannot be computed with."""


class ForwardError(InspectionError):
    """The network cannot be run on this input."""


class BusyError(InspectionError):
    """Too many others are served before; asking again later helps."""


COLORS = {1: "gray", 3: "rgb"}  # by the number of channels


class ChannelMismatchError(ForwardError):
    """The first convolution expects another number of channels."""

    def __init__(self, *, expected: int, got: int) -> None:
        """Args: expected, channels of the first convolution; got, channels of the tensor."""
        super().__init__(
            f"The number of input channels differs. {channels_in_words(expected, got)}",
            remedy="Choose the color mode this checkpoint was trained with."
            if expected in COLORS
            else "One or three channels are fed here, also of a picture with more bands: run this "
            "network in its own code.",
            changes={"color": COLORS[expected]} if expected in COLORS else None,
        )


def channels_in_words(expected: int, got: int) -> str:
    """The sentence that the error and the finding have in common."""
    wanted = "1 input channel" if expected == 1 else f"{expected} input channels"
    return f"The network expects {wanted}, the tensor has {got}."


class DataSetError(InspectionError):
    """A data set, or a file of it, cannot be read."""


class StoreError(InspectionError):
    """What is kept between sessions cannot be kept or found."""


class MissingFileError(StoreError):
    """A link names a file that this server does not have (any more)."""


class MissingRunError(StoreError):
    """A link names a run that was deleted, has expired, or never was."""


class StoreFullError(StoreError):
    """More than the host allows would have to be kept."""
