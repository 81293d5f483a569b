"""The server of `maskscope.show`: a process of its own, behind a token, on this machine alone."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import torch

from core.architectures.families.living_model import SETTING
from maskscope.errors import LivingModelError
from maskscope.place import APP

HOST = "127.0.0.1"
START_SECONDS = 90  # of the server: Streamlit and the store
END_SECONDS = 10
TAIL = 600  # characters of the server's log in a message


def started(room: Path, told: Mapping[str, Any], token: str, port: int) -> subprocess.Popen[bytes]:
    """Begin it.

    Args:
        room: a folder that only this user may read.
        told: what it has to know of the model.
        token: behind which it is.
        port: on which it listens.
    """
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


def wait(server: subprocess.Popen[bytes], port: int, log: Path) -> None:
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


def end(server: subprocess.Popen[bytes]) -> None:
    """End it, by force where it does not go."""
    if server.stdin is not None:
        with suppress(OSError):
            server.stdin.close()
    server.terminate()
    try:
        server.wait(END_SECONDS)
    except subprocess.TimeoutExpired:
        server.kill()
        server.wait()


def free_port() -> int:
    """One that nobody listens on."""
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        port: int = probe.getsockname()[1]
        return port
