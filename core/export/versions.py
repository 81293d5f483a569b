"""Which versions made these numbers: other ones may round otherwise."""

from __future__ import annotations

import platform
from importlib.metadata import PackageNotFoundError, version

PACKAGES = (
    "torch",
    "torchvision",
    "segmentation-models-pytorch",
    "transformers",
    "numpy",
    "pillow",
)


def versions() -> dict[str, str]:
    """By name: Python, the machine, and the packages that are installed."""
    found = {"Python": platform.python_version(), "machine": platform.machine()}
    for name in PACKAGES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found
