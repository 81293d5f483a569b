"""Hostile files by the door of an upload: a sentence, soon, and everybody goes on."""

import os

import pytest

from scripts.hostile import GROWTH, SECONDS, good_picture, hostile_files
from scripts.processes import Memory, processor_seconds, server_below
from scripts.uploads import Upload, open_tab, wait

pytestmark = [pytest.mark.browser, pytest.mark.timeout(300)]  # a tab is waited for 120 s

FILES = {  # of those that `python -m scripts.hostile` uploads, with seconds by the clock
    "a call: GLOBAL and REDUCE: zip, alone": "asks to run posix.system",
    "120,000 dimensions": "64 dimensions",
    "TIFF of 20,000 frames": "opens",
}


@pytest.fixture(scope="module")
def tabs(window, address):
    """Two people."""
    tabs = open_tab(window, address), open_tab(window, address)
    yield tabs
    for tab in tabs:
        tab.close()


@pytest.mark.parametrize("number", range(len(FILES)), ids=list(FILES))
def test_a_hostile_upload_gets_its_sentence_and_both_tabs_go_on(tabs, number):
    bad, other = tabs
    name, says = list(FILES.items())[number]
    file = next(hostile_files([name]))
    server = server_below(os.getpid())
    before = processor_seconds(server)
    with Memory(server) as memory:
        good = Upload(other, "picture", "good", good_picture(2 * number))
        upload = Upload(bad, file.kind, "hostile", file.content)
        wait(bad, upload, good)
    taken = processor_seconds(server) - before
    after = Upload(bad, "picture", "after", good_picture(2 * number + 1))
    wait(bad, after)

    assert says in upload.said, bad.locator("body").inner_text()  # far away it cannot be looked at
    assert good.said == after.said == "opens"
    assert memory.grown < GROWTH
    assert taken < SECONDS
