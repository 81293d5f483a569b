"""What the container has of this repository, without a container."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from pathlib import Path

from tests.support.serving import ROOT

CONTAINER = (ROOT / "deploy" / "Containerfile").read_text()


def copied() -> Iterator[tuple[str, str]]:
    """Everything that the container file copies out of the repository, and where to."""
    for line in re.findall(r"^COPY (.+)$", CONTAINER, re.M):
        *sources, target = line.split()
        yield from ((source, target) for source in sources)


def lay_out(folder: Path) -> Path:
    """Make the container's /app in a folder; returns it."""
    for source, target in copied():
        if (ROOT / source).is_dir():
            skip = shutil.ignore_patterns("__pycache__")
            shutil.copytree(ROOT / source, folder / target, ignore=skip)
        else:
            (folder / target).mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / source, folder / target)
    return folder
