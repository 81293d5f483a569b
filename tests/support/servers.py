"""A real PostgreSQL and a real S3 server for tests, each with its own data, gone afterwards."""

from __future__ import annotations

import logging
import os
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from uuid import uuid4

import psycopg

from scripts.postgres import find_postgres

START_SECONDS = 60
UNPRIVILEGED = "nobody"  # who runs PostgreSQL where we are root, which it refuses


@contextmanager
def postgresql() -> Iterator[Path]:
    """Run PostgreSQL on a socket; yields the socket's folder, for `fresh_database`."""
    programs = find_postgres()
    assert programs, "the tests of the store need PostgreSQL: run `make test`, which brings one"
    folder = Path(tempfile.mkdtemp(prefix="pg"))  # short: a socket's path has 107 characters
    who = {"user": UNPRIVILEGED, "extra_groups": []} if os.geteuid() == 0 else {}
    if who:
        shutil.chown(folder, UNPRIVILEGED)
    data, log = folder / "data", (folder.parent / f"{folder.name}.log").open("wb")
    common = {"cwd": folder, "stdout": log, "stderr": subprocess.STDOUT, **who}
    initdb = (programs / "initdb", "-D", data, "-U", "maskscope", "-A", "trust", "--no-sync")
    subprocess.run(initdb, check=True, **common)
    server = subprocess.Popen(
        (programs / "postgres", "-D", data, "-k", folder, "-h", "", "-c", "fsync=off"), **common
    )
    try:
        _wait(folder, server)
        yield folder
    finally:
        server.send_signal(signal.SIGQUIT)  # at once: nobody needs what it would write
        server.wait(timeout=30)
        log.close()
        Path(log.name).unlink()
        shutil.rmtree(folder)


def _wait(folder: Path, server: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline and server.poll() is None:
        try:
            psycopg.connect(host=str(folder), user="maskscope", dbname="postgres").close()
            return
        except psycopg.OperationalError:
            time.sleep(0.05)
    raise RuntimeError(f"PostgreSQL did not start; see {folder}.log")


def fresh_database(folder: Path) -> str:
    """Make an empty schema; returns the DATABASE_URL that sees nothing else."""
    name = f"test_{uuid4().hex}"
    with psycopg.connect(host=str(folder), user="maskscope", dbname="postgres") as admin:
        admin.execute(f"CREATE SCHEMA {name}")
    return f"postgresql://maskscope@/postgres?host={folder}&options=-csearch_path%3D{name}"


@contextmanager
def s3_server() -> Iterator[str]:
    """Run moto's S3 over HTTP; yields its address."""
    from moto.server import ThreadedMotoServer

    logging.getLogger("werkzeug").setLevel(logging.ERROR)  # a line for each request is too much
    server = ThreadedMotoServer("127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    try:
        yield f"http://{host}:{port}"
    finally:
        server.stop()


def fresh_bucket(address: str) -> str:
    """Make an empty bucket; returns the BLOBS_URL of a prefix in it.

    The environment names the server: AWS_ENDPOINT_URL and the keys.
    """
    import s3fs

    name = f"test-{uuid4().hex}"
    s3fs.S3FileSystem(endpoint_url=address).mkdir(name)
    return f"s3://{name}/maskscope"
