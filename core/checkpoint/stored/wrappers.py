"""Names of wrappers inside the names of tensors: a part that was compiled, sharded, recomputed.

down1._orig_mod.conv.weight                    torch.compile of a part
down1._checkpoint_wrapped_module.conv.weight   activation checkpointing of torch.distributed
down1._fsdp_wrapped_module.conv.weight         FSDP
"""

from __future__ import annotations

import re
from collections.abc import Mapping

import torch

WRAPPER = re.compile(r"(?:^|(?<=\.))(_orig_mod|_checkpoint_wrapped_module|_fsdp_wrapped_module)\.")


def without_wrappers(
    tensors: Mapping[str, torch.Tensor],
) -> tuple[dict[str, torch.Tensor], tuple[str, ...]]:
    """The same tensors under the names that the network gave them, and which names are new.

    Where two would have the same name, all stay as they are.
    """
    plain = {WRAPPER.sub("", key): tensor for key, tensor in tensors.items()}
    if len(plain) < len(tensors):
        return dict(tensors), ()
    return plain, tuple(key for key in plain if key not in tensors)


def notes_on_wrappers(renamed: tuple[str, ...]) -> tuple[str, ...]:
    """That names were changed, in a sentence."""
    if not renamed:
        return ()
    return (
        f"{len(renamed)} names are read without the wrappers inside them (torch.compile, FSDP, "
        f"activation checkpointing): {renamed[0]}",
    )
