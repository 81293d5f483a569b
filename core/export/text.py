"""A diagnosis as text, for a terminal."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from core.architectures.network import Network
    from core.checkpoint import Checkpoint
    from core.diagnosis import Diagnosis, Finding, Rebuilt


def in_words(
    answered: Diagnosis, checkpoint: Checkpoint | None, network: Network | None = None
) -> str:
    """The verdict, every finding with its evidence and its fix, and what the file is.

    Args:
        answered: the diagnosis; it may still be unfinished.
        checkpoint: None where it could not be read.
        network: what was made of it, to be told too; None: not told.
    """
    left = answered.unexplained
    rest = [] if left is None else ["\n".join(filter(None, (left.tried, left.decides)))]
    failed = [failed.words for failed in answered.failed]
    about = [] if network is None else [" ".join(network.in_words())]
    about += [] if checkpoint is None else checkpoint.contents_in_words()
    rebuilt = [_script(answered.rebuilt)] if answered.rebuilt else []
    said = [*rest, *map(_paragraph, answered.findings), *rebuilt, *failed, *about]
    return "\n\n".join([answered.verdict, *said])


def _script(rebuilt: Rebuilt) -> str:
    """The user's script beside the right one; an arrow at the first line that differs."""
    if not rebuilt.share:  # nothing is concluded from this file
        return f"[script] {rebuilt.words}"
    first = next((k for k, line in enumerate(rebuilt.diff) if line[0] != " "), None)
    lines = [f"{'->' if k == first else '  '} {line}" for k, line in enumerate(rebuilt.diff)]
    return "\n".join([f"[script] {rebuilt.words}", '  "-" is yours, "+" is right:', *lines])


def _paragraph(finding: Finding) -> str:
    lines = [f"[{finding.cause}] {finding.name} ({_sure(finding)})"]
    lines += [f"  - {piece.words}" for piece in finding.evidence]
    lines.append(f"  What to do: {finding.fix}")
    lines += [f"    {line}" for line in finding.code.splitlines()]
    if finding.part:
        lines.append(f"  Here: --part {finding.part}")
    if finding.changes:
        changes = ", ".join(f"{name}={value}" for name, value in finding.changes.items())
        lines.append(f"  In the app: {changes}")
    return "\n".join(lines)


def _sure(finding: Finding) -> str:
    return "a note" if finding.kind == "note" else finding.certainty
