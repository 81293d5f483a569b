"""Class names and normalization that stand beside the weights in plain data."""

from __future__ import annotations

import pytest

from core.checkpoint.known import class_names_in, normalizations_in

CONFIG = "img_norm_cfg = dict(\n    mean=[123.675, 116.28, 103.53], std=[58.395, 57.12, 57.375])"


@pytest.mark.parametrize(
    "metadata",
    [
        {"meta": {"CLASSES": ["road", "sky"]}},
        {"meta": {"dataset_meta": {"classes": ("road", "sky")}}},
        {"config.json": {"id2label": {"0": "road", "1": "sky"}}},
        {"hyper_parameters": {"data": {"class_names": ["road", "sky"]}}},
        {"hyper_parameters/class_names": ["road", "sky"]},
        {"categories": ["road", "sky"]},
        {"args": {"label2id": {"sky": 1, "road": 0}}},
        {"cfg": {"DATASET": {"CLASS_NAMES": ["road", "sky"]}}},
    ],
)
def test_class_names_are_found_where_training_code_keeps_them(metadata):
    assert class_names_in({"epoch": 3, **metadata}) == ("road", "sky")


@pytest.mark.parametrize(
    "metadata",
    [
        {},
        {"classes": 21},
        {"classes": [0, 1, 2]},
        {"classes": []},
        {"id2label": {"0": "road", "2": "sky"}},
        {"classes": ["x"] * 10_000},
    ],
)
def test_what_is_no_list_of_names_gives_none(metadata):
    assert class_names_in(metadata) == ()


@pytest.mark.parametrize(
    ("metadata", "where"),
    [
        ({"preprocessor_config.json": {"image_mean": [0.5], "image_std": [0.2]}}, "preprocessor"),
        ({"args": {"mean": [0.5], "std": [0.2]}}, "args"),
        ({"mean": [0.5], "std": [0.2]}, "mean, std"),
        ({"cfg": {"INPUT": {"PIXEL_MEAN": [0.5], "PIXEL_STD": [0.2]}}}, "cfg/INPUT"),
        ({"hyper_parameters": {"norm_means": [0.5], "norm_stds": [0.2]}}, "hyper_parameters"),
        ({"hyper_parameters/mean": [0.5], "hyper_parameters/std": [0.2]}, "hyper_parameters/mean"),
        ({"meta": {"config": "x = dict(mean=[0.5], std=(0.2, ))"}}, "meta/config"),
    ],
)
def test_a_normalization_is_found_with_the_place_where_it_stands(metadata, where):
    (found,) = normalizations_in(metadata)

    assert (found.mean, found.std) == ((0.5,), (0.2,))
    assert where in found.where


def test_the_configuration_text_of_mmseg_is_read_and_each_pair_is_told_once():
    (found,) = normalizations_in({"meta": {"config": CONFIG + CONFIG}})

    assert found.mean == (123.675, 116.28, 103.53)
    assert found.std == (58.395, 57.12, 57.375)


@pytest.mark.parametrize(
    "metadata",
    [
        {"mean": [0.5]},
        {"preprocessor_config.json": {"do_normalize": False, "mean": [0.5], "std": [0.2]}},
        {"mean": 0.5, "std": 0.2},
        {"mean": [0.5, 0.5], "std": [0.2]},
        {"mean": ["a"], "std": ["b"]},
        {"mean": [True], "std": [True]},
        {"config": "mean=[1.2.3], std=[x]"},
        {"loop": [[[{}]]] * 10_000},
    ],
)
def test_what_is_no_pair_of_numbers_gives_none(metadata):
    assert normalizations_in(metadata) == ()


def test_ids_that_no_class_can_have_are_no_class_names():
    assert class_names_in({"id2label": {"9" * 5000: "road", "1": "sky"}}) == ()


@pytest.mark.parametrize("mean", [[1e999, 0.5], [float("nan"), 0.5]])
def test_numbers_that_are_not_finite_are_no_normalization(mean):
    assert normalizations_in({"mean": mean, "std": [1.0, 1.0]}) == ()
