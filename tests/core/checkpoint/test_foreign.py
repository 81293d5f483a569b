"""Files of other libraries are named for what they are, each with its way in."""

from __future__ import annotations

import pickle

import numpy as np
import pytest
import torch

from core.checkpoint.around.foreign import FORMATS
from core.errors import CheckpointError
from tests.conftest import saved, zipped

BYTES = {
    "HDF5": b"\x89HDF\r\n\x1a\n" + bytes(90),
    "TensorFlow Lite": b"\x1c\x00\x00\x00TFL3" + bytes(90),
    "SavedModel": b"\x08\x01\x12\xff\x03\n" + bytes(90),
    "frozen TensorFlow graph": b"\n\x1e\n\x05input\x12\x0bPlaceholder*" + bytes(90),
    "index of a TensorFlow checkpoint": b"\x00\x00\x06\x08\x01\x1a\x02\x08\x01" + bytes(90),
    "where a TensorFlow checkpoint is": b'model_checkpoint_path: "model.ckpt-9"\n',
    "Flax and JAX": b"\x81\xa6params\x81\xa4conv" + bytes(90),
    "GGUF": b"GGUF\x03\x00\x00\x00" + bytes(90),
    "Core ML": b"\x08\x05\x12\x9d\x01\n\x12\n\x05image" + bytes(90),
    "OpenVINO": b'<?xml version="1.0"?>\n<net name="unet" version="11">\n<layers/></net>',
    "TensorRT": b"ftrt" + bytes(90),
    "TensorRT engine": b'\x1d\x00\x00\x00{"description": "Ultralytics"}ftrt' + bytes(90),
    "ExecuTorch": b"\x20\x00\x00\x00ET12" + bytes(90),
    "ncnn": b"7767517\n75 83\nInput data 0 1 data\n",
    "Darknet": b"\0\0\0\0\2\0\0\0\5\0\0\0" + bytes(90),
    "index of a checkpoint in several files": b'{"metadata": {}, "weight_map": {"a": "b"}}',
    "configuration of an adapter": b'{\n "base_model": null, "peft_type": "LORA"}',
    "configuration of a network of transformers": b'{"architectures": ["SegformerModel"]}',
    "a film .MP4": b"\0\0\0\x18ftypmp42" + bytes(90),
    "a film .Matroska": b"\x1aE\xdf\xa3" + bytes(90),
    "compiled program": b"\x7fELF\2\1\1" + bytes(90),
    "SQLite": b"SQLite format 3\0" + bytes(90),
    "log of TensorBoard": b"\x18"
    + bytes(7)
    + b"\xa3\x7f\x4b\x22\t"
    + bytes(8)
    + b"\x1a\rbrain.Event:2",
    "7-Zip": b"7z\xbc\xaf\x27\x1c" + bytes(90),
}
ARCHIVES = {
    "Keras archive": ("config.json", "metadata.json", "model.weights.h5"),
    "Keras file": ("model/best.h5",),
    "TensorFlow SavedModel": ("m/saved_model.pb", "m/variables/variables.index"),
    "TensorFlow checkpoint": ("run/model.ckpt-9.index", "run/model.ckpt-9.data-00000-of-00001"),
    "Orbax": ("ckpt/_METADATA", "ckpt/manifest.ocdbt", "ckpt/d/0a"),
    "PaddlePaddle": ("inference.pdmodel", "inference.pdiparams"),
    "Core ML": ("net.mlpackage/Manifest.json", "net.mlpackage/Data/com.apple.CoreML/model.mlmodel"),
    "OpenVINO": ("net.xml", "net.bin"),
    "DeepSpeed": (
        "step9/zero_pp_rank_0_mp_rank_00_model_states.pt",
        "step9/zero_pp_rank_0_mp_rank_00_optim_states.pt",
    ),
    "FSDP": ("run/model_rank_0.pt", "run/model_rank_1.pt"),
    "several pickles": ("pytorch_model-00001-of-00002.bin", "pytorch_model-00002-of-00002.bin"),
}


@pytest.mark.parametrize("name", BYTES)
def test_a_file_is_named_by_its_bytes(read, name):
    with pytest.raises(CheckpointError, match=name) as caught:
        read(BYTES[name])
    assert caught.value.remedy.endswith(".")


@pytest.mark.parametrize("name", ARCHIVES)
def test_a_folder_in_a_zip_is_named_by_its_files(read, name):
    with pytest.raises(CheckpointError, match=name):
        read(zipped(dict.fromkeys(ARCHIVES[name], b"x" * 20)))


@pytest.mark.parametrize(
    "beside",
    [
        {"StructuredToParameterName@@": {"conv.weight": "w_0"}},
        {"bn._mean": np.ones(3), "bn._variance": np.ones(3)},
    ],
)
def test_a_pickle_of_paddle_is_named(read, beside):
    table = {"conv.weight": np.ones(3)} | beside
    with pytest.raises(CheckpointError, match="PaddlePaddle"):
        read(pickle.dumps(table, 2))


def test_a_part_of_a_deepspeed_optimizer_is_named(read):
    content = {
        "optimizer_state_dict": {"fp32_flat_groups": [torch.ones(9)], "zero_stage": 2},
        "ds_config": {},
        "ds_version": "0.16",
    }
    with pytest.raises(CheckpointError, match="DeepSpeed") as caught:
        read(saved(content))
    assert "zero_to_fp32.py" in caught.value.remedy


def test_every_row_says_what_to_do_in_one_sentence():
    assert all(row.way_in.endswith(".") and 20 < len(row.way_in) < 300 for row in FORMATS)
