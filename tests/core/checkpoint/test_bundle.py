"""Checkpoints of several files: folders of Hugging Face and SMP, as a ZIP or uploaded together."""

from __future__ import annotations

import io
import json
import zipfile

import pytest
import torch
from safetensors.torch import save as save_safetensors

from core.checkpoint import read_checkpoint
from core.checkpoint.containers.bundle import INDEX, pack
from core.checkpoint.known import normalizations_in
from core.errors import CheckpointError, RefusedError
from tests.conftest import saved, zipped

CONFIG = {"model_type": "segformer", "id2label": {"0": "road", "1": "sky"}}
PREPROCESSOR = {"image_mean": [0.5, 0.4, 0.3], "image_std": [0.2, 0.2, 0.1], "do_resize": True}


def weights(*names):
    generator = torch.Generator().manual_seed(0)
    return {name: torch.randn(3, 4, generator=generator) for name in names}


def same(found, wanted):
    assert set(found) == set(wanted)
    assert all(torch.equal(found[name], wanted[name]) for name in wanted)


def folder(weight_files):
    texts = {
        "config.json": json.dumps(CONFIG),
        "preprocessor_config.json": json.dumps(PREPROCESSOR),
    }
    return {**texts, **weight_files, "README.md": "# a model"}


@pytest.mark.parametrize("method", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
@pytest.mark.parametrize("place", ["", "segformer-road/"])
def test_a_folder_of_hugging_face_in_a_zip_opens_with_its_facts(read, method, place):
    tensors = weights("segformer.a", "decode_head.b")
    files = folder({"model.safetensors": save_safetensors(tensors)})
    checkpoint = read(zipped({place + name: text for name, text in files.items()}, method))

    same(checkpoint.tensors, tensors)
    assert checkpoint.container == "safetensors in a ZIP"
    assert checkpoint.metadata["config.json"] == CONFIG
    assert checkpoint.class_names == ("road", "sky")
    assert normalizations_in(checkpoint.metadata)[0].mean == (0.5, 0.4, 0.3)
    assert any(name.endswith("README.md") for name in checkpoint.others)


def test_shards_are_read_as_one_network(read):
    parts = {"model-00001-of-00002.safetensors": weights("a", "b"),
             "model-00002-of-00002.safetensors": weights("c")}  # fmt: skip
    index = {"weight_map": {key: name for name, part in parts.items() for key in part}}
    files = {name: save_safetensors(part) for name, part in parts.items()}
    checkpoint = read(zipped(folder({**files, INDEX: json.dumps(index)})))

    same(checkpoint.tensors, {key: value for part in parts.values() for key, value in part.items()})


def test_a_shard_that_is_not_there_is_named(read):
    index = {"weight_map": {"a": "model-00001-of-00002.safetensors",
                            "c": "model-00002-of-00002.safetensors"}}  # fmt: skip
    shard = save_safetensors(weights("a"))
    files = {"model-00001-of-00002.safetensors": shard, INDEX: json.dumps(index)}

    with pytest.raises(CheckpointError, match="spread over 2 files; here are the numbers 1"):
        read(zipped(folder(files)))


def test_a_file_that_only_the_index_names_is_missed(read):
    index = {"weight_map": {"a": "first.safetensors", "b": "second.safetensors"}}
    files = {"first.safetensors": save_safetensors(weights("a")), INDEX: json.dumps(index)}

    with pytest.raises(CheckpointError, match=r"1 of them are not here: second\.safetensors"):
        read(zipped(folder(files)))


def test_a_tensor_in_two_shards_is_refused(read):
    shard = save_safetensors(weights("a"))
    files = {f"model-0000{n}-of-00002.safetensors": shard for n in (1, 2)}

    with pytest.raises(CheckpointError, match="a is in two of its files"):
        read(zipped(files))


@pytest.mark.parametrize("name", ["weights.pth", "pytorch_model.bin", "run/best.ckpt"])
def test_a_checkpoint_of_torch_in_a_zip_opens(read, name):
    tensors = weights("a", "b")
    checkpoint = read(zipped({name: saved({"state_dict": tensors, "epoch": 3})}))

    same(checkpoint.tensors, tensors)
    assert checkpoint.container == "zip pickle in a ZIP"
    assert checkpoint.metadata["epoch"] == 3


def test_safetensors_are_taken_before_pickles(read):
    tensors = weights("a")
    files = {"model.safetensors": save_safetensors(tensors), "pytorch_model.bin": b"anything",
             "training_args.bin": b"no weights"}  # fmt: skip

    same(read(zipped(files)).tensors, tensors)


def test_two_networks_in_one_zip_are_not_guessed_between(read):
    with pytest.raises(CheckpointError, match=r"2 files with weights: best.pth, last.pth"):
        read(zipped({"best.pth": b"x", "last.pth": b"y"}))


@pytest.mark.parametrize("name", [".safetensors", ".model.safetensors", "other/.safetensors"])
def test_a_network_in_a_file_that_begins_with_a_dot_is_not_passed_over(read, name):
    files = {"model.safetensors": weights("a"), name: weights("b")}
    with pytest.raises(CheckpointError, match="2 files with weights"):
        read(zipped({name: save_safetensors(tensors) for name, tensors in files.items()}))


def test_what_macos_puts_beside_a_file_is_no_network(read):
    files = {"model.safetensors": save_safetensors(weights("a")), "._model.safetensors": b"Mac"}

    same(read(zipped(files)).tensors, weights("a"))


def test_a_hostile_pickle_in_a_zip_is_refused_as_it_is_alone(read):
    class Mischief:
        def __reduce__(self):
            import os

            return os.system, ("true",)

    with pytest.raises(RefusedError, match="system"):
        read(zipped({"weights.pth": saved({"w": torch.ones(2), "x": Mischief()})}))


def test_a_zip_that_unpacks_to_gigabytes_is_refused(read):
    with pytest.raises(RefusedError, match="GiB unpacked"):
        read(zipped({"weights.pth": bytes(300 * 2**20)}))


def test_a_flipped_bit_in_a_zip_is_noticed(read):
    content = bytearray(zipped({"w.safetensors": save_safetensors(weights("a"))},
                               zipfile.ZIP_STORED))  # fmt: skip
    content[content.find(b'{"a"') + 100] ^= 4

    with pytest.raises(CheckpointError, match="damaged"):
        read(bytes(content))


def test_files_uploaded_together_give_the_same_zip_in_any_order(tmp_path):
    tensors = weights("a")
    files = [("model.safetensors", save_safetensors(tensors)), ("config.json", b"{}")]
    for name, order in (("one", files), ("two", files[::-1])):
        with (tmp_path / name).open("wb") as target:
            pack([(n, io.BytesIO(content)) for n, content in order], target)

    assert (tmp_path / "one").read_bytes() == (tmp_path / "two").read_bytes()
    same(read_checkpoint(tmp_path / "one", name="x", digest="d").tensors, tensors)
