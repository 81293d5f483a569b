"""Hostile files: nothing runs, nothing hangs, memory stays bounded, and each gets its sentence."""

from __future__ import annotations

import json
import os
import pickle
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from core import forked
from core.checkpoint import read_checkpoint
from core.checkpoint.reader import read_file
from core.errors import CheckpointError, RefusedError
from tests.support.hostile import BOMBS, LIES, WAYS, calls, text_op

SECONDS, MEMORY = 10, 256 * 2**20

# Put before the reader: from here on the interpreter tells what is done. The imports come first,
# because importing executes a module.
HOOK = """
import sys, core.checkpoint.child, encodings.cp437, encodings.raw_unicode_escape
def hook(event, arguments):
    read_only = event == "open" and arguments[1] in ("r", "rb", None)
    own = event == "open" and str(arguments[0]) == OUT
    watched = ("open", "exec", "compile", "os.", "subprocess.", "socket.", "shutil.", "ctypes.")
    if event.startswith(watched) and not read_only and not own:
        sys.stderr.write(f"{event} {arguments}\\n")
"""
MEMORY_OF = "sys.stderr.write(open('/proc/self/status').read().partition('VmHWM:')[2].split()[0])"
WATCHED = forked.START.replace("main(", f"exec({HOOK!r}); sys.addaudithook(hook); main(")
WATCHED += f"; sys.stderr.write('events end '); {MEMORY_OF}"


@dataclass
class Outcome:
    message: dict
    memory: int
    seconds: float
    events: str


def in_the_child(path: Path, out: Path) -> Outcome:
    """Read a file as the app does, in the same limited process, but watched."""
    command = forked.command_of("core.checkpoint.child")
    command[command.index(forked.START)] = f"OUT = {str(out)!r}; {WATCHED}"
    request = json.dumps([str(path), str(out), ""])
    began = seconds_of_children()
    done = subprocess.run(
        command, input=request, capture_output=True, text=True, env={}, check=True
    )
    events, _, memory = done.stderr.partition("events end ")
    message = json.loads(done.stdout.removeprefix(forked.BEGUN.decode()).splitlines()[-1])
    return Outcome(message, int(memory) * 1024, seconds_of_children() - began, events)


def seconds_of_children() -> float:
    """Time that ended processes of ours have computed; a busy machine adds none."""
    return sum(os.times()[2:4])


@pytest.fixture
def marker(tmp_path):
    """A file that exists once the hostile command ran."""
    return tmp_path / "ran"


@pytest.fixture
def read(tmp_path):
    def read_bytes(content):
        path = tmp_path / "blob"
        path.write_bytes(content)
        return read_file(path, tmp_path / "out")

    return read_bytes


# --- asking for something to be run ---------------------------------------------------------------


def test_the_marker_would_be_seen(marker):
    value = WAYS["GLOBAL and REDUCE"]("posix", "system", text_op(f"touch {marker}"))
    pickle.loads(b"\x80\x02" + value + b".")

    assert marker.exists()


def test_the_watch_would_see_it():
    harm = "OUT = ''; sys.addaudithook(hook); import os; os.system('true'); eval('1')"
    script = [sys.executable, "-c", HOOK + harm]
    done = subprocess.run(script, capture_output=True, text=True, check=True)

    assert "os.system" in done.stderr
    assert "exec" in done.stderr


def test_a_file_that_asks_for_something_to_be_run_is_refused_by_name(read, marker):
    seen = 0
    for name, wanted, content in calls(f"touch {marker}"):
        with pytest.raises(RefusedError) as caught:
            read(content)
        assert f"asks to run {wanted}" in caught.value.message, name
        assert "nothing in it was run" in caught.value.message
        seen += 1
    assert not marker.exists()
    assert seen > 150


def test_nothing_is_run_in_the_process_that_reads_it(tmp_path, marker):
    everything = list(calls(f"touch {marker}"))
    for name, wanted, content in everything[:: max(1, len(everything) // 25)]:
        path = tmp_path / "blob"
        path.write_bytes(content)
        outcome = in_the_child(path, tmp_path / "out")
        assert wanted in outcome.message["error"][1], name
        assert outcome.events == "", name
        assert outcome.seconds < SECONDS
        assert outcome.memory < MEMORY
    assert not marker.exists()


# --- memory, time, contradictions -----------------------------------------------------------------


@pytest.mark.parametrize("name", BOMBS)
def test_a_bomb_neither_hangs_nor_grows(name, tmp_path):
    content, sentence = BOMBS[name]()
    path = tmp_path / "blob"
    path.write_bytes(content)

    outcome = in_the_child(path, tmp_path / "out")

    assert outcome.seconds < SECONDS
    assert outcome.memory < MEMORY + len(content)
    assert outcome.events == ""
    if sentence == "opens":
        assert outcome.message["report"]["keys"] == ["conv.weight", "conv.bias"]
    else:
        _, message, remedy = outcome.message["error"]
        assert any(part in message for part in sentence.split("|")), message
        assert len(remedy) > 20


@pytest.mark.parametrize("name", LIES)
def test_a_file_that_contradicts_itself_is_told_and_nothing_of_it_is_shown(name, read):
    with pytest.raises(CheckpointError) as caught:
        read(LIES[name]())

    assert caught.value.message.endswith(".")
    assert len(caught.value.remedy) > 20


def test_a_lie_beside_what_is_on_the_screen_leaves_it(tmp_path):
    path = tmp_path / "blob"
    path.write_bytes(LIES["a negative offset"]())
    folder = tmp_path / "kept"

    with pytest.raises(CheckpointError, match="damaged"):
        read_checkpoint(path, name="x", digest="d", folder=folder)

    assert list(folder.iterdir()) == []


LIMIT_WHEN_LOOKED_AT = """
import resource, sys
from pathlib import Path
from core.checkpoint import child
child.bytes_unpacked = lambda path: print(resource.getrlimit(resource.RLIMIT_AS)[0]) or 0
child.limit_process(Path(sys.argv[1]))
"""


def test_the_directory_of_a_zip_is_looked_at_under_the_limit_of_any_file(tmp_path):
    (tmp_path / "blob").write_bytes(bytes(1000))
    command = [sys.executable, "-c", LIMIT_WHEN_LOOKED_AT, str(tmp_path / "blob")]
    done = subprocess.run(command, capture_output=True, text=True, check=True, cwd=forked.ROOT)

    assert 0 < int(done.stdout) < 2**30
