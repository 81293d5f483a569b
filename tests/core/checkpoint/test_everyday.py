"""What lies around the weights in everyday files: told for what it is, and never taken for them."""

from __future__ import annotations

import gzip
import json
import pickle

import pytest
import torch
from safetensors.torch import save
from torch import nn

from core.checkpoint import read_checkpoint
from core.errors import CheckpointError, RefusedError
from tests.conftest import saved, zipped

NET = {"conv.weight": torch.ones(4, 3, 3, 3), "conv.bias": torch.zeros(4)}
ARRAYS = {key: value.numpy() for key, value in NET.items()}


@pytest.mark.parametrize(
    "beside",
    [
        {"hyper_parameters": {"loss": nn.CrossEntropyLoss(weight=torch.ones(6))}},
        {"rng_state": torch.get_rng_state(), "loss": torch.tensor(0.3)},
        {"history": {"miou": torch.rand(5)}},
    ],
)
def test_what_has_no_layer_is_no_second_set_of_weights(beside, read):
    checkpoint = read(saved({"model": NET, **beside}))

    assert [candidate["path"] for candidate in checkpoint.candidates] == ["model"]
    assert set(beside) <= set(checkpoint.others)


def test_mean_and_std_that_lie_beside_the_weights_as_tensors_are_what_the_file_says(read):
    numbers = {"mean": torch.tensor([0.1, 0.2, 0.3]), "std": torch.tensor([0.5, 0.5, 0.25])}
    checkpoint = read(saved({"state_dict": NET, **numbers, "epoch": 3}))

    assert [(each.mean, each.std) for each in checkpoint.stated] == [
        ((0.1, 0.2, 0.3), (0.5, 0.5, 0.25))
    ]
    assert set(checkpoint.tensors) == set(NET)


@pytest.mark.parametrize(
    "wrapper", ["_orig_mod.", "_checkpoint_wrapped_module.", "_fsdp_wrapped_module."]
)
def test_wrappers_inside_of_names_are_taken_out_and_that_is_told(wrapper, read):
    checkpoint = read(saved({f"down1.{wrapper}{key}": t for key, t in NET.items()} | NET))

    assert set(checkpoint.tensors) == {*NET, *(f"down1.{key}" for key in NET)}
    assert checkpoint.computed == tuple(f"down1.{key}" for key in NET)
    assert any("2 names are read without the wrappers" in note for note in checkpoint.notes)


def test_a_part_is_found_by_the_end_of_its_name_where_only_one_ends_so(tmp_path):
    both = {
        f"{name}.{key}": tensor for name in ("student", "teacher") for key, tensor in NET.items()
    }
    (tmp_path / "both.ckpt").write_bytes(saved({"state_dict": both}))

    def part(choice):
        path = tmp_path / "both.ckpt"
        return read_checkpoint(path, name="both", digest="d", choice=choice).part

    assert part("teacher") == part("state_dict/teacher") == "state_dict/teacher"
    with pytest.raises(CheckpointError, match="no weights under 'acher'"):
        part("acher")


def test_a_file_without_any_layer_still_shows_its_tensors(read):
    assert list(read(saved({"embedding": torch.ones(3, 4)})).tensors) == ["embedding"]


def test_metadata_of_safetensors_may_be_json(read):
    facts = {"mean": "[0.1, 0.2, 0.3]", "std": "[1, 1, 1]", "classes": json.dumps(["a", "b"])}
    checkpoint = read(save(NET, metadata=facts | {"config": "{broken"}))

    assert [each.mean for each in checkpoint.stated] == [(0.1, 0.2, 0.3)]
    assert checkpoint.class_names == ("a", "b")


@pytest.mark.parametrize(
    ("content", "where"),
    [
        (saved(ARRAYS), "content.items()"),
        (saved({"model": ARRAYS, "epoch": 3}), "content['model'].items()"),
        (pickle.dumps({"model": ARRAYS, "__author__": "x"}, 4), "content['model'].items()"),
        (pickle.dumps(ARRAYS, 5), "content.items()"),
    ],
)
def test_arrays_of_numpy_are_named_with_the_line_that_makes_tensors_of_them(content, where, read):
    with pytest.raises(CheckpointError, match="2 arrays of NumPy") as caught:
        read(content)

    assert where in caught.value.remedy


def test_a_pickle_of_tensors_is_refused_without_being_called_an_attack(read):
    with pytest.raises(RefusedError, match=r"as pickle\.dump writes tensors") as caught:
        read(pickle.dumps(NET))

    assert "torch.save" in caught.value.remedy


@pytest.mark.parametrize(
    "inside",
    [
        {"export.zip": zipped({"run/best.pth": saved(NET)})},
        {"model.pth.tar": saved(NET)},
        {"best.model": saved(NET), "notes.txt": b"epoch 9"},
        {"run/weights": save(NET), "run/args.yaml": b"lr: 0.1"},
        {"best.pth.gz": gzip.compress(saved(NET))},
    ],
    ids=list,
)
def test_in_a_zip_a_checkpoint_is_found_by_its_bytes_where_no_name_tells(inside, read):
    assert set(read(zipped(inside)).tensors) == set(NET)


def test_a_zip_in_zips_without_end_is_refused(read):
    content = zipped({"best.pth": saved(NET)})
    for _ in range(3):
        content = zipped({"next.zip": content})
    with pytest.raises(CheckpointError, match="more than 2 times over"):
        read(content)


def test_two_files_of_any_name_are_not_guessed_between(read):
    with pytest.raises(CheckpointError, match="2 files with weights"):
        read(zipped({"a.model": saved(NET), "b.model": saved(NET)}))


@pytest.mark.parametrize("name", ["model-00001-of-00002.safetens0rs", "model-00002-of-00002/part"])
def test_a_part_under_another_name_is_not_taken_for_the_whole_network(name, read):
    with pytest.raises(CheckpointError):
        read(zipped({name: save(NET), "config.json": b"{}"}))


LONG = saved({"conv.weight": torch.randn(64, 64, 3, 3)})  # 147 KB: enough line ends by chance


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"Entry not found", "Entry not found"),
        (b'{"error": "Repository not found"}', "Repository not found"),
        (b"<?xml version='1.0'?><Error><Code>AccessDenied</Code></Error>", "AccessDenied"),
        (bytes(5000), "begins with 4,096 zeros"),
        (LONG.replace(b"\n", b"\r\n"), "copied as a text"),
        (LONG.decode("utf-8", "replace").encode(), "copied as a text"),
        (LONG[:5000] + bytes(5000), "all zeros"),
        (LONG[:-40], "end is missing"),
        (b"\0\0\0\x1cftypavif" + bytes(90), "an AVIF picture"),
        (bytes(128) + b"DICM" + bytes(90), "a DICOM picture"),
    ],
)
def test_what_a_failed_download_left_is_said(content, says, read):
    with pytest.raises(CheckpointError, match=says):
        read(content)
