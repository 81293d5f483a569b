"""A real server for tests and screenshots: the app on a free port, with its own data."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
LOCAL = ROOT / "serving" / "local.py"
START_SECONDS = 60


def free_port() -> int:
    """Ask the system for a port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@contextmanager
def serve(data: Path, script: Path = LOCAL, **environment: str) -> Iterator[str]:
    """Run the app; yields its address.

    Args:
        data: folder for uploads and the server's log (`server.log`).
        script: what `make run` runs, or another page than the app's first.
        environment: further variables, such as `MASKSCOPE_CHECKPOINTS`.
    """
    port = free_port()
    command = ("-m", "streamlit", "run", str(script), "--server.port", str(port))
    with serve_command(
        (sys.executable, *command, "--server.headless", "true"), port, data, ROOT, **environment
    ) as address:
        yield address


@contextmanager
def serve_command(
    command: tuple[str, ...], port: int, data: Path, folder: Path, **environment: str
) -> Iterator[str]:
    """Run a command that becomes the app; yields its address.

    Args:
        command: whole, the program first.
        port: that it is told to listen on.
        data: folder for uploads and the server's log (`server.log`).
        folder: where it is started.
        environment: further variables.
    """
    with _running(command, data, environment, folder) as server:
        _wait(f"http://localhost:{port}/_stcore/health", server)
        yield f"http://localhost:{port}"


@contextmanager
def serve_team(
    data: Path, base: str = "", port: int | None = None, root: Path = ROOT, **environment: str
) -> Iterator[str]:
    """Run the app as a team does (`serve.py`); yields its address.

    Args:
        data: folder for uploads and the server's log (`server.log`).
        base: the sub-path, as "/tools/maskscope".
        port: a free one, if None.
        root: where the code is.
        environment: further variables, such as `MASKSCOPE_TOKEN`.
    """
    port = port or free_port()
    address = f"http://localhost:{port}{base}"
    command = (sys.executable, "serve.py", "--port", str(port), "--base-path", base)
    with _running(command, data, environment, root) as server:
        _wait(f"{address}/healthz", server)
        yield address


@contextmanager
def _running(
    command: tuple[str, ...], data: Path, environment: dict[str, str], root: Path = ROOT
) -> Iterator[subprocess.Popen[bytes]]:
    with (data / "server.log").open("wb") as log:
        server = subprocess.Popen(
            command,
            cwd=root,
            env={**os.environ, "MASKSCOPE_DATA": str(data), **environment},
            stdout=log,
            stderr=subprocess.STDOUT,
        )
        try:
            yield server
        finally:
            server.terminate()
            server.wait(timeout=10)


def _wait(health: str, server: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline and server.poll() is None:
        try:
            with urllib.request.urlopen(health, timeout=1) as answer:
                if answer.read().strip() == b"ok":
                    return
        except OSError:
            time.sleep(0.1)
    raise RuntimeError("the app did not start; see server.log in its data folder")
