"""Pages whose parts are written one by one: docs/benchmark.md by several benchmarks."""

from __future__ import annotations

import re
from pathlib import Path

DOCUMENT = Path(__file__).resolve().parent.parent / "docs" / "benchmark.md"
PARTS = ("zoo", "foreign", "rebuild", "mask_files", "deployed", "many")  # in the order of the page
MARK = "<!-- part: {} -->\n"


def write_part(name: str, text: str, path: Path = DOCUMENT, order: tuple[str, ...] = PARTS) -> None:
    """Put one part in its place; the other parts stay.

    Args:
        name: one of `order`.
        text: Markdown.
        path: the page.
        order: its parts.
    """
    parts = _parts(path.read_text()) if path.exists() else {}
    parts[name] = text.strip() + "\n"
    path.write_text("\n".join(MARK.format(n) + parts[n] for n in order if n in parts))


def _parts(text: str) -> dict[str, str]:
    """What stands before any mark is of the zoo."""
    first, *pieces = re.split(MARK.format("([a-z0-9_]+)"), text)
    marked = dict(zip(pieces[::2], (piece.strip() + "\n" for piece in pieces[1::2]), strict=True))
    return {"zoo": first.strip() + "\n", **marked} if first.strip() else marked
