"""Charts have room for their numbers."""

import numpy as np
import pytest

from core.colors import palette_colors
from core.settings import Display
from pages.components.widgets.charts import bias_figure, fits_figure, likeness_figure, pixel_figure


def pinned(logits):
    values = np.array(logits, float)
    finite = np.nan_to_num(values)
    probabilities = np.exp(finite) / np.exp(finite).sum()
    names = [f"class {k}" for k in range(len(values))]
    return pixel_figure(values, probabilities, names, palette_colors(Display(), len(values)))


@pytest.mark.parametrize(
    ("logits", "left", "right"),
    [
        ((-3.4, 1.0, 8.0, -2.3), 4.0, 9.0),  # unlikely ones to the left: short numbers
        ((-0.4, 0.5), 0.8, 0.8),  # both have their probability beside them
        ((-4.0, -2.0, -3.0), 3.5, 0.0),
        ((2.0, np.nan), 0.0, 1.7),
    ],
)
def test_the_numbers_of_a_pinned_pixel_stand_outside_of_their_bars(logits, left, right):
    figure = pinned(logits)
    low, high = figure.layout.xaxis.range

    assert figure.data[0].textposition == "outside"
    assert min(0, np.nanmin(logits)) - low >= left
    assert high - max(0, np.nanmax(logits)) >= right


def test_a_probability_of_nothing_is_not_written():
    assert pinned((-4.0, 9.0)).data[0].text == ("-4.00", "9.00 (p 1.000)")


def test_the_divergence_under_each_convention_is_written_beside_its_bar():
    figure = fits_figure(["ImageNet", "0-255"], [0.039, 6750.0])

    assert figure.data[0].text == ("0.039", "6,750")
    assert figure.data[0].textposition == "outside"
    assert figure.layout.xaxis.range[1] > np.log10(6750) + 1
    assert figure.layout.xaxis.range[0] < np.log10(0.039)


def test_the_scale_of_likeness_marks_each_input_in_its_zone_and_names_the_number():
    scale = {"like training": 0.25, "unusual": 2.5, "nothing like training": float("inf")}
    figure = likeness_figure({"as fed now": 6750.0, "ImageNet": 0.04}, scale)

    marks = figure.data[0]
    assert [note.text for note in figure.layout.annotations] == list(scale)
    assert [shape.x1 for shape in figure.layout.shapes] == [0.25, 2.5, max(marks.x)]
    assert marks.customdata == (6750.0, 0.04)
    assert "KL divergence of BatchNorm statistics" in marks.hovertemplate


def test_a_class_without_a_name_has_its_number_once():
    assert pinned((1.0, 2.0)).data[0].y == ("class 0", "class 1")


def test_every_class_has_its_label_beside_its_bias_also_without_names():
    """Numbers alone would make an axis of numbers, which leaves every second one out."""
    figure = bias_figure([0.1, -0.2, 0.3], ["", "", ""])

    assert figure.layout.yaxis.type == "category"
