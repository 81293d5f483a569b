"""Text that a terminal shows and does not obey."""


def for_terminal(text: str) -> str:
    r"""Without the control characters of a stranger's names.

    >>> for_terminal("a\x1b[2Jb")
    'a\ufffd[2Jb'
    """
    return "".join(
        c if c.isprintable() or c in "\n\t" else "\N{REPLACEMENT CHARACTER}" for c in text
    )
