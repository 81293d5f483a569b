"""Where the tests of the store keep things: SQLite and a folder, or PostgreSQL and a bucket."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from core.store import Store, open_store
from tests.support.servers import fresh_bucket, fresh_database, postgresql, s3_server


@dataclass
class Place:
    """An empty place; each `open` is another process, as far as the store knows."""

    folder: Path
    environment: Mapping[str, str]
    opened: list[Store] = field(default_factory=list)

    def open(self, quota: int = 10**9, disk: str = "") -> Store:
        """Open a store here.

        Args:
            quota: bytes of all files together.
            disk: another name is another machine's disk.
        """
        environment = {**self.environment, "MASKSCOPE_QUOTA_GB": str(quota / 1e9)}
        self.opened.append(open_store(self.folder / disk, environment))
        return self.opened[-1]


@pytest.fixture(scope="session")
def database_server():
    with postgresql() as folder:
        yield folder


@pytest.fixture(scope="session")
def bucket_server():
    keys = {"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test"}
    with s3_server() as address, pytest.MonkeyPatch.context() as patch:
        for name, value in {**keys, "AWS_ENDPOINT_URL": address}.items():
            patch.setenv(name, value)
        patch.setenv("AWS_DEFAULT_REGION", "us-east-1")
        yield address


@pytest.fixture
def alone(tmp_path):
    """SQLite and a folder."""
    yield from _closed_after(Place(tmp_path / "data", {}))


@pytest.fixture
def team(tmp_path, database_server, bucket_server):
    """PostgreSQL and a bucket, both empty."""
    urls = {
        "DATABASE_URL": fresh_database(database_server),
        "BLOBS_URL": fresh_bucket(bucket_server),
    }
    yield from _closed_after(Place(tmp_path / "data", urls))


def _closed_after(place):
    yield place
    for store in place.opened:
        store.engine.dispose()


@pytest.fixture(params=["alone", pytest.param("team", marks=pytest.mark.postgres)])
def place(request):
    """The same test for both."""
    return request.getfixturevalue(request.param)
