"""A piece of a script: what it imports, its constants, its functions."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

WIDTH = 100  # characters of a line


@dataclass(frozen=True)
class Piece:
    """One stage of the script."""

    code: str  # functions
    constants: tuple[str, ...] = ()
    imports: tuple[str, ...] = ()


def indented(lines: Iterable[str], by: int = 4) -> str:
    """Lines as the body of a function."""
    return "\n".join(" " * by + line if line else "" for line in lines)


def wrapped(name: str, words: Iterable[str]) -> str:
    """A constant of many words: one string, broken where a line would be too long."""
    lines, line = [], ""
    for word in words:
        if len(line) + len(word) + 8 > WIDTH:
            lines.append(line)
            line = ""
        line += f"{word} "
    lines.append(line.rstrip())
    if len(lines) == 1 and len(name) + len(line) + 5 <= WIDTH:
        return f'{name} = "{lines[0]}"'
    return "\n".join([f"{name} = (", *(f'    "{line}"' for line in lines), ")"])


def plain(text: str) -> str:
    """The text as it may stand in a docstring."""
    return text.replace("\\", "/").replace('"', "'").replace("\n", " ")


def quoted(text: str) -> str:
    """A literal of this text, in double quotes where that needs no escape."""
    literal = repr(text)
    return f'"{literal[1:-1]}"' if literal[0] == "'" and '"' not in literal else literal


def listed(name: str, texts: Iterable[str]) -> str:
    """A constant that is a list of texts; one a line where they do not fit into one."""
    literals = [quoted(text) for text in texts]
    short = f"{name} = [{', '.join(literals)}]"
    if len(short) <= WIDTH:
        return short
    return "\n".join([f"{name} = [", *(f"    {literal}," for literal in literals), "]"])
