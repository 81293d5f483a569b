"""The examples in the docstrings of the five stages, and of the scores, are true."""

import doctest
from importlib import import_module

import pytest

STAGES = {  # module -> functions that show what they do
    "core.image.decode": {"decode_image"},
    "core.preprocess": {"preprocess"},
    "core.inference": {"forward"},
    "core.labels": {"decode_labels"},
    "core.colors": {"palette_colors", "colorize"},
    "core.scores": {"confusion_matrix", "iou_per_class"},
}


@pytest.mark.parametrize("name", STAGES)
def test_the_examples_of_a_stage_are_true(name, capsys):
    module = import_module(name)
    shown = {
        test.name.split(".")[-1] for test in doctest.DocTestFinder().find(module) if test.examples
    }
    failed, _ = doctest.testmod(module)

    assert failed == 0, capsys.readouterr().out
    assert shown >= STAGES[name]
