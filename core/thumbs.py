"""Small pictures of a data set, asked for one by one beside the page, as a grid comes into view.

A tab has one `SetView`; the server finds it by its token, which nobody else can guess, as it does
for the slider's answers (`core/live.py`).
"""

from __future__ import annotations

import io
import re
import struct
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from core.errors import DataSetError, MissingFileError
from core.recent import Recent
from core.tab_doors import TabDoors, new_token

if TYPE_CHECKING:
    from core.dataset.entry import Entry

LONGER_SIDE = 160  # pixels of a small picture, and of a small mask
QUALITY = 82  # of the JPEG; masks are never written so
KEPT_BYTES = 64 * 2**20  # of small pictures, all tabs together
DIGEST = re.compile(r"[0-9a-f]{64}")

_kept: Recent[bytes] = Recent(KEPT_BYTES, len)


@dataclass(eq=False)
class SetView:
    """What one tab sees of a set: its pictures by place, its masks by digest."""

    token: str = field(default_factory=new_token)
    key: str = ""  # of the set, for what is kept
    entries: tuple[Entry, ...] = ()
    masks: Callable[[str], np.ndarray] | None = None  # digest to label map, Int32[h w]

    def __post_init__(self) -> None:
        """Known by its token from now on."""
        DOORS.know(self)

    def picture(self, index: int) -> bytes:
        """A picture, at most `LONGER_SIDE` on a side, as JPEG.

        Raises:
            InspectionError: there is none at this place, or it cannot be decoded.
        """
        if not 0 <= index < len(self.entries):
            raise MissingFileError("The set has no such picture.", remedy="Open the set again.")
        entry = self.entries[index]
        return _kept.get_or_make(f"{self.key} {index}", lambda: _small_picture(entry))

    def labels(self, digest: str) -> bytes:
        """A label map, at most `LONGER_SIDE` on a side: height, width, ids, all UInt16 little end.

        Nearest neighbor: every id is one that the mask has. -1 (no class) is 65535.

        Raises:
            InspectionError: it was not kept.
        """
        masks = self.masks
        if masks is None or not DIGEST.fullmatch(digest):
            raise MissingFileError("This mask was not kept.", remedy="Run the sweep again.")
        return _kept.get_or_make(digest, lambda: _small_labels(masks(digest)))


DOORS: TabDoors[SetView] = TabDoors()


def _small_picture(entry: Entry) -> bytes:
    from PIL import Image as PillowImage

    from core.image import decode_image, read_guarded

    try:
        pixels = decode_image(entry.picture.read(), read=read_guarded).pixels
    except OSError as error:
        raise DataSetError(f"{entry.name} is gone.", remedy="Open the set again.") from error
    picture = PillowImage.fromarray(pixels)
    picture.thumbnail((LONGER_SIDE, LONGER_SIDE))
    file = io.BytesIO()
    picture.save(file, "JPEG", quality=QUALITY)
    return file.getvalue()


def _small_labels(ids: np.ndarray) -> bytes:
    small = smaller(ids, LONGER_SIDE)
    return struct.pack("<HH", *small.shape) + small.astype("<u2").tobytes()


def smaller(ids: np.ndarray, side: int) -> np.ndarray:
    """Int32[h w] with the longer side at most `side`: the id in the middle of each cell.

    >>> smaller(np.arange(8).reshape(2, 4), 2).tolist()
    [[5, 7]]
    """
    step = max(1.0, max(ids.shape) / side)
    rows, columns = (
        ((np.arange(max(1, round(length / step))) + 0.5) * step).astype(int).clip(max=length - 1)
        for length in ids.shape
    )
    return ids[np.ix_(rows, columns)]
