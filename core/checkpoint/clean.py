"""The weights alone, under the names of the network: as safetensors or as torch.save does."""

from __future__ import annotations

import os
import uuid
from pathlib import Path
from typing import Literal

import torch

from core.checkpoint import Checkpoint

Kind = Literal["safetensors", "pth"]


def write_clean(checkpoint: Checkpoint, kind: Kind, folder: Path) -> Path:
    """Write every tensor bit for bit, without prefix and without anything beside; once a file.

    Args:
        checkpoint: its tensors are mapped, so that none is held in memory.
        kind: of the file.
        folder: where it goes.

    Returns:
        The file, named by the digest of what it was made from.
    """
    folder.mkdir(parents=True, exist_ok=True)
    target = folder / f"{checkpoint.place}.{kind}"
    if target.exists():
        os.utime(target)
        return target
    part = folder / f"{uuid.uuid4().hex}.part"
    tensors = dict(checkpoint.tensors)
    try:
        if kind == "safetensors":
            from safetensors.torch import save_file

            save_file(tensors, part, metadata={"format": "pt"})
        else:
            torch.save(tensors, part)
        part.replace(target)
    finally:
        part.unlink(missing_ok=True)
    return target
