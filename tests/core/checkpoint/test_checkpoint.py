"""The one door: what opens, what it says, and what is refused with which sentence."""

from __future__ import annotations

import argparse
import hashlib
import io
import json
import pathlib
import pickle
import random
import struct
import zipfile
from collections import OrderedDict

import numpy as np
import pytest
import torch
from safetensors.torch import save as save_safetensors

from core.checkpoint import Checkpoint, read_checkpoint, sniff
from core.checkpoint.pickled import policy
from core.errors import CheckpointError, InspectionError, RefusedError


def weights():
    generator = torch.Generator().manual_seed(0)
    return OrderedDict(
        {
            "conv.weight": torch.randn(4, 3, 3, 3, generator=generator),
            "bn.running_var": torch.rand(4, generator=generator),
            "bn.num_batches_tracked": torch.tensor(7),
        }
    )


def saved(content, **options):
    buffer = io.BytesIO()
    torch.save(content, buffer, **options)
    return buffer.getvalue()


def legacy(content):
    return saved(content, _use_new_zipfile_serialization=False)


def zipped(**files):
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, content in files.items():
            archive.writestr(name.replace("__", "/").replace("_dot_", "."), content)
    return buffer.getvalue()


@pytest.fixture
def read(tmp_path):
    def read_bytes(content: bytes, name: str = "weights.pth") -> Checkpoint:
        path = tmp_path / "blob"
        path.write_bytes(content)
        return read_checkpoint(path, name=name, digest=hashlib.sha256(content).hexdigest())

    return read_bytes


def assert_same(tensors, wanted):
    assert list(tensors) == list(wanted)
    for key, value in wanted.items():
        assert tensors[key].dtype == value.dtype
        assert torch.equal(tensors[key], value)


# --- what opens -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("encode", "container"),
    [(saved, "zip pickle"), (legacy, "legacy pickle"), (save_safetensors, "safetensors")],
)
@pytest.mark.parametrize("name", ["w.pth", "w.safetensors", "w.png", "noextension"])
def test_the_container_is_told_by_the_bytes_not_by_the_name(read, encode, container, name):
    content = encode(weights())
    checkpoint = read(content, name)
    assert (checkpoint.container, checkpoint.name) == (container, name)
    assert checkpoint.num_bytes == len(content)
    assert checkpoint.digest == hashlib.sha256(content).hexdigest()
    assert dict(checkpoint.tensors).keys() == weights().keys()
    for key, value in weights().items():
        assert torch.equal(checkpoint.tensors[key], value)


@pytest.mark.parametrize(
    "wrapper", ["model", "state_dict", "model_state_dict", "model_state", "net", "network_weights"]
)
def test_a_training_dict_is_unwrapped_and_its_other_entries_are_told(read, wrapper):
    content = {wrapper: weights(), "optimizer": {"state": {}, "param_groups": []}, "epoch": 3}
    checkpoint = read(saved(content))
    assert_same(checkpoint.tensors, weights())
    assert checkpoint.wrapper == (wrapper,)
    assert checkpoint.others == {"optimizer": "dict of 2 entries", "epoch": "number 3"}


def test_raw_weights_have_no_wrapper_and_no_prefix(read):
    checkpoint = read(saved(weights()))
    assert (checkpoint.wrapper, checkpoint.prefix, checkpoint.others) == ((), "", {})
    assert checkpoint.notes == ()


def test_a_wrapper_inside_a_wrapper_is_opened(read):
    checkpoint = read(saved({"net": {"state_dict": weights(), "lr": 0.1}, "epoch": 1}))
    assert checkpoint.wrapper == ("net", "state_dict")
    assert checkpoint.others == {"epoch": "number 1", "net/lr": "number 0.1"}


@pytest.mark.parametrize(
    ("beside", "told", "metadata"),
    [
        (argparse.Namespace(lr=1), "object of argparse.Namespace", {"lr": 1}),
        (pathlib.PurePosixPath("a"), "object of pathlib.PurePosixPath", None),
        (np.float64(0.5), "object of numpy._core.multiarray.scalar", None),
        (["road", "sky"], "list of 2 entries", ["road", "sky"]),
        ({"mean": (0.5, 0.5, 0.5)}, "dict of 1 entry", {"mean": [0.5, 0.5, 0.5]}),
    ],
)
@pytest.mark.parametrize("protocol", [2, 4])
def test_what_stands_beside_the_weights_is_told_and_does_not_hinder(
    read, beside, told, metadata, protocol
):
    checkpoint = read(saved({"model": weights(), "beside": beside}, pickle_protocol=protocol))
    assert_same(checkpoint.tensors, weights())
    assert checkpoint.others == {"beside": told}
    assert checkpoint.metadata.get("beside") == metadata


