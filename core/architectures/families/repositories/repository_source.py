"""Lines of Python by which a script calls a public repository's own function."""

from __future__ import annotations

from core.architectures.families.source_lines import ANY_HEAD, call
from core.architectures.network import Source


def repository_source(repository: str, module: str, name: str, *arguments: str) -> Source:
    """The call of a famous repository's own function, for those who have it beside the script.

    Args:
        repository: "github.com/owner/name".
        module: of the repository.
        name: of the function or class in it.
        arguments: as they are written.
    """
    return Source(
        (f"from {module} import {name}",),
        call(name, list(arguments)),
        ANY_HEAD,
        repository=repository,
    )
