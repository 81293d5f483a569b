"""What a forked process answers in the tests of core/forked.py."""

from __future__ import annotations

import os
from typing import BinaryIO


def answer(request: BinaryIO, out: BinaryIO) -> None:
    """Do what the request says, after telling which process does it."""
    out.write(f"{os.getpid()}\n".encode())
    out.flush()
    wish = request.read()
    if wish == b"turn for ever":
        "a" * 2**20 in "a" * 2**31  # noqa: B015 - one call that no Python signal handler ends
        while True:
            pass
    if wish == b"stop without a word":
        os._exit(1)
    if wish == b"list files":
        names = [os.readlink(f"/proc/self/fd/{n}") for n in os.listdir("/proc/self/fd") if _is(n)]
        out.write("\n".join(names).encode())
    else:
        out.write(wish)


def _is(number: str) -> bool:
    return os.path.exists(f"/proc/self/fd/{number}") or os.path.islink(f"/proc/self/fd/{number}")