def test_an_unknown_wrapper_is_opened_where_nothing_else_holds_weights(read):
    assert read(saved({"generator": weights(), "step": 1})).wrapper == ("generator",)


def test_the_averaged_weights_stay_beside_the_model(read):
    checkpoint = read(saved({"ema": weights(), "model": weights()}))
    assert checkpoint.wrapper == ("model",)
    assert checkpoint.others == {"ema": "dict of 3 entries"}


def test_a_list_among_raw_weights_is_told_and_left_out(read):
    checkpoint = read(saved(weights() | {"mask_values": [0, 255]}))
    assert_same(checkpoint.tensors, weights())
    assert checkpoint.others == {"mask_values": "list of 2 entries"}


def test_a_scalar_tensor_beside_a_wrapper_is_no_weight(read):
    checkpoint = read(saved({"state_dict": weights(), "best": torch.tensor(0.5)}))
    assert_same(checkpoint.tensors, weights())
    assert checkpoint.others == {"best": "tensor () of float32"}


@pytest.mark.parametrize(
    "prefix",
    [
        *("module.", "model.", "net.", "network.", "_orig_mod.", "ema_model.", "model_ema."),
        *("student.", "segmentor.", "module.module.", "_orig_mod.module.", "module.model.net."),
    ],
)
def test_prefixes_that_all_keys_share_are_stripped_repeatedly(read, prefix):
    content = {prefix + key: value for key, value in weights().items()}
    checkpoint = read(saved(content))
    assert_same(checkpoint.tensors, weights())
    assert checkpoint.prefix == prefix


def test_a_prefix_that_a_layer_lacks_stays(read):
    content = {"module." + key: value for key, value in weights().items()}
    checkpoint = read(saved(content | {"head.weight": torch.ones(2, 4, 1, 1)}))
    assert checkpoint.prefix == ""
    assert "module.conv.weight" in checkpoint.tensors


def test_the_counter_of_averaged_weights_does_not_keep_the_prefix(read):
    content = {"module." + key: value for key, value in weights().items()}
    checkpoint = read(saved(content | {"n_averaged": torch.tensor(5)}))
    assert checkpoint.prefix == "module."
    assert "n_averaged" in checkpoint.others


def test_tensors_that_are_not_finite_are_told_and_kept(read):
    bad = weights()
    bad["conv.weight"][0] = float("nan")
    bad["bn.running_var"][0] = float("inf")
    checkpoint = read(saved(bad))
    assert checkpoint.notes == (
        "2 tensors are not finite (NaN or infinite): conv.weight, bn.running_var",
    )
    assert checkpoint.tensors["conv.weight"].isnan().any()


def test_half_precision_is_told(read):
    notes = read(saved({"w": torch.ones(2).half()})).notes
    assert notes == ("Tensors that are computed in float32 here: 1 of float16",)


def test_parameters_come_without_gradients(read):
    tensors = read(saved({"w": torch.nn.Parameter(torch.ones(2))})).tensors
    assert not tensors["w"].requires_grad


@pytest.mark.filterwarnings("ignore:Validating sparse")
def test_sparse_and_complex_tensors_are_told_not_dropped_silently(read):
    content = {"w": torch.ones(2), "s": torch.ones(2).to_sparse(), "c": torch.ones(2) + 1j}
    checkpoint = read(saved(content))
    assert set(checkpoint.tensors) == {"w"}
    assert set(checkpoint.others) == {"s", "c"}


def test_each_stage_is_told(tmp_path):
    path, told = tmp_path / "w.pth", []
    path.write_bytes(saved(weights()))
    read_checkpoint(path, name="w", digest="0", progress=told.append)
    assert told == [
        "Opening it as zip pickle",
        "Looking for the weights",
        "Copying the weights",
        "Checking the weights",
    ]


def test_a_file_without_checksums_opens(read):
    options = torch.serialization.get_crc32_options()
    try:
        torch.serialization.set_crc32_options(False)
        content = saved(weights())
    finally:
        torch.serialization.set_crc32_options(options)
    assert_same(read(content).tensors, weights())


# --- what does not open ---------------------------------------------------------------------------


def picture(kind: str) -> bytes:
    from PIL import Image

    buffer = io.BytesIO()
    Image.new("RGB", (8, 8)).save(buffer, kind)
    return buffer.getvalue()


