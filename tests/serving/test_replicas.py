"""Two servers, one PostgreSQL, one bucket, one token: a team does not notice which one answers.

They run from a copy of what the container has, so that a file which is missing there is noticed.
"""

from __future__ import annotations

import io
import json
import time
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from streamlit.proto.BackMsg_pb2 import BackMsg
from websockets.sync.client import connect

from core.store import open_store
from tests.conftest import png
from tests.serving.test_serve import ask, bearer
from tests.support.container import lay_out
from tests.support.servers import fresh_bucket, fresh_database
from tests.support.serving import serve_team

TOKEN = "one-token-for-all-replicas"


@dataclass
class Replicas:
    """Two servers, and a third one's store in this process."""

    addresses: tuple[str, str]
    folders: tuple[Path, Path]
    store: object


@pytest.fixture(scope="module")
def replicas(tmp_path_factory, database_server, bucket_server):
    shared = {
        "DATABASE_URL": fresh_database(database_server),
        "BLOBS_URL": fresh_bucket(bucket_server),
    }
    first, second, here = (tmp_path_factory.mktemp(name) for name in ("one", "two", "here"))
    given = {**shared, "MASKSCOPE_TOKEN": TOKEN, "root": lay_out(tmp_path_factory.mktemp("app"))}
    with serve_team(first, **given) as one, serve_team(second, **given) as two:
        store = open_store(here, shared)
        yield Replicas((one, two), (first, second), store)
        store.engine.dispose()


def cookie_of(address):
    return ask(f"{address}/?token={TOKEN}").headers["set-cookie"].split(";")[0]


@contextmanager
def open_page(address, query, cookie, until):
    """Run the page until it has sent what is waited for."""
    told, url = b"", address.replace("http", "ws") + "/_stcore/stream"
    options = {"max_size": None, "close_timeout": 0.1}
    with connect(url, additional_headers={"Cookie": cookie}, **options) as socket:
        run = BackMsg()
        run.rerun_script.query_string = query
        socket.send(run.SerializeToString())
        while until not in told:
            told += socket.recv(timeout=60)
        yield


def test_a_cookie_of_one_opens_the_other(replicas):
    one, two = replicas.addresses

    assert ask(f"{two}/", Cookie=cookie_of(one)).status == 200


def test_all_know_what_one_keeps(replicas):
    replicas.store.put(io.BytesIO(b"weights"), "best.pth")

    for address in replicas.addresses:
        facts = json.loads(ask(f"{address}/healthz/details", **bearer(TOKEN)).body)["store"]
        assert (facts["database"], facts["answers"]) == ("postgresql", True)
        assert facts["files"] == len(replicas.store.digests())


def test_the_page_of_one_shows_what_another_keeps(replicas):
    picture = png(np.random.default_rng(0).integers(0, 255, (48, 48, 3)))
    digest = replicas.store.put(io.BytesIO(picture), "seen by all.png")
    one, two = replicas.addresses
    copy, deadline = replicas.folders[1] / "copies" / digest, time.monotonic() + 60

    query = f"picture={digest}&truth="
    with open_page(two, query, cookie_of(one), until=b"seen by all.png"):
        # Its name is there; the picture itself comes out of the bucket.
        while not copy.exists() and time.monotonic() < deadline:
            time.sleep(0.05)
    assert copy.read_bytes() == picture
