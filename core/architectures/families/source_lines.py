"""Lines of Python for a script of the user's: the calls that make the same network."""

from __future__ import annotations

LINE = 96  # characters of a line in a function
ANY_HEAD = {"out": "network(x)"}


def call(function: str, arguments: list[str]) -> tuple[str, ...]:
    """In one line, or with one argument a line."""
    short = f"network = {function}({', '.join(arguments)})"
    if len(short) <= LINE:
        return (short,)
    return (f"network = {function}(", *(f"    {argument}," for argument in arguments), ")")