def bitmap_of_memory() -> dict:
    loop: dict = {}
    loop["again"] = loop
    return loop


BAD = {
    "an empty file": (b"", "empty"),
    "one byte": (b"\x00", "begins with 1 zero"),
    "random bytes": (random.Random(1).randbytes(5000), "match no known format"),
    "zeros": (bytes(5000), "begins with 4,096 zeros"),
    "a text": (b"lr = 0.1\nepochs = 5\n" * 40, "text file"),
    "a JSON text": (json.dumps({"lr": [0.1] * 99}).encode(), "JSON"),
    "a web page": (b"\n<!DOCTYPE html><html><body>Sign in</body></html>", "web page"),
    "a Git LFS pointer": (
        b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 3\n",
        "Git LFS",
    ),
    "a PNG": (picture("PNG"), "This is a PNG picture, not a checkpoint"),
    "a JPEG": (picture("JPEG"), "This is a JPEG picture, not a checkpoint"),
    "a GIF": (picture("GIF"), "This is a GIF picture, not a checkpoint"),
    "a WebP": (picture("WEBP"), "This is a WebP picture, not a checkpoint"),
    "a BMP": (picture("BMP"), "This is a BMP picture, not a checkpoint"),
    "a TIFF": (picture("TIFF"), "This is a TIFF picture, not a checkpoint"),
    "a gzip archive": (b"\x1f\x8b\x08" + bytes(50), "gzip"),
    "an HDF5 file": (b"\x89HDF\r\n\x1a\n" + bytes(50), "HDF5"),
    "a zip of texts": (zipped(readme_dot_txt=b"hello"), "zip archive but no checkpoint"),
    "an empty zip header": (b"PK\x03\x04", "truncated or damaged zip"),
    "a tar archive": (bytes(257) + b"ustar\x0000", "tar archive"),
    "a NumPy array": (b"\x93NUMPY\x01\x00" + bytes(50), "NumPy array"),
    "a TensorFlow Lite model": (b"\x1c\x00\x00\x00TFL3" + bytes(50), "TensorFlow Lite"),
    "a TensorFlow SavedModel": (b"\x08\x01\x12\x07" + bytes(50), "TensorFlow SavedModel"),
    "a Keras 3 archive": (
        zipped(config_dot_json=b"{}", metadata_dot_json=b"{}", model_dot_weights_dot_h5=b"x"),
        "Keras archive",
    ),
    "a NumPy archive": (zipped(w_dot_npy=b"\x93NUMPY"), "NumPy archive"),
    "a checkpoint of Flax": (b"\x83\xa6params\x81\xa4conv\xc1", "msgpack|Flax"),
    "an exported program": (zipped(m__archive_format=b"pt2"), "exported program"),
    "a truncated zip": (saved(weights())[:-200], "truncated or damaged zip"),
    "a truncated legacy file": (legacy(weights())[:-50], "truncated or damaged"),
    "a legacy file cut in its pickle": (legacy(weights())[:200], "truncated or damaged"),
    "truncated safetensors": (save_safetensors(weights())[:-5], "safetensors file is truncated"),
    "safetensors with a bad header": (struct.pack("<Q", 9) + b'{"a":12  ', "safetensors file"),
    "an optimizer": (
        saved({"state": {0: {"exp_avg": torch.ones(2)}}, "param_groups": [{"lr": 0.1}]}),
        "optimizer's state only",
    ),
    "a training dict without the model": (
        saved({"optimizer": {"state": {0: {"m": torch.ones(2)}}, "param_groups": []}, "epoch": 1}),
        "optimizer's state only",
    ),
    "an empty dict": (saved({}), "an empty dict"),
    "a dict without tensors": (saved({"epoch": 1, "lr": 0.1}), "dict without weights.*epoch, lr"),
    "a dict that holds itself": (saved(bitmap_of_memory()), "dict without weights.*again"),
    "True": (saved(True), "only True"),
    "None": (saved(None), "only None"),
    "a string": (saved("weights"), "only text 'weights'"),
    "a number": (saved(3), "only number 3"),
    "a list of tensors": (saved([torch.ones(2)]), "only list of 1 entry"),
    "one tensor": (saved(torch.ones(2, 3)), r"one tensor \(2, 3\) of float32 without a name"),
    "numbered tensors": (saved({0: torch.ones(2)}), "dict without weights"),
    "a pickle of texts": (pickle.dumps({"a": 1}), "torch.save did not write it"),
    "a pickle of an array": (pickle.dumps(np.ones(3)), "torch.save did not write it"),
    "a truncated pickle": (pickle.dumps({"a": 1})[:-1], "truncated or damaged.*pickle exhausted"),
}


