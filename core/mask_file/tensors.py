"""A mask that `torch.save` wrote: its one tensor, read as an array without torch."""

from __future__ import annotations

import json
from dataclasses import replace

from core.errors import MaskError
from core.forked import Forks, NotBegunError
from core.image.npz import LOCAL_HEADER
from core.image.raster import Raster
from core.image.read import LIMITS, Reader, check_bytes, damaged
from core.mask_file.tensor_child import ARRAY

FORKS = Forks("core.mask_file.tensor_child")
SECONDS = 20.0


def is_tensor_file(content: bytes) -> bool:
    """Whether it is a ZIP as torch writes it: its first file is a pickle."""
    length = int.from_bytes(content[26:28], "little")
    name = content[LOCAL_HEADER : LOCAL_HEADER + length]
    return content.startswith(b"PK\x03\x04") and name.endswith(b"/data.pkl")


def read_tensor(content: bytes, read: Reader) -> Raster:
    """Read the file in a process of its own, whoever it is from.

    Args:
        content: the file.
        read: what reads the array that comes out of it.

    Raises:
        InspectionError: it is a checkpoint, asks for something to be run, or is damaged.
    """
    check_bytes(content, LIMITS)
    try:
        with FORKS.ask(content, SECONDS) as answer:
            kind, body = answer.read(1), answer.read(LIMITS.unpacked + 2**20)
    except NotBegunError as error:
        raise MaskError(
            "The process that reads tensors could not be started: this machine is full.",
            remedy="Try again in a minute.",
        ) from error
    if kind == ARRAY:
        raster = read(body)
        notes = tuple(note.replace("array", "tensor", 1) for note in raster.notes)
        return replace(raster, format="PT", notes=notes)
    if not kind:
        raise damaged()
    message, remedy = json.loads(body)
    raise MaskError(message, remedy=remedy)
