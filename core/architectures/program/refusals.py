"""What is said of an exported program that cannot be run."""

from __future__ import annotations

from collections.abc import Mapping

from core.errors import ArchitectureError


class MalformedError(ValueError):
    """What torch would not have written; its text ends a sentence."""


def refusal(what: str, remedy: str) -> ArchitectureError:
    """The error to raise for a program that is whole and cannot be run."""
    return ArchitectureError(f"The exported program {what}.", remedy=remedy)


def refuse_operators(refused: Mapping[str, None]) -> None:
    """Refuse a program that uses operators which are not allowed."""
    if refused:
        names = ", ".join(name.removeprefix("torch.ops.")[:80] for name in [*refused][:5])
        raise refusal(
            f"uses operators that are not run here: {names}{', ...' * (len(refused) > 5)}",
            "Export only the part from the picture to the logits, in eval mode, or upload the "
            "network's state_dict.",
        )
