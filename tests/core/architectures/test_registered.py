"""The host's own classes, and more than one network that a file may be of."""

from __future__ import annotations

import sys
from dataclasses import replace
from types import SimpleNamespace

import pytest
import torch
from torch import nn

from core.architectures import build_network, candidates, recognize
from core.checkpoint import Checkpoint
from core.errors import ArchitectureError
from tests.support.networks import deeplab_mobilenet, of_a_class_that_exists_nowhere, seeded

FACTORY = """
from torch import nn

class Small(nn.Module):
    def __init__(self, classes):
        super().__init__()
        self.stem = nn.Sequential(nn.Conv2d(3, 8, 3, padding=1, bias=False), nn.BatchNorm2d(8))
        self.body = nn.Sequential(nn.Conv2d(8, 16, 3, padding=1, bias=False), nn.BatchNorm2d(16))
        self.head = nn.Conv2d(16, classes, 1)

    def forward(self, x):
        return {"out": self.head(self.body(self.stem(x)).relu())}

def small(tensors):
    return Small(tensors["head.weight"].shape[0]) if "stem.0.weight" in tensors else None

def greedy(tensors):
    return Small(2)

def broken(tensors):
    raise RuntimeError("no such file: weights.yaml")
"""


def checkpoint_of(tensors):
    return Checkpoint("w.pth", "d", "zip pickle", 1, tensors, (), "", {}, ())


@pytest.fixture
def package(tmp_path, monkeypatch):
    """A package of the host, importable and not installed."""
    (tmp_path / "our_models.py").write_text(FACTORY)
    monkeypatch.syspath_prepend(tmp_path)
    yield
    sys.modules.pop("our_models", None)


@pytest.fixture
def tensors():
    torch.manual_seed(0)
    return seeded(of_a_class_that_exists_nowhere()).state_dict()


def test_a_named_factory_builds_the_hosts_class(package, tensors, monkeypatch):
    monkeypatch.setenv("MODEL_FACTORIES", "our_models:small")
    network = build_network(checkpoint_of(tensors))

    assert network.architecture == "Small of our_models:small"
    assert (network.num_classes, network.in_channels) == (5, 3)
    assert torch.equal(network.module.head.weight, tensors["head.weight"])


def test_an_entry_point_of_an_installed_package_counts_too(tensors, tmp_path, monkeypatch):
    (tmp_path / "our_models.py").write_text(FACTORY)
    info = tmp_path / "our_models-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: our-models\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[maskscope.models]\nsmall = our_models:small\n")
    monkeypatch.syspath_prepend(tmp_path)
    try:
        assert build_network(checkpoint_of(tensors)).architecture == "Small of our_models:small"
    finally:
        sys.modules.pop("our_models", None)


def test_without_a_factory_nothing_of_the_kind_is_built(tensors):
    with pytest.raises(ArchitectureError):
        build_network(checkpoint_of(tensors))


def test_a_factory_that_stops_is_named(package, tensors, monkeypatch):
    monkeypatch.setenv("MODEL_FACTORIES", "our_models:broken")

    with pytest.raises(ArchitectureError, match=r"our_models:broken.*no such file: weights\.yaml"):
        build_network(checkpoint_of(tensors))


def test_a_factory_that_is_not_there_is_named(package, tensors, monkeypatch):
    monkeypatch.setenv("MODEL_FACTORIES", "our_models:forgotten")

    with pytest.raises(ArchitectureError, match="our_models:forgotten"):
        build_network(checkpoint_of(tensors))


def test_an_unknown_network_brings_the_two_lines_that_write_a_pt2():
    with pytest.raises(ArchitectureError) as caught:
        build_network(checkpoint_of({"a.weight": torch.ones(8, 5, 3, 3)}))

    first, second = caught.value.code.splitlines()
    assert "torch.export.export(model.eval(), (torch.zeros(1, 5, 512, 512),))" in first
    assert second == 'torch.export.save(program, "model.pt2")'


# --- more than one --------------------------------------------------------------------------------


def test_a_file_that_one_network_fits_has_one_candidate():
    model = deeplab_mobilenet()
    found = candidates(checkpoint_of(model.state_dict()))

    assert [(c.family, c.architecture) for c in found] == [
        ("torchvision", "DeepLabV3, MobileNetV3-Large")
    ]
    assert len(found[0].account.matched) == len(model.state_dict())


def test_a_file_that_fits_none_lists_the_nearest_with_what_differs():
    state = deeplab_mobilenet().state_dict()
    state = {key.replace("classifier.", "segmentation."): value for key, value in state.items()}
    found = candidates(checkpoint_of(state))

    by_name = {candidate.architecture: candidate for candidate in found}
    near = by_name["deeplabv3_mobilenet_v3_large"]
    assert "lraspp_mobilenet_v3_large" in by_name  # it has the same backbone
    assert near.why
    assert any(key.startswith("segmentation.") for key in near.account.unexpected)
    assert any(key.startswith("classifier.") for key in near.account.missing)


@pytest.fixture
def twin(monkeypatch):
    """A second family that knows the same keys: its network answers the negative."""
    from core.architectures.families import torchvision_families as first

    class Negative(nn.Module):
        def __init__(self, inner):
            super().__init__()
            self.inner = inner

        def forward(self, x):
            return -self.inner(x)["out"]

    def build(checkpoint, chosen):
        network = first.build(checkpoint, chosen)
        return replace(network, module=Negative(network.module), architecture="Twin")

    family = SimpleNamespace(matches=first.matches, build=build)
    monkeypatch.setattr(recognize, "FAMILIES", {**recognize.FAMILIES, "twin": family})


def test_where_two_networks_fit_both_are_shown_and_one_can_be_chosen(twin):
    checkpoint = checkpoint_of(deeplab_mobilenet().state_dict())
    first, other = build_network(checkpoint), build_network(checkpoint, {"network": "twin"})

    assert {c.architecture for c in candidates(checkpoint)} == {
        "DeepLabV3, MobileNetV3-Large",
        "Twin",
    }
    assert first.choices[0].options == ("torchvision", "twin")
    assert (first.choices[0].source, other.choices[0].source) == ("default", "chosen")
    assert other.architecture == "Twin"
    assert first.checkpoint_digest != other.checkpoint_digest


def test_a_family_that_knows_the_names_and_does_not_fit_hides_none_that_does(package, monkeypatch):
    monkeypatch.setenv("MODEL_FACTORIES", "our_models:greedy")
    checkpoint = checkpoint_of(deeplab_mobilenet().state_dict())
    network = build_network(checkpoint)

    assert network.architecture == "DeepLabV3, MobileNetV3-Large"
    assert network.choices[0].options == ("registered", "torchvision")
    assert (network.choices[0].taken, network.choices[0].source) == ("torchvision", "default")
    with pytest.raises(ArchitectureError, match="greedy"):
        build_network(checkpoint, {"network": "registered"})
