"""One dict, several networks, and what training keeps beside them: names and shapes decide."""

from __future__ import annotations

import argparse
from collections import OrderedDict
from types import SimpleNamespace

import pytest
import torch
from safetensors.torch import save

from core.checkpoint import read_checkpoint
from core.checkpoint.parts import parts_in
from core.errors import CheckpointError
from tests.conftest import saved

NET = {
    "backbone.conv.weight": (8, 3, 3, 3),
    "backbone.bn.weight": (8,),
    "head.weight": (5, 8, 1, 1),
    "head.bias": (5,),
}
ENCODER = {key: shape for key, shape in NET.items() if not key.startswith("head.")}
LARGE = {f"layer{k}.weight": (8, k + 1, 3, 3) for k in range(20)}


def under(prefix, shapes=NET):
    return {prefix + key: shape for key, shape in shapes.items()}


def found(shapes):
    return [(part.name, part.prefix) for part in parts_in(shapes)]


def left_over(shapes):
    return sorted(shapes.keys() - {key for part in parts_in(shapes) for key in part.keys})


@pytest.mark.parametrize(
    "beside",
    [
        {"criterion.weight": (6,)},
        {"loss_fn.pos_weight": (1,)},
        {"val_iou.confmat": (6, 6)},
        {"train_metrics.MulticlassJaccardIndex.confmat": (21, 21)},
        {"mean": (1, 3, 1, 1), "std": (1, 3, 1, 1)},
        {"perceptual_loss.vgg.features.0.weight": (64, 3, 3, 3)},
        {"perceptual.net.slice1.0.weight": (64, 3, 3, 3)},
        {"discriminator.conv.weight": (64, 3, 4, 4)},
        {"log_sigma": ()},
    ],
)
def test_what_the_training_keeps_beside_a_wrapped_network_is_left_over(beside):
    shapes = {**under("model."), **beside}

    assert found(shapes) == [("", "model.")]
    assert left_over(shapes) == sorted(beside)


@pytest.mark.parametrize(
    "prefix",
    ["", "model.", "module.", "net.", "network.", "_orig_mod.", "module.model.", "student.",
     "segmentor.", "unet.", "model.my_deeplab.", "model.net.module.", "ema_model.module.",
     "averaged_model.module.", "_model.", "segmenter.model.", "backbone.", "encoder.module."],
)  # fmt: skip
def test_the_beginning_of_all_names_is_taken_off_as_often_as_it_takes(prefix):
    assert found(under(prefix)) == [("", prefix)]


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("model.", "ema_model."),
        ("model.", "model_ema.module."),
        ("net.", "swa_model.module."),
        ("student.", "teacher."),
        ("student_model.", "mean_teacher."),
        ("online.", "target."),
        ("model_s.", "model_t."),
    ],
)
def test_two_sets_of_weights_are_two_parts_and_the_trained_one_is_first(first, second):
    shapes = {**under(second), **under(first), "criterion.weight": (6,)}

    assert found(shapes) == [(first.partition(".")[0], first), (second.partition(".")[0], second)]
    assert left_over(shapes) == ["criterion.weight"]


def test_a_wrapper_of_any_name_may_stand_beside_an_average():
    shapes = {**under("unet."), **under("ema_model.module."), "val_iou.confmat": (6, 6)}

    assert found(shapes) == [("unet", "unet."), ("ema_model", "ema_model.module.")]


def test_a_copy_beside_a_network_without_a_prefix_is_a_part_of_its_own():
    shapes = {**NET, **under("ema.module.")}

    assert found(shapes) == [("the network itself", ""), ("ema", "ema.module.")]


def test_two_groups_that_are_alike_and_all_there_is_are_two_networks():
    shapes = {**under("branch_a.", LARGE), **under("branch_b.", LARGE)}

    assert found(shapes) == [("branch_a", "branch_a."), ("branch_b", "branch_b.")]


@pytest.mark.parametrize(
    "whole",
    [
        {**under("model."), "head.weight": (5, 8, 1, 1)},  # a class whose encoder is self.model
        {**under("net."), **under("target_encoder.", {"conv.weight": (8, 3, 3, 3)})},
        {**under("left.", LARGE), **under("right.", LARGE), "fuse.weight": (5, 16, 1, 1)},
        {**under("0.", LARGE), **under("1.", LARGE)},
        {"weight": (5, 3, 1, 1)},
        under("backbone.", ENCODER),  # an encoder alone stays one
        under("body.", {"0.weight": (8, 3, 3, 3), "3.weight": (5, 8, 1, 1)}),
        {"criterion.weight": (6, 6, 3, 3)},
        {"mean": (3,), "std": (3,)},
    ],
)
def test_layers_outside_make_it_one_network(whole):
    assert found(whole) == [("", "")]
    assert left_over(whole) == []


