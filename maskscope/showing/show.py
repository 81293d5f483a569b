"""`maskscope.show`: the dashboard on a living model, at an address of this machine."""

from __future__ import annotations

import atexit
import json
import os
import secrets
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Mapping, Sequence
from contextlib import suppress
from io import BytesIO
from pathlib import Path
from types import TracebackType
from typing import Any
from urllib.parse import urlencode

import torch
from torch import nn

from core.architectures.families.living_model import SETTING
from core.settings import Settings
from core.settings_address import to_query
from core.store import data_folder, open_store
from maskscope.errors import LivingModelError
from maskscope.living.callables import modules_of
from maskscope.living.case import Opened, open_case
from maskscope.living.untouched import untouched
from maskscope.picture import picture_bytes
from maskscope.place import APP
from maskscope.showing.answering import Answering

HOST = "127.0.0.1"
START_SECONDS = 90  # of the server: Streamlit and the store
END_SECONDS = 10
TAIL = 600  # characters of the server's log in a message


class Shown:
    """The server of one model; `close()` ends it, and so does the end of this process."""

    def __init__(self, opened: Opened, truth: bytes | None) -> None:
        """Args: opened, all that is shown; truth, the file of the ground truth."""
        self._room = tempfile.TemporaryDirectory(prefix="maskscope-show-")  # only for this user
        room = Path(self._room.name)
        self._answering = Answering(opened.case.network or _none(), opened.model.own, room)
        self._server: subprocess.Popen[bytes] | None = None
        atexit.register(self.close)
        try:
            sources = _stored(opened, truth)
            token, port = secrets.token_urlsafe(32), _free_port()
            told = _told(opened, sources["checkpoint"], self._answering)
            self._server = _started(room, told, token, port)
            _wait(self._server, port, room / "server.log")
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
            _end(self._server)
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


def _none() -> Any:
    raise LivingModelError("There is no network to show.", remedy="Give a model.")


# --- what the server finds ------------------------------------------------------------------------


def _stored(opened: Opened, truth: bytes | None) -> dict[str, str]:
    """Picture, weights and ground truth as uploads, by their digests."""
    store, case = open_store(data_folder()), opened.case
    picture = case.picture_file or picture_bytes(case.image.pixels)
    sources = {
        "picture": store.put(BytesIO(picture), "picture"),
        "checkpoint": store.put(
            BytesIO(_weights(opened)), f"{opened.model.checkpoint.name} (living)"
        ),
        "truth": "",
    }
    return sources | ({"truth": store.put(BytesIO(truth), "ground truth")} if truth else {})


def _weights(opened: Opened) -> bytes:
    """The weights as a file: safetensors."""
    from safetensors.torch import save

    tensors = opened.model.checkpoint.tensors
    if not tensors:
        raise LivingModelError(
            "No weights are seen inside of this function, and the app opens a model by them.",
            remedy="Give the nn.Module itself, or a function that names it.",
        )
    return save({key: value.detach().clone().contiguous() for key, value in tensors.items()})


def _told(opened: Opened, digest: str, answering: Answering) -> dict[str, Any]:
    """What the server has to know of the model."""
    network = opened.case.network or _none()
    return {
        "digest": digest,
        "address": answering.address,
        "key": answering.key.hex(),
        "name": opened.model.checkpoint.name,
        "classes": network.num_classes,
        "channels": network.in_channels,
        "class_names": network.class_names,
        "stem": _stem(network.module, network.in_channels),
    }


def _stem(module: nn.Module, channels: int) -> dict[str, Any] | None:
    """The first convolution and the BatchNorm behind it, by the names of their tensors."""
    layers = [
        (name, each)
        for name, each in module.named_modules()
        if isinstance(each, nn.Conv2d | nn.BatchNorm2d)
    ]
    if len(layers) < 2:
        return None
    (first, convolution), (second, norm) = layers[:2]
    if not isinstance(convolution, nn.Conv2d) or not isinstance(norm, nn.BatchNorm2d):
        return None
    padding = convolution.padding
    if isinstance(padding, str) or convolution.padding_mode != "zeros":
        return None
    if convolution.groups != 1 or convolution.in_channels != channels:
        return None
    rows, columns = padding
    names = {part: f"{second}.running_{part}" for part in ("mean", "var")}
    bias = "" if convolution.bias is None else f"{first}.bias"
    return {
        **{part: _in_file(name) for part, name in names.items()},
        "weight": _in_file(f"{first}.weight"),
        "bias": _in_file(bias),
        "pads": [rows, columns, rows, columns],
        "strides": list(convolution.stride),
        "dilations": list(convolution.dilation),
    }


def _in_file(name: str) -> str:
    """As the state_dict calls it: a function's module stands alone there."""
    return name.removeprefix("module.").removeprefix("shadows.0.")


# --- the server -----------------------------------------------------------------------------------


def _started(room: Path, told: Mapping[str, Any], token: str, port: int) -> subprocess.Popen[bytes]:
    facts = room / "living.json"
    facts.write_text(json.dumps(told), encoding="utf-8")
    path = os.pathsep.join(filter(None, (str(APP), os.environ.get("PYTHONPATH"))))
    environment = {**os.environ, "PYTHONPATH": path, "MASKSCOPE_TOKEN": token, SETTING: str(facts)}
    threads = str(max(1, torch.get_num_threads()))
    environment.setdefault("OMP_NUM_THREADS", threads)
    command = (sys.executable, "serve.py", "--address", HOST, "--port", str(port), "--with-stdin")
    with (room / "server.log").open("wb") as log:
        return subprocess.Popen(
            command, cwd=APP, env=environment, stdin=subprocess.PIPE, stdout=log, stderr=log
        )


def _wait(server: subprocess.Popen[bytes], port: int, log: Path) -> None:
    """Until it answers.

    Raises:
        LivingModelError: it does not start; its own last words are quoted.
    """
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline and server.poll() is None:
        if _answers(f"http://{HOST}:{port}/healthz"):
            return
        time.sleep(0.1)
    said = log.read_text(encoding="utf-8", errors="replace")[-TAIL:].strip()
    raise LivingModelError(
        f"The server of maskscope.show does not start. It says: {said or 'nothing'}",
        remedy="Look whether `maskscope run` starts in a terminal; it needs Streamlit.",
    )


def _answers(address: str) -> bool:
    try:
        with urllib.request.urlopen(address, timeout=1) as answer:
            return bool(answer.read().strip() == b"ok")
    except OSError:
        return False


def _end(server: subprocess.Popen[bytes]) -> None:
    if server.stdin is not None:
        with suppress(OSError):
            server.stdin.close()
    server.terminate()
    try:
        server.wait(END_SECONDS)
    except subprocess.TimeoutExpired:
        server.kill()
        server.wait()


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        port: int = probe.getsockname()[1]
        return port
