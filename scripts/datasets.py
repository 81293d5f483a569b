"""Write the last part of docs/datasets.md: every finding on a data set, from core/dataset/kinds.py.

Call it as `python -m scripts.datasets`.
"""

from __future__ import annotations

from pathlib import Path

from core.dataset.kinds import KINDS, SetKind

OUT = Path(__file__).resolve().parent.parent / "docs" / "datasets.md"
HEADING = "## Every finding\n"
BEFORE = """
Written by `python -m scripts.datasets` from `core/dataset/kinds.py`, which the page shows too. Of a
note nothing is lost; a fault leaves files out, or makes scores wrong.

| finding | | what it is | what to do |
|---|---|---|---|
"""


def main() -> None:
    """Write the page."""
    OUT.write_text(page(OUT.read_text(encoding="utf-8")), encoding="utf-8")


def page(now: str) -> str:
    """The whole file, with its last part anew."""
    return now.partition(HEADING)[0] + HEADING + BEFORE + "".join(map(_row, KINDS.values()))


def _row(kind: SetKind) -> str:
    return f"| {kind.title} | {kind.weight} | {' '.join(kind.what.split())} | {kind.remedy} |\n"


if __name__ == "__main__":
    main()
