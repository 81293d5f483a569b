"""docs/reliability.md: two parts, each written by a script of its own."""

from __future__ import annotations

from pathlib import Path

OUT = Path(__file__).resolve().parent.parent / "docs" / "reliability.md"
SECOND = "## Hostile files"  # where the part of scripts/hostile.py begins


def write_first(text: str, path: Path = OUT) -> None:
    """Replace the faults; what follows stays."""
    _, second = _parts(path)
    path.write_text(f"{text.strip()}\n\n{second}".strip() + "\n")


def write_second(text: str, path: Path = OUT) -> None:
    """Replace the hostile files."""
    first, _ = _parts(path)
    path.write_text(f"{first}\n\n{text.strip()}".strip() + "\n")


def _parts(path: Path) -> tuple[str, str]:
    first, mark, second = path.read_text().partition(SECOND)
    return first.strip(), (mark + second).strip()
