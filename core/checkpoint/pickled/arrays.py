"""Weights that are arrays of NumPy in a pickle, where those of torch are tensors."""

from __future__ import annotations

from typing import Any

from core.checkpoint.pickled.records import Call, pairs_of
from core.errors import CheckpointError

# How NumPy pickles an array, before and since protocol 5 (numpy/_core/numeric.py).
ARRAYS = ("multiarray._reconstruct", "numeric._frombuffer")


def only_arrays(content: Any) -> CheckpointError | None:
    """The error for a dict of arrays, at the top or one level below; None for other content."""
    outer = pairs_of(content) or []
    inner = [(place, pairs_of(value) or []) for place, value in outer]
    for place, pairs in [("", outer), *inner]:
        names = [str(key)[:80] for key, value in pairs if _is_array(value)]
        if names:
            return _error(place if isinstance(place, str) else "", names)
    return None


def _is_array(value: Any) -> bool:
    return isinstance(value, Call) and value.name.endswith(ARRAYS)


def _error(place: str, names: list[str]) -> CheckpointError:
    where = f"content[{place[:40]!r}]" if place else "content"
    arrays = "1 array of NumPy" if len(names) == 1 else f"{len(names)} arrays of NumPy"
    return CheckpointError(
        f"The file holds {arrays} ({names[0]}{', ...' * (len(names) > 1)}), where tensors of torch "
        "are expected.",
        remedy="Where it was made, load it as content, and save tensors: torch.save({name: "
        f"torch.as_tensor(array) for name, array in {where}.items()}}, 'weights.pth')",
    )
