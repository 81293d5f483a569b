"""A short, seeded run of `make fuzz` for pictures: refused with a sentence, or right."""

from dataclasses import replace

import pytest

from core.image import read_raster
from tests import fuzz_pictures
from tests.fuzz_pictures import BAD, FORMATS, outcome, reference, run, seeds, shown

pytestmark = pytest.mark.filterwarnings("ignore::UserWarning")  # Pillow's, of damaged tags


@pytest.fixture(scope="module")
def found():
    return run(mutants=40, seed=1)


@pytest.mark.parametrize("kind", FORMATS)
def test_no_damaged_picture_opens_with_pixels_that_an_honest_decoder_refuses(found, kind):
    for content in ("pixels", "mask"):
        counts = found[f"{kind} {content}"]

        assert not [word for word in BAD if counts[word]], dict(counts)
        assert counts["refused"] > 0


@pytest.mark.parametrize("kind", FORMATS)
def test_the_reference_opens_what_is_honest(kind):
    for content in seeds()[kind].values():
        before = shown(read_raster(content))

        assert reference(kind, content) is not None
        assert outcome(kind, content, before) == "opened"


def test_a_decoder_that_passes_over_damage_would_be_noticed(monkeypatch):
    content = seeds()["PNG"]["pixels"]
    other = replace(read_raster(content), values=read_raster(content).values ^ 1)
    monkeypatch.setattr(fuzz_pictures, "read_raster", lambda _: other)

    assert outcome("PNG", content[:-20], shown(read_raster(content))) == "wrong"
    assert outcome("PNG", content, shown(read_raster(content))) == "other"
