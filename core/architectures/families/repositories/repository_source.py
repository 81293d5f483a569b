"""Lines of Python by which a script calls a public repository's own function."""

from __future__ import annotations

from core.architectures.families.source_lines import call
from core.architectures.network import Source


def repository_source(
    repository: str,
    module: str,
    name: str,
    *arguments: str,
    beside: tuple[str, ...] = (),
    head: str = "network(x)",
) -> Source:
    """The call of a famous repository's own function, for those who have it beside the script.

    Args:
        repository: "github.com/owner/name".
        module: of the repository.
        name: of the function or class in it.
        arguments: as they are written.
        beside: other names of that module, which the arguments use.
        head: the logits, as an expression of `network` and `x`.
    """
    return Source(
        (f"from {module} import {', '.join((*beside, name))}",),
        call(name, list(arguments)),
        {"out": head},
        repository=repository,
    )
