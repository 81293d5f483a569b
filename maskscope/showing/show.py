"""`maskscope.show`: the dashboard on a living model, at an address of this machine."""

from __future__ import annotations

import atexit
import secrets
import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Any
from urllib.parse import urlencode

from core.settings import Settings
from core.settings_address import to_query
from maskscope.living.callables import modules_of
from maskscope.living.case import Opened, open_case
from maskscope.living.untouched import untouched
from maskscope.showing.answering import Answering
from maskscope.showing.server import HOST, end, free_port, started, wait
from maskscope.showing.told import network_of, stored, told_of


class Shown:
    """The server of one model; `close()` ends it, and so does the end of this process."""

    def __init__(self, opened: Opened, truth: bytes | None) -> None:
        """Args: opened, all that is shown; truth, the file of the ground truth."""
        self._room = tempfile.TemporaryDirectory(prefix="maskscope-show-")  # only for this user
        room = Path(self._room.name)
        self._answering = Answering(network_of(opened), opened.model.own, room)
        self._server: subprocess.Popen[bytes] | None = None
        atexit.register(self.close)
        try:
            sources = stored(opened, truth)
            token, port = secrets.token_urlsafe(32), free_port()
            told = told_of(opened, sources["checkpoint"], self._answering)
            self._server = started(room, told, token, port)
            wait(self._server, port, room / "server.log")
        except BaseException:
            self.close()
            raise
        query = {"token": token, **sources, **to_query(opened.case.settings)}
        self.address = f"http://{HOST}:{port}/?{urlencode(query)}"

    @property
    def forwards(self) -> int:
        """How many forwards the model has been asked for."""
        return self._answering.forwards

    @property
    def is_open(self) -> bool:
        """Whether the server runs."""
        return self._server is not None and self._server.poll() is None

    def close(self) -> None:
        """End the server. What was shared stays in the store; calling it twice does no harm."""
        atexit.unregister(self.close)
        self._answering.close()
        if self._server is not None:
            end(self._server)
        with suppress(OSError):
            self._room.cleanup()

    def __enter__(self) -> Shown:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        return self.address if self.is_open else "maskscope.show: closed"


def show(
    model: Any,
    image: Any,
    *,
    preprocess: Any = None,
    truth: Any = None,
    settings: Settings | str | Mapping[str, Any] | None = None,
    class_names: Sequence[str] | None = None,
) -> Shown:
    """Open the dashboard on a living model: sliders, findings, comparison, sharing.

    A server of this machine alone starts on a free port, behind a token that stands in the address.
    The model answers in this process, one forward at a time, also while a cell runs; it is left as
    it is. Where it is changed later, the page says so, and `show` shows it anew.

    Args:
        model: as for `inspect`.
        image: as for `inspect`.
        preprocess: as for `inspect`.
        truth: as for `inspect`.
        settings: as for `inspect`.
        class_names: by id.

    Returns:
        With `address`, which is printed too, and `close()`.

    Raises:
        InspectionError: the model cannot be run, a picture cannot be read, or no server starts.
    """
    with untouched(modules_of(model)):
        opened = open_case(
            model, image, preprocess=preprocess, truth=truth, settings=settings,
            class_names=class_names,
        )  # fmt: skip
    shown = Shown(opened, opened.case.truth_file if opened.is_whole else None)
    print(f"maskscope: open {shown.address}", flush=True)
    return shown
