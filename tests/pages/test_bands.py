"""A picture of many bands on the dashboard: three are chosen, and which ones is seen."""

import numpy as np
import pytest

from tests.conftest import upload
from tests.core.image.test_formats import tiff

pytestmark = pytest.mark.usefixtures("own_store")
FIVE = np.random.default_rng(0).integers(0, 4096, (32, 48, 5)).astype(np.uint16)
LABELS = ["Red band", "Green band", "Blue band"]


def choosers(app):
    return {box.label: box for box in app.selectbox if box.label in LABELS}


def said(app):
    return " ".join(caption.value for caption in app.caption).replace("\\", "")


def test_three_of_five_bands_are_chosen(app):
    assert not choosers(app)  # the example has three channels

    upload(
        app,
        "Upload a picture",
        "five.tif",
        tiff(FIVE, photometric="minisblack", planarconfig="contig"),
    )

    assert not app.exception
    assert [box.value for box in choosers(app).values()] == [1, 2, 3]
    assert "5 bands: 1, 2, 3 are taken as red, green, blue" in said(app)

    choosers(app)["Red band"].set_value(5).run()

    assert not app.exception
    assert "5 bands: 5, 2, 3 are taken as red, green, blue" in said(app)


def give(app, files):
    uploader = next(u for u in app.file_uploader if u.label == "Upload a picture")
    uploader.set_value([(name, content, "image/tiff") for name, content in files])
    return app.run()


def test_files_that_are_chosen_at_once_are_the_bands_of_one_picture(app):
    gray = {"photometric": "minisblack"}
    files = [(f"scan_{n:04}.tif", tiff(FIVE[..., n], **gray)) for n in (2, 0, 4, 1)]
    give(app, files)

    assert not app.exception
    assert "4 bands: 1, 2, 3 are taken as red, green, blue" in said(app)
    told = "bands 1: scan_0000.tif; 2: scan_0001.tif; 3: scan_0002.tif; 4: scan_0004.tif"
    assert told in said(app)
    picture = next(box for box in app.selectbox if box.label == "Picture")
    assert "scan_0000.tif and 3 more" in picture.options

    give(app, [("a.tif", tiff(FIVE[..., 0], **gray)), ("b.tif", tiff(FIVE[:9, :, 0], **gray))])

    assert not app.exception
    assert "no bands of one picture" in " ".join(error.value for error in app.error)
    assert "4 bands" in said(app)  # what was open stays
