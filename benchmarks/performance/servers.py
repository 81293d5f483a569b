"""The three servers that are measured, each in a process of its own, with the same network."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from benchmarks import peers
from benchmarks.performance.networks import FOLDER, NETWORKS
from benchmarks.performance.pictures import SEEN, mosaic
from core.colors import encode_png
from core.store import open_store
from tests.support.serving import ROOT, free_port

START_SECONDS, END_SECONDS = 300, 30
APP = "serving/local.py"  # as `make run`


@dataclass(frozen=True)
class Running:
    """A server that answers."""

    address: str
    pid: int
    picture: str = ""  # digest of the measured picture in its store


@contextmanager
def ours(weights: Path = FOLDER) -> Iterator[Running]:
    """The app, with an empty store but for the measured picture.

    Args:
        weights: folder of the checkpoints that it may open.
    """
    with tempfile.TemporaryDirectory() as folder:
        data = Path(folder)
        picture = put_picture(data)
        command = ("-m", "streamlit", "run", APP, "--server.headless", "true",
                   "--server.port", "{port}")  # fmt: skip
        more = {"MASKSCOPE_DATA": folder, "MASKSCOPE_CHECKPOINTS": str(weights)}
        with _running(command, "_stcore/health", data / "server.log", more) as (address, pid):
            yield Running(address, pid, picture)


def put_picture(data: Path) -> str:
    """Put the measured picture into a store; its digest, by which an address names it."""
    file = data / "scene.png"
    file.write_bytes(encode_png(mosaic(SEEN)[0]))
    with file.open("rb") as stream:
        return open_store(data).put(stream, file.name)


@contextmanager
def gradio(network: str) -> Iterator[Running]:
    """The peer in Gradio, whose libraries lie in a folder of their own."""
    more = {"PEER_NETWORK": network, "PYTHONPATH": f"{peers.SITE}:{ROOT}",
            "GRADIO_ANALYTICS_ENABLED": "False"}  # fmt: skip
    command = ("-m", "benchmarks.peers.gradio_app", "{port}")
    with _peer(network, command, "config", more) as server:
        yield server


@contextmanager
def plotly(network: str) -> Iterator[Running]:
    """The peer in Streamlit and Plotly."""
    more = {"PEER_NETWORK": network, "PYTHONPATH": str(ROOT)}
    command = ("-m", "streamlit", "run", "benchmarks/peers/plotly_app.py", "--server.headless",
               "true", "--server.port", "{port}")  # fmt: skip
    with _peer(network, command, "_stcore/health", more) as server:
        yield server


@contextmanager
def _peer(
    network: str, command: tuple[str, ...], health: str, environment: Mapping[str, str]
) -> Iterator[Running]:
    NETWORKS[network].trained()  # before it is asked for in a page
    with tempfile.TemporaryDirectory() as folder:
        log = Path(folder) / "server.log"
        with _running(command, health, log, environment) as (address, pid):
            yield Running(address, pid)


@contextmanager
def _running(
    command: tuple[str, ...], health: str, log: Path, environment: Mapping[str, str]
) -> Iterator[tuple[str, int]]:
    port = free_port()
    address = f"http://127.0.0.1:{port}"
    filled = [part.format(port=port) for part in command]
    with log.open("wb") as written:
        server = subprocess.Popen(
            (sys.executable, *filled), cwd=ROOT, env={**os.environ, **environment},
            stdout=written, stderr=subprocess.STDOUT,
        )  # fmt: skip
        try:
            _wait(f"{address}/{health}", server, log)
            yield address, server.pid
        finally:
            end(server)


def end(server: subprocess.Popen[bytes]) -> None:
    """Ask it to end; a machine that is busy may not let it."""
    server.terminate()
    try:
        server.wait(timeout=END_SECONDS)
    except subprocess.TimeoutExpired:
        server.kill()


def _wait(health: str, server: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline and server.poll() is None:
        try:
            with urllib.request.urlopen(health, timeout=5):
                return
        except OSError:
            time.sleep(0.05)
    raise RuntimeError(f"no answer from {health}: {log.read_text()[-2000:]}")
