"""8-bit floats and quantized numbers: read, turned into float32 as torch does it, and told."""

from __future__ import annotations

import io
from functools import partial

import pytest
import torch
import torch.ao.quantization as quantization
from safetensors.torch import save as save_safetensors
from torch import nn

from core.checkpoint.health import examine, heads_in, statistics_of
from core.checkpoint.stored.small_numbers import floats_of
from core.errors import CheckpointError
from tests.conftest import saved

pytestmark = pytest.mark.filterwarnings("ignore")  # torch deprecates what is in people's files

FLOATS = [torch.float8_e4m3fn, torch.float8_e5m2, torch.float8_e4m3fnuz, torch.float8_e5m2fnuz]


def numbers(*shape):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize("dtype", [*FLOATS, torch.float8_e8m0fnu])
def test_each_of_the_256_bytes_is_the_number_that_torch_reads(dtype):
    wanted = torch.arange(256, dtype=torch.uint8).view(dtype).float()

    found = torch.from_numpy(floats_of(str(dtype).removeprefix("torch.")))

    assert torch.equal(found.nan_to_num(7), wanted.nan_to_num(7))
    assert torch.equal(found.isnan(), wanted.isnan())


@pytest.mark.parametrize("dtype", FLOATS)
@pytest.mark.parametrize("encode", [saved, save_safetensors])
def test_8_bit_floats_come_out_as_float32_and_that_is_said(read, dtype, encode):
    small = {"conv.weight": numbers(4, 3, 3, 3).to(dtype), "bias": numbers(4)}
    checkpoint = read(encode(small))

    weight = checkpoint.tensors["conv.weight"]
    assert weight.dtype == torch.float32 and torch.equal(weight, small["conv.weight"].float())
    assert any("8-bit float" in note and "shown as float32" in note for note in checkpoint.notes)
    assert checkpoint.computed == ("conv.weight",)
    assert examine(checkpoint.tensors, heads_in(checkpoint.tensors)) == ()
    assert statistics_of(weight).not_finite == 0


def per_tensor(dtype):
    return torch.quantize_per_tensor(numbers(4, 3, 5, 5), 0.02, 3, dtype)


def per_channel(axis):
    count = (4, 3)[axis]
    scales, zeros = torch.rand(count).double() + 0.01, torch.arange(count)
    return torch.quantize_per_channel(numbers(4, 3, 2), scales, zeros, axis, torch.qint8)


@pytest.mark.parametrize(
    "made",
    [
        *(partial(per_tensor, dtype) for dtype in (torch.qint8, torch.quint8, torch.qint32)),
        *(partial(per_channel, axis) for axis in (0, 1)),
        lambda: torch.quantize_per_tensor(numbers(3, 4).t(), 0.1, 0, torch.qint8),
        lambda: torch.quantize_per_tensor(torch.tensor(0.5), 0.1, 0, torch.qint8),
    ],
)
@pytest.mark.parametrize("legacy", [False, True])
def test_quantized_tensors_are_dequantized_as_torch_does(read, made, legacy):
    tensor, file = made(), io.BytesIO()
    torch.save({"w": tensor}, file, _use_new_zipfile_serialization=not legacy)
    checkpoint = read(file.getvalue())

    assert torch.allclose(checkpoint.tensors["w"], tensor.dequantize(), atol=1e-7)
    assert "stored as quantized" in checkpoint.notes[0]


def test_many_channels_are_dequantized_in_pieces(read):
    scales = torch.rand(3000).double() + 0.01
    tensor = torch.quantize_per_channel(
        numbers(3000, 9, 7, 7), scales, torch.zeros(3000, dtype=torch.long), 0, torch.qint8
    )

    assert torch.allclose(read(saved({"w": tensor})).tensors["w"], tensor.dequantize(), atol=1e-6)


@pytest.fixture(scope="module")
def network():
    torch.manual_seed(0)
    return nn.Sequential(nn.Conv2d(3, 4, 3), nn.Flatten(), nn.Linear(4, 2)).eval()


@pytest.fixture(scope="module")
def dynamic(network):
    return quantization.quantize_dynamic(network, {nn.Linear}, dtype=torch.qint8)


def scripted(module):
    buffer = io.BytesIO()
    torch.jit.save(torch.jit.script(module), buffer)
    return buffer.getvalue()


@pytest.mark.parametrize(
    "save",
    [lambda net: saved(net.state_dict()), lambda net: saved({"model": net}), scripted],
    ids=["state dict", "whole module", "TorchScript"],
)
def test_packed_layers_of_quantize_dynamic_are_unpacked(read, network, dynamic, save):
    tensors = read(save(dynamic)).tensors

    plain = network.state_dict()
    assert torch.allclose(tensors["2.weight"], plain["2.weight"], atol=0.01)
    assert torch.equal(tensors["2.bias"], plain["2.bias"])
    assert torch.equal(tensors["0.weight"], plain["0.weight"])


@pytest.mark.parametrize("save", [saved, scripted], ids=["whole module", "TorchScript"])
def test_quantized_convolutions_of_a_pickled_network_are_unpacked(read, save):
    torch.manual_seed(0)
    net = nn.Sequential(quantization.QuantStub(), nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4)).eval()
    wanted = net[1].weight.detach().clone()
    net.qconfig = quantization.get_default_qconfig("fbgemm")
    prepared = quantization.prepare(net)
    prepared(numbers(1, 3, 8, 8))
    tensors = read(save(quantization.convert(prepared))).tensors

    assert torch.allclose(tensors["1.weight"], wanted, atol=0.01)
    assert tensors["1.bias"].shape == (4,)


def test_a_file_of_tensors_that_cannot_be_read_says_which(read):
    sparse = {"conv.weight": torch.eye(3).to_sparse()}

    with pytest.raises(CheckpointError, match=r"1 tensor.*a sparse tensor is not read"):
        read(saved(sparse))


@pytest.fixture(scope="module")
def mesh():
    """Of one process."""
    import torch.distributed as distributed
    from torch.distributed.device_mesh import init_device_mesh

    store = distributed.HashStore()
    distributed.init_process_group("gloo", store=store, rank=0, world_size=1)
    yield init_device_mesh("cpu", (1,))
    distributed.destroy_process_group()


def test_a_distributed_tensor_that_is_whole_is_read_and_a_shard_is_said_to_be_one(read, mesh):
    from torch.distributed.tensor import DTensor, Shard, distribute_tensor

    whole = distribute_tensor(numbers(4, 3), mesh, [Shard(0)])
    shard = DTensor.from_local(
        numbers(4, 3), mesh, [Shard(0)], run_check=False, shape=(8, 3), stride=(3, 1)
    )

    assert torch.equal(read(saved({"w": whole})).tensors["w"], numbers(4, 3))
    with pytest.raises(CheckpointError, match="one process's shard of a distributed tensor"):
        read(saved({"w": shard}))
