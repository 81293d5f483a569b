"""A comparison as text, for a terminal and a notebook."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from core.deployed.align import Alignment
    from core.deployed.compare import Comparison


def in_words(found: Comparison) -> str:
    """The verdict, the findings, and the layers around the first that differs."""
    said = [found.verdict]
    for finding in found.findings:
        lines = [f"[{finding.cause}] {finding.name} ({finding.certainty})"]
        lines += [f"  - {piece.words}" for piece in finding.evidence]
        lines += [f"  What to do: {finding.fix}", f"    {finding.code}"]
        said.append("\n".join(lines))
    if found.alignment is not None:
        said.append(_layers(found, found.alignment))
    return "\n\n".join(said)


def _layers(found: Comparison, alignment: Alignment) -> str:
    pairs, (left, right) = alignment.pairs, alignment.unmatched
    first = alignment.first_above(found.tolerance)
    shown = range(len(pairs))[max(0, (first or 0) - 2) : (first or 0) + 3]
    lines = [
        f"{'->' if k == first else '  '} {pairs[k].apart:8.2%}  {pairs[k].one.name}  |  "
        f"{pairs[k].other.name}"
        for k in shown
    ]
    told = (
        f"{len(pairs)} layers were matched by kind, size and order; {left} of {found.one} and "
        f"{right} of {found.other} have no partner. Differences in shares of the layer's spread:"
    )
    return "\n".join([told, *lines])
