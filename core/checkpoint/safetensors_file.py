"""The safetensors container: a JSON header and raw numbers."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from core.errors import CheckpointError


def load_safetensors(path: Path) -> dict[str, Any]:
    """Read all tensors; the whole file is read first, because a map could change under us.

    Raises:
        CheckpointError: truncated or damaged.
    """
    from safetensors.torch import load

    try:
        return dict(load(path.read_bytes()))
    except Exception as exc:  # border to foreign code
        raise CheckpointError(
            f"The safetensors file is truncated or damaged ({str(exc)[:160]}).",
            remedy="Copy or download it again, and compare its size with the original.",
        ) from exc
