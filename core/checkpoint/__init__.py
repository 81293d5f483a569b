"""The one door for checkpoints: a file becomes named tensors and facts.

    path -> container      sniff
         -> content        torch_file (policy on pickled_names) | safetensors_file
         -> tensors        unwrap
         -> notes          health

Nothing outside this package knows how a file is read.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from core.checkpoint.health import check_bytes, notes_on
from core.checkpoint.safetensors_file import load_safetensors
from core.checkpoint.sniff import container_of
from core.checkpoint.torch_file import load_torch
from core.checkpoint.unwrap import unwrap

if TYPE_CHECKING:
    import torch

__all__ = ["Checkpoint", "read_checkpoint"]


@dataclass(frozen=True, eq=False)
class Checkpoint:
    """The weights in a file, by name, and what else the file says."""

    name: str  # the file's name as the user knows it
    digest: str  # SHA-256 of the file's bytes, hexadecimal
    container: str  # "zip pickle" | "legacy pickle" | "safetensors"
    num_bytes: int
    tensors: Mapping[str, torch.Tensor]  # keys without their prefix, in the file's order
    wrapper: tuple[str, ...]  # where the weights were: ("model",), () for raw
    prefix: str  # what was stripped from every key: "module.", "module.model.", ...
    others: Mapping[str, str]  # the file's other entries -> what they are in words
    notes: tuple[str, ...]  # facts for the page


def read_checkpoint(
    path: Path, *, name: str, digest: str, progress: Callable[[str], None] = lambda stage: None
) -> Checkpoint:
    """Read the weights in a file, whatever its extension says.

    Args:
        path: the file.
        name: what the user calls it.
        digest: SHA-256 of its bytes, hexadecimal.
        progress: told each stage in words.

    Raises:
        CheckpointError: the file holds no weights that can be read.
        RefusedError: the file asks for code to be run, or is over a limit.
    """
    container = container_of(path)
    progress(f"Opening it as {container}")
    content = load_safetensors(path) if container == "safetensors" else load_torch(path, container)
    progress("Looking for the weights")
    found = unwrap(content)
    check_bytes(found.tensors)
    progress("Checking the weights")
    return Checkpoint(
        name=name,
        digest=digest,
        container=container,
        num_bytes=path.stat().st_size,
        tensors=found.tensors,
        wrapper=found.wrapper,
        prefix=found.prefix,
        others=found.others,
        notes=notes_on(found.tensors),
    )
