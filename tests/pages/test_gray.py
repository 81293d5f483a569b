"""A network of one channel and a picture that is gray: nothing has to be chosen."""

import io

import pytest
from PIL import Image

from examples import FOLDER, SCENES
from tests.conftest import dashboard, upload

pytestmark = pytest.mark.usefixtures("own_store")


def png(mode):
    file = io.BytesIO()
    Image.open(SCENES[0]).convert(mode).save(file, "PNG")
    return file.getvalue()


@pytest.fixture
def page():
    app = dashboard().run()
    weights = (FOLDER / "zoo" / "mask_gray.pth").read_bytes()
    upload(app, "Upload a picture", "gray.png", png("L"))
    return upload(app, "Upload a checkpoint", "mask_gray.pth", weights)


def test_gray_is_chosen_by_itself_and_said(page):
    assert not page.exception and not page.error
    assert page.session_state.tab.settings.preprocessing.color == "gray"
    assert page.session_state.tab.good[0].inspection.network.in_channels == 1
    assert "Color is gray by itself" in " ".join(each.value for each in page.caption)


def test_a_picture_with_colors_is_asked_about(page):
    upload(page, "Upload a picture", "colors.png", png("RGB"))

    assert "Color is gray by itself" not in " ".join(each.value for each in page.caption)
