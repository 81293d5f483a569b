"""BatchNorm near the input of an ONNX graph: found by the graph, and missed where folded."""

from __future__ import annotations

from dataclasses import replace

import onnx
import pytest
import torch
from torch import nn
from torch.nn import functional as F

from core.architectures import build_network
from core.checkpoint import read_checkpoint
from core.diagnosis.measure.measurements import measure
from core.diagnosis.measure.reference_picture import reference_picture
from core.diagnosis.normalization.recover import recover
from tests.core.architectures.test_onnx import read
from tests.support.cases import healthy

pytestmark = pytest.mark.filterwarnings("ignore")


@pytest.fixture(autouse=True)
def allowed(monkeypatch):
    monkeypatch.setenv("ALLOW_ONNX", "1")


class Padded(nn.Module):
    """A border of its own on two sides, as MobileNet of TensorFlow has."""

    def __init__(self) -> None:
        super().__init__()
        self.conv, self.norm = nn.Conv2d(3, 8, 3, stride=2), nn.BatchNorm2d(8)

    def forward(self, x):
        return self.norm(self.conv(F.pad(x, (0, 1, 0, 1))))


def plain(bias=True) -> nn.Module:
    torch.manual_seed(0)
    return nn.Sequential(nn.Conv2d(3, 8, 3, stride=2, padding=1, bias=bias), nn.BatchNorm2d(8))


def trained(model: nn.Module) -> nn.Module:
    """With the statistics of a picture with pixels from 0 to 1."""
    pixels = torch.from_numpy(reference_picture(128, 128).pixels / 255).float()
    for _ in range(60):
        model.train()(pixels.permute(2, 0, 1)[None])
    return model.eval()


def exported(model, path, *, folded=False):
    mode = torch.onnx.TrainingMode.EVAL if folded else torch.onnx.TrainingMode.PRESERVE
    sizes = {"x": {2: "h", 3: "w"}, "y": {2: "h", 3: "w"}}
    torch.onnx.export(model, (torch.zeros(1, 3, 32, 32),), str(path), dynamo=False, training=mode,
                      do_constant_folding=folded, input_names=["x"], output_names=["y"],
                      dynamic_axes=sizes)  # fmt: skip
    return path


def in_another_order(path):
    """Every tensor under a name that says nothing, the last first."""
    model = onnx.load(path)
    names = {tensor.name: f"t{place}" for place, tensor in enumerate(model.graph.initializer)}
    for tensor in model.graph.initializer:
        tensor.name = names[tensor.name]
    for node in model.graph.node:
        for place, name in enumerate(node.input):
            node.input[place] = names.get(name, name)
    turned = list(model.graph.initializer)[::-1]
    del model.graph.initializer[:]
    model.graph.initializer.extend(turned)
    onnx.save(model, path)
    return path


@pytest.mark.parametrize("bias", [True, False])
def test_the_pair_is_found_by_the_graph_whatever_names_and_order_are(bias, tmp_path):
    model = trained(plain(bias))
    network = build_network(read(in_another_order(exported(model, tmp_path / "m.onnx"))))

    torch.testing.assert_close(network.stem.weight, model[0].weight.detach())
    torch.testing.assert_close(network.stem.mean, model[1].running_mean)
    torch.testing.assert_close(network.stem.var, model[1].running_var)
    assert network.silent_norm == ""


def test_what_reaches_batchnorm_is_what_reaches_it_in_the_network(tmp_path):
    model, x = trained(plain()), torch.rand(1, 3, 17, 23)
    network = build_network(read(exported(model, tmp_path / "m.onnx")))
    expected = (model[0](x) - model[1].running_mean.view(1, 8, 1, 1)) / (
        model[1].running_var.view(1, 8, 1, 1) + 1e-5
    ).sqrt()

    torch.testing.assert_close(network.listened(x), expected.detach(), rtol=1e-4, atol=1e-5)


def test_a_folded_batchnorm_is_said_to_be_folded(tmp_path):
    network = build_network(read(exported(trained(plain()), tmp_path / "m.onnx", folded=True)))

    assert network.stem is None
    assert network.listened is network.module
    assert "fold it into the convolutions" in network.silent_norm
    assert network.silent_norm in network.notes


def test_a_convolution_behind_another_step_is_no_first_one(tmp_path):
    """Padded by an operator of its own: the pair is not read, and nothing is said to be folded."""
    torch.manual_seed(0)
    network = build_network(read(exported(trained(Padded()), tmp_path / "m.onnx")))

    assert network.stem is None
    assert network.silent_norm == ""


@pytest.mark.parametrize("folded", [False, True])
def test_the_normalization_is_recovered_from_a_kept_batchnorm_and_cannot_be_from_a_folded_one(
    folded, tmp_path
):
    """The statistics of pixels from 0 to 1; the default settings feed ImageNet's numbers."""
    path = exported(trained(plain()), tmp_path / "m.onnx", folded=folded)
    checkpoint = read_checkpoint(path, name=path.name, digest="d")
    case = replace(healthy(), checkpoint=checkpoint, network=build_network(checkpoint), truth=None)
    known = recover(measure(case), {})

    if folded:
        assert known.changes == {}
        assert "fold it into the convolutions" in known.reason
    else:
        assert known.family == "unit"
        assert known.current > 10 * known.kl
