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
