"""A file of a stranger is read in a fork that knows no other file and does not outlive us."""

import errno
import os
import signal
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from core.forked import Forks, NotBegunError, environment

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


# --- where something is wrong with the machine, or with the warm process --------------------------


def test_where_no_more_files_can_be_opened_none_is_left_open(forks, monkeypatch):
    def full(_):
        raise OSError(errno.EMFILE, "Too many open files")

    asked(forks, b"hello")
    monkeypatch.setattr("core.forked._held", full)
    before = os.listdir("/proc/self/fd")
    with pytest.raises(NotBegunError):
        asked(forks, b"hello")

    assert os.listdir("/proc/self/fd") == before


def test_whoever_asks_while_the_warm_process_is_killed_is_answered(forks):
    asked(forks, b"hello")
    with ThreadPoolExecutor(4) as people:
        for _ in range(3):
            answers = [people.submit(asked, forks, b"hello") for _ in range(12)]
            os.kill(forks.process, signal.SIGKILL)
            assert {answer.result()[1] for answer in answers} == {b"hello"}


def test_a_killed_warm_process_does_not_end_a_reading_that_has_begun(forks):
    with forks.ask(b"hello", FOREVER) as answer:
        os.kill(forks.process, signal.SIGKILL)

        assert answer.read().endswith(b"hello")


def test_only_so_many_are_read_at_once_and_who_waits_too_long_is_told(monkeypatch):
    monkeypatch.setattr("core.forked.AT_ONCE", 1)
    forks = Forks("tests.support.answers")
    with forks.ask(b"turn for ever", FOREVER), pytest.raises(NotBegunError):
        asked(forks, b"hello", seconds=0.1)

    assert asked(forks, b"hello")[1] == b"hello"
    forks.end()


def test_what_a_system_needs_to_start_a_process_is_passed_on_and_nothing_else(monkeypatch):
    monkeypatch.setenv("SYSTEMROOT", "C:\\Windows")
    monkeypatch.setenv("MASKSCOPE_TOKEN", "secret")

    assert environment() == {"OPENBLAS_NUM_THREADS": "1", "SYSTEMROOT": "C:\\Windows"}
