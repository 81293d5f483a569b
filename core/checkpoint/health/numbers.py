"""Numbers that a person should know of before running them: not finite, or of another kind."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping

import torch

SHOWN = 3  # names in a note


def notes_on(tensors: Mapping[str, torch.Tensor]) -> tuple[str, ...]:
    """Sentences about problems of the weights; () where there are none."""
    return tuple(note for note in (_not_finite_note(tensors), _precision(tensors)) if note)


def _not_finite_note(tensors: Mapping[str, torch.Tensor]) -> str:
    bad = [key for key, tensor in tensors.items() if not is_finite(tensor)]
    if not bad:
        return ""
    more = ", ..." if len(bad) > SHOWN else ""
    count = f"{len(bad)} tensors are" if len(bad) > 1 else "1 tensor is"
    return f"{count} not finite (NaN or infinite): {', '.join(bad[:SHOWN])}{more}"


def is_finite(tensor: torch.Tensor) -> bool:
    """Whether every number is one; whole numbers always are."""
    if not tensor.is_floating_point():
        return True
    if tensor.element_size() == 1:  # the 8-bit floats have few operations of their own
        tensor = tensor.float()
    # NaN and infinity survive a sum, which is ten times faster; a sum may also overflow.
    return bool(torch.isfinite(tensor.sum())) or bool(torch.isfinite(tensor).all())


def _precision(tensors: Mapping[str, torch.Tensor]) -> str:
    kinds = Counter(t.dtype for t in tensors.values() if t.is_floating_point())
    del kinds[torch.float32]
    if not kinds:
        return ""
    parts = (f"{n} of {str(kind).removeprefix('torch.')}" for kind, n in kinds.items())
    return f"Tensors that are computed in float32 here: {', '.join(parts)}"
