"""What a preprocessor_config.json says of size and labels; labels off by one name it."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from core.checkpoint.preprocessor import FILE, stated_in
from core.diagnosis import diagnose
from tests.support.cases import healthy, true_ids, with_truth

SIZES = [
    ({"size": {"height": 512, "width": 640}}, "640 x 512 (width x height)"),
    ({"size": {"shortest_edge": 448}}, "a shorter side of 448 pixels"),
    (
        {"size": {"shortest_edge": 800, "longest_edge": 1333}},
        "a shorter side of 800 pixels, the longer one to at most 1333",
    ),
    ({"size": 512}, "512 x 512 (width x height)"),  # of 2022
    ({"size": 512, "do_resize": False}, ""),
    ({"size": "large"}, ""),
    ({"size": {"height": True, "width": -3}}, ""),
    ({"size": [512, 512]}, ""),
]


@pytest.mark.parametrize(("config", "words"), SIZES)
def test_the_size_is_told_as_it_stands_there(config, words):
    assert stated_in({FILE: config}).size == words


@pytest.mark.parametrize("name", ["do_reduce_labels", "reduce_labels"])
def test_reduced_labels_are_told(name):
    assert stated_in({FILE: {name: True}}).reduces_labels
    assert not stated_in({FILE: {name: 0}}).reduces_labels
    assert not stated_in({FILE: "text"}).reduces_labels


@pytest.mark.parametrize("stated", [True, False])
def test_a_truth_one_too_high_names_the_files_own_word(stated):
    case = with_truth(true_ids() + 1)
    metadata = dict(case.checkpoint.metadata) | {FILE: {"do_reduce_labels": stated}}
    case = replace(case, checkpoint=replace(healthy().checkpoint, metadata=metadata))
    found = next(f for f in diagnose(case).faults if f.cause == "T3")

    assert found.certainty == "certain"
    assert ("do_reduce_labels" in found.evidence[0].words) == stated
    if stated:
        namespace = {"ids": np.array([0, 1, 5]), "np": np}
        exec(found.code, namespace)
        assert namespace["ids"].tolist() == [255, 0, 4]
