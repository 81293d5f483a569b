"""What disk, database or bucket refuse while the server runs, in a sentence."""

from __future__ import annotations

import errno
from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy.exc import DBAPIError

from core.errors import StoreError, StoreFullError

FULL = (errno.ENOSPC, errno.EDQUOT)
REMEDY = "What you see stays. Tell whoever runs this server, and try again when it is mended."


@contextmanager
def telling() -> Iterator[None]:
    """Turn what the place of the data refuses into an error for people; also a decorator.

    Raises:
        StoreFullError: the disk is full.
        StoreError: the data cannot be read or written.
    """
    try:
        yield
    except OSError as error:
        if error.errno is None:  # of the stream that is kept: nothing of the place
            raise
        if error.errno in FULL:
            raise _full() from error
        raise StoreError(
            f"The server cannot reach its data: {error.strerror or error}.", remedy=REMEDY
        ) from error
    except DBAPIError as error:
        if "full" in str(error.orig):  # SQLite: "database or disk is full"
            raise _full() from error
        raise StoreError(
            f"The server cannot use its database: {error.orig}.", remedy=REMEDY
        ) from error
    except Exception as error:
        if not type(error).__module__.startswith(("botocore", "aiohttp")):
            raise
        raise StoreError(f"The server cannot reach its bucket: {error}.", remedy=REMEDY) from error


def _full() -> StoreFullError:
    return StoreFullError(
        "The server's disk is full: nothing more can be kept.",
        remedy="What you see stays. Delete runs that nobody needs, or tell whoever runs it.",
    )
