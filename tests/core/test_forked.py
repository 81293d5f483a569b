"""A file of a stranger is read in a fork that knows no other file and does not outlive us."""

import os
import time
from pathlib import Path

import pytest

from core.forked import Forks, NotBegunError

FOREVER = 60.0


@pytest.fixture(scope="module")
def forks():
    forks = Forks("tests.support.answers")
    yield forks
    forks.end()


def asked(forks, wish, seconds=FOREVER):
    """Process and answer."""
    with forks.ask(wish, seconds) as answer:
        return int(answer.readline()), answer.read()


def is_gone(process, within=5.0):
    """Whether a process has ended; the system may need a moment."""
    end = time.monotonic() + within
    while Path(f"/proc/{process}").exists() and time.monotonic() < end:
        time.sleep(0.01)
    return not Path(f"/proc/{process}").exists()


def test_every_request_has_a_process_of_its_own(forks):
    (first, said), (second, _) = asked(forks, b"hello"), asked(forks, b"hello")

    assert said == b"hello"
    assert len({first, second, os.getpid()}) == 3
    assert is_gone(first)


def test_who_no_longer_waits_ends_it(forks):
    with forks.ask(b"turn for ever", FOREVER) as answer:
        process = int(answer.readline())

    assert is_gone(process)


def test_the_clock_ends_it(forks):
    began = time.monotonic()
    process, said = asked(forks, b"turn for ever", seconds=0.3)

    assert said == b""
    assert is_gone(process)
    assert time.monotonic() - began < FOREVER / 2


def test_one_that_stops_does_not_stop_the_next(forks):
    assert asked(forks, b"stop without a word")[1] == b""
    assert asked(forks, b"hello")[1] == b"hello"


def test_the_warm_process_is_started_again_where_it_has_ended(forks):
    asked(forks, b"hello")
    forks.end()

    assert asked(forks, b"hello")[1] == b"hello"


def test_a_fork_cannot_reach_the_requests_of_others(forks):
    _, files = asked(forks, b"list files")

    assert b"pipe:" in files
    assert b"socket:" not in files


def test_where_processes_cannot_be_forked_each_request_starts_one(forks, monkeypatch):
    monkeypatch.delattr("socket.send_fds")

    assert asked(forks, b"hello")[1] == b"hello"
    assert asked(forks, b"turn for ever", seconds=1.0)[1] == b""


def test_a_machine_that_is_full_is_told(forks, monkeypatch):
    forks.end()
    monkeypatch.setattr("core.forked.command_of", lambda *_: ["false"])

    with pytest.raises(NotBegunError):
        asked(forks, b"hello")
