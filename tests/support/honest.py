"""Honest files of every container, small enough for thousands of damaged copies."""

from __future__ import annotations

import functools
import io
import zipfile
from collections import OrderedDict

import numpy as np
import torch
from safetensors.torch import save as save_safetensors
from torch import nn


def state() -> OrderedDict:
    generator = torch.Generator().manual_seed(0)
    conv = torch.randn(4, 3, 3, 3, generator=generator)
    return OrderedDict(
        {
            "module.conv.weight": conv.contiguous(memory_format=torch.channels_last),
            "module.bn.running_var": torch.rand(4, generator=generator),
            "module.bn.num_batches_tracked": torch.tensor(7),
            "module.part": conv[1:3],
            "module.half": torch.rand(8, generator=generator).half(),
        }
    )


def saved(content: object, **options: object) -> bytes:
    buffer = io.BytesIO()
    torch.save(content, buffer, **options)
    return buffer.getvalue()


def seeds() -> dict[str, bytes]:
    """Honest files of every container, small enough for thousands of copies."""
    wrapped = {"model": state(), "epoch": 3, "args": {"lr": 0.1, "names": ["road", "sky"]}}
    torch.manual_seed(0)
    module = nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4)).eval()
    old = {"_use_new_zipfile_serialization": False}
    return {
        "zip": saved(state()),
        "zip, wrapped, protocol 4": saved(wrapped, pickle_protocol=4),
        "zip, whole module": saved({"net": module}),
        "legacy": saved(state(), **old),
        "legacy, wrapped, protocol 4": saved(wrapped, pickle_protocol=4, **old),
        "legacy, whole module": saved(module, **old),
        "safetensors": save_safetensors({k: v.contiguous() for k, v in state().items()}),
        "ONNX": onnx_file(),
        "exported program": exported_file(),
        "bundle": bundled(zipfile.ZIP_STORED),
        "bundle, compressed": bundled(zipfile.ZIP_DEFLATED),
    }


@functools.cache
def exported_file() -> bytes:
    """A small network as torch.export.save writes it."""
    torch.manual_seed(0)
    module = nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4)).eval()
    buffer = io.BytesIO()
    torch.export.save(torch.export.export(module, (torch.zeros(1, 3, 8, 8),)), buffer)
    return buffer.getvalue()


def onnx_file() -> bytes:
    """A graph with raw and typed initializers, and a large constant in a node."""
    from onnx import TensorProto, helper, numpy_helper

    tensors = {k: v.contiguous().numpy() for k, v in state().items()}
    weights = [numpy_helper.from_array(value, name) for name, value in tensors.items()]
    weights.append(helper.make_tensor("typed", TensorProto.FLOAT, (3,), [0.5, -1.5, 2.0]))
    large = numpy_helper.from_array(np.arange(600, dtype=np.float32), "large")
    ends = [helper.make_tensor_value_info(n, TensorProto.FLOAT, [1, 3, 8, 8]) for n in "xy"]
    nodes = [
        helper.make_node("Constant", [], ["large"], value=large),
        helper.make_node("Relu", ["x"], ["y"]),
    ]
    graph = helper.make_graph(nodes, "g", ends[:1], ends[1:], weights)
    return helper.make_model(graph).SerializeToString()


def bundled(method: int) -> bytes:
    """A folder of Hugging Face in a ZIP, its weights in two shards."""
    tensors = {k: v.contiguous() for k, v in state().items()}
    names = list(tensors)
    files = {"config.json": b'{"model_type": "segformer"}'}
    for number, part in enumerate((names[:2], names[2:]), start=1):
        shard = save_safetensors({name: tensors[name] for name in part})
        files[f"model-0000{number}-of-00002.safetensors"] = shard
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", method) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return buffer.getvalue()
