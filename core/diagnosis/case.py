"""What is to be explained: picture, checkpoint and settings, and what the user has beside."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING

from core.diagnosis.thresholds import SAME_SHARE
from core.settings import Settings

if TYPE_CHECKING:  # torch loads with the first network, not with the page
    from core.architectures import Network
    from core.checkpoint import Checkpoint
    from core.errors import InspectionError
    from core.image import Image
    from core.scores import Truth


@dataclass(frozen=True, eq=False)
class Case:
    """Everything that a diagnosis may look at; only the picture has to be there."""

    image: Image
    checkpoint: Checkpoint | None = None  # None where it could not be read
    network: Network | None = None  # None where it could not be built
    settings: Settings = field(default_factory=Settings)
    truth: Truth | None = None  # None where there is none, or where it could not be read
    saved: bytes | None = None  # the file that the user's own script wrote
    error: InspectionError | None = None  # why something above is None
    picture_file: bytes | None = None  # of `image`: what lies under its transparency
    truth_file: bytes | None = None  # of `truth`: its format and mode, also where it is unreadable
    # Other weights of the same file, by their part; opened when they are asked about.
    others: Mapping[str, Callable[[], tuple[Checkpoint, Network]]] = field(default_factory=dict)


def others_in(
    checkpoint: Checkpoint, open_part: Callable[[str], tuple[Checkpoint, Network]]
) -> dict[str, Callable[[], tuple[Checkpoint, Network]]]:
    """The other weights of a file that may be of the same network, for `Case.others`.

    Args:
        checkpoint: what was opened.
        open_part: opens a part of the same file; raises InspectionError where it cannot be.
    """
    least = SAME_SHARE * len(checkpoint.tensors)
    parts = [str(c["path"]) for c in checkpoint.candidates[1:] if c["tensors"] >= least]
    return {part: partial(open_part, part) for part in parts}
