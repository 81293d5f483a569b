"""Errors against the ground truth on the dashboard, without a browser."""

from __future__ import annotations

import base64
import io
import json

import numpy as np
import pytest
from PIL import Image

from core.differences import HATCH, differences
from core.scores import confusion_matrix
from pages.components.widgets.truth_charts import MOST_CLASSES, errors_figure, matrix_figure
from tests.conftest import dashboard, png, upload

TITLE = "Errors against the ground truth"


def charts(app):
    """The figures on the page by their titles."""
    specs = [json.loads(chart.proto.spec) for chart in app.get("plotly_chart")]
    return {spec["layout"]["title"]["text"]: spec for spec in specs}


def texts(app):
    return " ".join(caption.value for caption in app.caption)


@pytest.fixture(scope="module")
def opened(tmp_path_factory):
    """The example, a black mask beside its ground truth, with the expander open."""
    from pages.components.state import files

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(files, "DATA_FOLDER", tmp_path_factory.mktemp("data"))
        files.store.clear()
        app = dashboard()
        app.session_state["differences"] = True
        yield app.run()


def test_a_black_mask_has_missed_the_objects(opened):
    traces = charts(opened)["Where mask and truth differ"]["data"]
    share = next(t["name"] for t in traces if t.get("name", "").startswith("missed"))

    assert not opened.exception
    assert float(share.split()[1]) > 10
    assert "Taken as the background: class 0 (desk)" in texts(opened)


def test_the_matrix_stands_beside_it_with_the_names_of_the_classes(opened):
    rows = charts(opened)["Confusion matrix"]["data"][0]["y"]

    assert rows[0] == "0 desk" and "4 cup" in rows


def test_nothing_is_computed_while_it_is_closed(app):
    assert TITLE in [expander.label for expander in app.expander]
    assert "Confusion matrix" not in charts(app)


def test_without_a_ground_truth_there_is_nothing_to_open(app):
    next(button for button in app.button if button.label == "Remove").click().run()

    assert not app.exception
    assert TITLE not in [expander.label for expander in app.expander]


def test_where_every_pixel_is_ignored_that_is_said_and_nothing_drawn(app):
    app.session_state["differences"] = True
    upload(app, "Upload a mask", "void.png", png(np.full((256, 256), 255)))

    assert not app.exception
    assert any("ignored id 255: none is compared" in info.value for info in app.info)
    assert "Confusion matrix" not in charts(app)


# --- the figures ----------------------------------------------------------------------------------


def drawn(figure):
    """The pixels of the picture in a figure."""
    content = base64.b64decode(figure.data[0].source.removeprefix("data:image/png;base64,"))
    return np.array(Image.open(io.BytesIO(content), formats=["PNG"]))


def of(found, true):
    return differences(np.array([found], np.int32), np.array([true], np.int32), 255)


def test_the_picture_is_lossless_pixel_by_pixel_and_never_smoothed():
    found = of([0, 0, 1, 2], [0, 1, 0, 1])
    figure = errors_figure(np.full((1, 4, 3), 200, np.uint8), found)

    assert drawn(figure).tolist() == [[[80] * 3, [213, 94, 0], [86, 180, 233], [240, 228, 66]]]
    assert figure.data[0].zsmooth is False


def test_the_legend_gives_the_share_of_each_kind_in_its_color():
    found = of([0, 0, 0, 1, 2], [0, 0, 1, 0, 255])
    figure = errors_figure(np.zeros((1, 5, 3), np.uint8), found)

    assert [trace.name for trace in figure.data[1:]] == [
        "right 50.0 %", "missed 25.0 %", "false 25.0 %", "confused 0.0 %",
        "ignored (20.0 % of the picture)",
    ]  # fmt: skip
    assert figure.data[2].marker.color == "rgb(213,94,0)"
    assert drawn(figure)[0, 4, 0] in HATCH


def test_a_few_wrong_pixels_are_not_rounded_away():
    wrong = np.zeros((1, 3000), np.int32)
    wrong[0, 7] = 1
    figure = errors_figure(np.zeros((1, 3000, 3), np.uint8), of(wrong[0], wrong[0] * 0))

    assert [trace.name for trace in figure.data[1:4]] == [
        "right > 99.9 %", "missed 0.0 %", "false < 0.1 %",
    ]  # fmt: skip


def test_the_matrix_has_shares_of_the_true_class_and_counts_on_hover():
    matrix = confusion_matrix(np.array([[0, 1, 1, 1, 1]]), np.array([[0, 0, 0, 0, 1]]), 3, 255)
    cells = matrix_figure(matrix, ("desk", "ball", "cup")).data[0]

    assert list(cells.y) == list(cells.x) == ["0 desk", "1 ball"]  # no cup anywhere
    assert [list(row) for row in cells.z] == [[0.25, 0.75], [0, 1]]
    assert [list(row) for row in cells.customdata] == [[1, 3], [0, 1]]
    assert "customdata" in cells.hovertemplate


def test_ids_that_the_network_lacks_and_pixels_without_a_class_are_named():
    matrix = confusion_matrix(np.array([[0, -1]]), np.array([[7, 0]]), 2, 255)
    cells = matrix_figure(matrix, ("desk", "ball")).data[0]

    assert list(cells.y) == ["0 desk", "other ids"]
    assert list(cells.x) == ["0 desk", "no class"]


def test_a_class_that_the_truth_lacks_has_an_empty_row():
    cells = matrix_figure(np.array([[1, 1, 0], [0, 0, 0], [0, 0, 0]]), ("desk", "ball")).data[0]

    assert list(cells.z[1]) == [None, None]
    assert cells.hoverongaps is False


def test_of_many_classes_the_most_frequent_are_drawn_and_that_is_said():
    names = [f"class {k}" for k in range(40)]
    figure = matrix_figure(np.diag([*range(1, 41), 1]), names)

    assert len(figure.data[0].y) == MOST_CLASSES + 1 == 31
    assert (figure.data[0].y[0], figure.data[0].y[-1]) == ("class 10", "other ids")
    assert "30 most frequent of 40" in figure.layout.title.text
