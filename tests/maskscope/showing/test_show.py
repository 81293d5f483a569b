"""The server of `maskscope.show` is for whoever has its address, and ends with the notebook."""

import os
import subprocess
import sys
import time
import urllib.error
import urllib.request
from urllib.parse import parse_qs, urlsplit

import pytest

from tests.support.serving import ROOT

NOTEBOOK = """
import time, maskscope
from tests.support.living import Tiny, picture
print(maskscope.show(Tiny().eval(), picture()).address, flush=True)
time.sleep(600)
"""
END_SECONDS = 20


@pytest.fixture
def notebook(tmp_path):
    """A process that shows a model, and the address that it prints."""
    environment = {**os.environ, "MASKSCOPE_DATA": str(tmp_path), "PYTHONPATH": str(ROOT)}
    process = subprocess.Popen(
        [sys.executable, "-c", NOTEBOOK], cwd=tmp_path, env=environment, stdout=subprocess.PIPE,
        text=True,
    )  # fmt: skip
    told = process.stdout.readline()
    yield process, told.removeprefix("maskscope: open ").strip()
    process.kill()
    process.wait()
    process.stdout.close()


def status(address):
    try:
        with urllib.request.urlopen(address, timeout=5) as answer:
            return answer.status
    except urllib.error.HTTPError as error:
        return error.code
    except OSError:
        return 0


def test_the_address_opens_it_and_nothing_else_does_and_it_ends_with_its_notebook(notebook):
    process, address = notebook
    parts = urlsplit(address)
    root = f"http://{parts.netloc}/"

    assert parts.hostname == "127.0.0.1"
    assert len(parse_qs(parts.query)["token"][0]) >= 32
    assert status(root) == 401

    process.kill()  # as a kernel that is killed: nothing is tidied up
    deadline = time.monotonic() + END_SECONDS
    while status(f"{root}healthz") and time.monotonic() < deadline:
        time.sleep(0.2)
    assert status(f"{root}healthz") == 0
