"""What a stranger sends is decoded in a process that has little time and memory."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image as PillowImage

from core.errors import ImageError
from core.image import decode_image, guarded, read_guarded, read_raster
from tests.core.checkpoint.test_crafted import resident
from tests.core.image.test_damage import CONTENT, flipped, inside_pixels
from tests.core.image.test_decode import encoded, two_pixels
from tests.core.image.test_formats import npy, tiff
from tests.support.crafted_pictures import PICTURES

ROOT = Path(__file__).resolve().parents[3]
BANDS = {"photometric": "minisblack", "planarconfig": "contig"}


@pytest.mark.parametrize(
    "content",
    [
        CONTENT,
        encoded(two_pixels("P")),
        encoded(two_pixels("RGBA")),
        encoded(two_pixels("1")),
        encoded(PillowImage.fromarray(np.array([[0, 4000]], np.uint16))),
        npy(np.linspace(0, 1, 48).reshape(4, 4, 3)),
        tiff(np.arange(120, dtype=np.uint16).reshape(4, 6, 5), **BANDS),
    ],
    ids=["gray", "P", "RGBA", "1", "16 bit", "floats", "bands"],
)
def test_it_reads_what_is_read_in_this_process(content):
    here, there = read_raster(content), read_guarded(content)

    assert np.array_equal(here.values, there.values)
    assert here.values.dtype == there.values.dtype
    assert (here.palette is None) == (there.palette is None)
    assert np.array_equal(
        decode_image(content, read=read_guarded).pixels, decode_image(content).pixels
    )
    assert (here.mode, here.notes, here.alpha) == (there.mode, there.notes, there.alpha)


@pytest.mark.parametrize(
    ("content", "says"),
    [(flipped(CONTENT, inside_pixels()[0]), "damaged"), (b"notes", "text file"), (b"", "empty")],
)
def test_an_error_comes_back_as_the_sentence_that_it_is(content, says):
    with pytest.raises(ImageError, match=says) as caught:
        read_guarded(content)

    assert caught.value.remedy


def test_a_process_that_has_ended_is_started_again():
    guarded.FORKS.end()

    assert read_guarded(CONTENT).size == (60, 40)


LIMITED = "from core.image import child; child.CPU_SECONDS = {}; child.limit_process(); {}"


@pytest.mark.parametrize(
    ("seconds", "work", "ends"),
    [(1, "exec('while True: pass')", (-24, -9)), (5, "bytearray(2**31)", (1,))],
    ids=["time", "memory"],
)
def test_the_process_has_little(seconds, work, ends):
    done = subprocess.run(
        [sys.executable, "-c", LIMITED.format(seconds, work)], cwd=ROOT, capture_output=True
    )

    assert done.returncode in ends
    assert ends != (1,) or b"MemoryError" in done.stderr


def test_an_answer_that_does_not_fit_its_own_description_is_no_picture(monkeypatch):
    told = {"about": {"notes": []}, "dtype": "|u1", "shape": [9, 9], "colors": 0}
    monkeypatch.setattr(guarded, "_read", lambda _: (told, b"too little"))

    with pytest.raises(ImageError, match="damaged"):
        read_guarded(CONTENT)


COSTLY = ("25 megapixels", "500,000", "2,000 passes")  # seconds each: python -m scripts.hostile


@pytest.mark.parametrize("name", [name for name in PICTURES if not any(c in name for c in COSTLY)])
def test_a_crafted_picture_opens_or_gets_its_sentence_in_little_memory(name):
    content, sentence = PICTURES[name]()
    before = resident()
    try:
        read_guarded(content)
        said = "opens"
    except ImageError as error:
        assert len(error.remedy) > 20
        said = error.message

    assert any(part in said for part in sentence.split("|")), said
    assert resident() - before < 64 * 2**20