def test_wrappers_without_end_are_followed_only_so_far():
    assert len(found({"model." * 500 + "weight": (5, 8, 3, 3)})) == 1


# --- files ----------------------------------------------------------------------------------------


def weights(prefix="", value=1.0):
    return {prefix + key: torch.full(shape, value) for key, shape in NET.items()}


def lightning():
    """What a LightningModule leaves that has a loss, a metric, and normalizes by itself."""
    numbers = {"mean": torch.tensor([0.485, 0.456, 0.406]), "std": torch.tensor([0.2, 0.3, 0.4])}
    return {
        **weights("model."),
        **{key: value.view(1, 3, 1, 1) for key, value in numbers.items()},
        "loss_fn.pos_weight": torch.ones(1),
        "val_iou.confmat": torch.zeros(6, 6),
    }


@pytest.mark.parametrize("encode", [lambda state: saved({"state_dict": state}), save])
def test_the_network_of_a_lightning_module_is_read_and_what_is_left_over_is_told(encode, read):
    checkpoint = read(encode(lightning()))

    assert checkpoint.tensors.keys() == NET.keys()
    assert checkpoint.prefix == "model."
    assert checkpoint.left_over.keys() == lightning().keys() - weights("model.").keys()
    assert checkpoint.left_over["val_iou.confmat"] == "tensor (6, 6) of float32"


def test_buffers_beside_the_network_tell_how_its_class_normalizes(read):
    (stated,) = read(saved({"state_dict": lightning()})).stated

    assert (stated.mean, stated.std) == ((0.485, 0.456, 0.406), (0.2, 0.3, 0.4))
    assert stated.by_class
    assert stated.where == "mean, std"


class Config:
    """As a training script keeps its options in a class of its own."""

    def __init__(self, **options):
        self.__dict__ |= options


class DictConfig(Config):
    """As omegaconf keeps entries, and a way back to what they are in."""


@pytest.mark.parametrize(
    "config",
    [
        Config(data=Config(mean=[0.1], std=[0.2])),
        argparse.Namespace(mean=[0.1], std=(0.2,)),
        SimpleNamespace(transform={"normalize": {"mean": [0.1], "std": [0.2]}}),
        OrderedDict(norm_mean=[0.1], norm_std=[0.2]),
        DictConfig(_content={"mean": Config(_val=[0.1]), "std": Config(_val=[0.2])}, _parent=None),
    ],
)
def test_options_of_any_class_are_read_as_plain_data(config, read):
    (stated,) = read(saved({"model": weights(), "args": config})).stated

    assert (stated.mean, stated.std) == ((0.1,), (0.2,))
    assert stated.where.startswith("args")


def test_two_networks_of_one_dict_are_listed_and_the_other_can_be_read(tmp_path):
    path = tmp_path / "both.ckpt"
    state = {**weights("teacher.module.", 2.0), **weights("student.", 1.0)}
    path.write_bytes(saved({"state_dict": state, "epoch": 3}))
    first, second = (
        read_checkpoint(path, name="both", digest="d", choice=choice)
        for choice in ("", "state_dict/teacher")
    )

    assert [c["path"] for c in first.candidates] == ["state_dict/student", "state_dict/teacher"]
    assert (first.part, second.part) == ("state_dict/student", "state_dict/teacher")
    assert (first.prefix, second.prefix) == ("student.", "teacher.module.")
    assert float(first.tensors["head.bias"][0]) == 1.0
    assert float(second.tensors["head.bias"][0]) == 2.0
    assert first.place != second.place
    with pytest.raises(CheckpointError, match="no weights under 'best'") as caught:
        read_checkpoint(path, name="both", digest="d", choice="best")
    assert "state_dict/student, state_dict/teacher" in caught.value.remedy


def test_averaged_weights_that_an_optimizer_keeps_are_listed(read):
    optimizer = {"state": {0: {"exp_avg": torch.ones(3)}}, "param_groups": [], "swa": weights()}
    checkpoint = read(saved({"model": weights(), "optimizer": optimizer}))

    assert [c["path"] for c in checkpoint.candidates] == ["model", "optimizer/swa"]
