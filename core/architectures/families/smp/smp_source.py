"""Lines of Python by which a script makes a network of segmentation-models-pytorch."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from typing import Any

from core.architectures.families.source_lines import ANY_HEAD, call
from core.architectures.network import Source


def smp_source(
    decoder: str,
    encoder: str,
    options: Mapping[str, Any],
    renamed: tuple[tuple[str, str], ...] = (),
) -> Source:
    """The call of the library's class; arguments that are its defaults are left out."""
    import segmentation_models_pytorch as smp

    known = inspect.signature(getattr(smp, decoder).__init__).parameters
    given = [
        f"{name}={value!r}"
        for name, value in options.items()
        if name not in known or known[name].default != value
    ]
    arguments = [f'"{encoder}"', "encoder_weights=None", *given]
    return Source(
        ("import segmentation_models_pytorch as smp",),
        call(f"smp.{decoder}", arguments),
        ANY_HEAD,
        "segmentation-models-pytorch",
        renamed,
    )
