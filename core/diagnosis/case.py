"""What is to be explained: picture, checkpoint and settings, and what the user has beside."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

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