@pytest.mark.parametrize("what", BAD)
def test_a_bad_file_gets_a_sentence_and_a_next_step(read, what):
    content, sentence = BAD[what]
    with pytest.raises(CheckpointError, match=sentence) as caught:
        read(content)
    assert not isinstance(caught.value, RefusedError)
    assert caught.value.message.endswith(".")
    assert len(caught.value.remedy) > 20


def test_a_missing_file_is_told(tmp_path):
    with pytest.raises(CheckpointError, match="cannot be read from the disk"):
        read_checkpoint(tmp_path / "gone", name="gone", digest="0")


def test_a_file_over_the_limit_is_refused_before_it_is_read(tmp_path):
    path = tmp_path / "large.pth"
    with path.open("wb") as file:
        file.truncate(sniff.MAX_BYTES + 1)  # a hole: takes no disk
    with pytest.raises(RefusedError, match="2 GiB are allowed"):
        read_checkpoint(path, name="large.pth", digest="0")


def test_one_flipped_bit_in_the_numbers_is_noticed(read):
    content = bytearray(saved({"w": torch.zeros(1000)}))
    middle = content.find(bytes(3000)) + 1000
    content[middle] ^= 1
    with pytest.raises(CheckpointError, match="damaged"):
        read(bytes(content))


@pytest.mark.parametrize("encode", [saved, legacy, save_safetensors])
def test_a_file_cut_anywhere_never_opens_and_never_leaks_a_foreign_error(read, encode):
    content = encode(weights())
    for end in random.Random(0).sample(range(len(content) - 1), 12):
        with pytest.raises(CheckpointError):
            read(content[:end])


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("encode", [saved, legacy, save_safetensors])
def test_a_file_with_flipped_bits_opens_or_gets_a_sentence(read, encode):
    chance, original = random.Random(0), encode(weights())
    for _ in range(20):  # make fuzz has thousands, without a process for each
        content = bytearray(original)
        content[chance.randrange(len(content))] ^= 1 << chance.randrange(8)
        try:
            read(bytes(content))
        except InspectionError as error:
            assert error.remedy


# --- names ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "name",
    [
        *("os.system", "posix.system", "nt.system", "subprocess.Popen", "builtins.eval"),
        *("torch.nn.modules.module.os.system", "collections.sys.modules", "torch.load"),
        *("torch.storage._load_from_bytes", "numpy.load", "models.unet.__builtins__"),
        *("functools.reduce", "importlib.import_module", "torch.hub.load", "runpy.run_path"),
        *("torch.optim.optimizer.__builtins__", "torchvision.models.resnet.sys"),
    ],
)
def test_a_name_that_could_do_something_is_dangerous(name):
    assert policy.is_dangerous(name)


@pytest.mark.parametrize(
    "name",
    [
        *("collections.OrderedDict", "torch.FloatStorage", "torch.cuda.HalfStorage"),
        *("torch._utils._rebuild_tensor_v2", "torch.bfloat16", "argparse.Namespace"),
        *("numpy.core.multiarray.scalar", "numpy._core.multiarray.scalar", "numpy.dtype"),
        *("models.unet.UNet", "__main__.Net", "utils.eval.Metric", "torch.nn.modules.conv.Conv2d"),
        *("torch.optim.adam.Adam", "pathlib.PosixPath", "omegaconf.dictconfig.DictConfig"),
    ],
)
def test_a_name_that_training_scripts_leave_behind_is_not_dangerous(name):
    assert not policy.is_dangerous(name)


# --- checksums ------------------------------------------------------------------------------------


def without_checksums(content: bytes) -> bytes:
    """As torch writes with torch.serialization.set_crc32_options(False)."""
    changed = bytearray(content)
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        for info in archive.infolist():
            changed[info.header_offset + 14 : info.header_offset + 18] = bytes(4)
    at = changed.find(b"PK\x01\x02")
    while at >= 0:
        changed[at + 16 : at + 20] = bytes(4)
        at = changed.find(b"PK\x01\x02", at + 46)
    return bytes(changed)


def test_a_file_whose_checksums_are_all_zero_is_said_to_carry_none(read):
    checkpoint = read(without_checksums(saved(weights())))

    assert_same(checkpoint.tensors, weights())
    assert any("carries no checksums" in note for note in checkpoint.notes)
