"""The page of the mask door, without a browser."""

import io
from dataclasses import replace

import numpy as np
import pytest

from pages.components.state import files
from tests.conftest import dashboard
from tests.core.image.test_nifti import nifti
from tests.core.mask_file.drawing import colors, file_of, gray, photo


@pytest.fixture
def app(own_store):
    """The page alone: torch is not imported on the way."""
    return dashboard().switch_page("pages/mask.py")


def plain(elements):
    """Their texts, without what keeps names from being Markdown."""
    return [each.value.replace("\\", "") for each in elements]


def put(content, name):
    return files.store().put(io.BytesIO(content), name), name


def shown(app, *masks, **beside):
    """The page with these masks open."""
    app.run()
    state = app.session_state["tab"]
    kept = tuple(put(content, name) for name, content in masks)
    app.session_state["tab"] = replace(state, masks=replace(state.masks, files=kept, **beside))
    return app.run()


def test_an_empty_page_says_what_to_do_and_offers_a_mask(app):
    app.run()
    app.button(key="try_mask").click().run()

    assert not app.exception
    assert "Your mask is fine: it holds ids" in plain(app.warning)[0]


def test_the_certain_sentence_stands_on_top(app):
    page = shown(app, ("out.png", file_of(gray(0, 1, 2))))

    assert not page.exception
    assert plain(page.warning)[0] == (
        "Your mask is fine: it holds ids 0, 1, 2, drawn as three nearly black grays."
    )
    assert any("100 % of the pixels look black" in each for each in plain(page.caption))


def test_a_colored_mask_is_answered_calmly(app):
    page = shown(app, ("voc.png", file_of(colors("voc", gray(0, 1, 15)))))

    assert not page.exception
    assert "Pascal VOC" in plain(page.success)[0]


def test_zeros_are_no_accusation_and_lead_to_the_checkpoint(app):
    page = shown(app, ("zeros.png", file_of(gray(0, 0))))

    assert not page.exception
    assert "cannot tell" in plain(page.info)[0]


def test_several_masks_are_a_table_with_a_row_for_what_cannot_be_read(app):
    masks = [("a.png", file_of(gray(0, 1))), ("b.png", b"\x89PNG"), ("c.png", file_of(photo()))]
    page = shown(app, *masks)

    assert not page.exception
    table = page.dataframe[0].value
    assert table["file"].tolist() == ["a.png", "b.png", "c.png"]
    assert table["what it is"].tolist()[1:] == ["cannot be read", "This is a photo, not a mask"]


def test_what_cannot_be_read_gets_a_next_step(app):
    page = shown(app, ("broken.png", b"\x89PNG\r\n\x1a\n broken"))

    assert not page.exception
    assert page.error and page.info


def test_a_ground_truth_tells_the_agreement(app):
    truth, _ = put(file_of(gray(0, 1, 2)), "truth.png")
    page = shown(app, ("out.png", file_of(gray(0, 1, 2) * np.uint8(255))), truth=truth)

    assert not page.exception
    assert any("mIoU with the ground truth: 1.000" in each for each in plain(page.markdown))


def test_names_of_files_are_no_markdown(app):
    page = shown(app, ("![x](http://x.example).png", file_of(gray(0, 1, 2))))

    assert not any("![x](" in each.value for each in page.markdown)


def test_the_slice_of_a_volume_is_chosen(app):
    labels = np.zeros((20, 16, 12), np.uint8)
    labels[:, 4:, 2] = 1  # x, y, z
    labels[10:, :, 7] = 2
    page = shown(app, ("labels.nii.gz", nifti(labels, packed=True)))
    assert not page.exception
    assert page.slider[0].value == 7  # the middle: all zero
    page.slider[0].set_value(3).run()
    assert "ids 0, 1" in plain(page.warning)[0]
    page.slider[0].set_value(8).run()
    assert "ids 0, 2" in plain(page.warning)[0]
    page.selectbox(key="mask_slice_axis").set_value("1").run()

    assert not page.exception
    assert (page.slider[0].value, page.slider[0].max) == (11, 20)
