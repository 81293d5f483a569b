"""Networks of MONAI in two dimensions: rebuilt from keys and shapes, equal to the library's own."""

from __future__ import annotations

import functools

import pytest
import torch

from core.architectures import build_network
from core.architectures.recognize import FAMILIES
from core.checkpoint import read_checkpoint
from core.errors import ArchitectureError
from tests.core.architectures.test_families import checkpoint_of
from tests.support.networks import seeded
from tests.support.savings import SAVINGS
from tests.support.scripts import label_maps

FLAT = {"spatial_dims": 2, "in_channels": 1, "out_channels": 3}
SMALL = {"channels": (4, 8, 12), "strides": (2, 2)}
CASES = {  # class of MONAI, its arguments
    "UNet": ("UNet", {**FLAT, **SMALL, "num_res_units": 2}),
    "UNet, plain, batch": ("UNet", {**FLAT, **SMALL, "norm": "BATCH", "act": "RELU"}),
    "UNet, four levels, a stride of 1": (
        "UNet",
        {
            **FLAT,
            "in_channels": 3,
            "channels": (4, 6, 8, 10),
            "strides": (2, 1, 2),
            "num_res_units": 1,
            "kernel_size": 5,
            "up_kernel_size": 3,
        },
    ),
    "AttentionUnet": ("AttentionUnet", {**FLAT, **SMALL}),
    "BasicUNet": ("BasicUNet", {**FLAT, "features": (4, 4, 6, 8, 10, 5)}),
    "BasicUNet, nontrainable": (
        "BasicUNet",
        {**FLAT, "features": (4, 4, 6, 8, 10, 4), "upsample": "nontrainable", "norm": "BATCH"},
    ),
    "SegResNet": ("SegResNet", {**FLAT, "blocks_down": (1, 2, 1), "blocks_up": (1, 2)}),
    "SegResNet, deconv": (
        "SegResNet",
        {**FLAT, "blocks_down": (1, 1), "blocks_up": (1,), "upsample_mode": "deconv"},
    ),
    "DynUNet": (
        "DynUNet",
        {
            **FLAT,
            "kernel_size": [3, (1, 3), 3],
            "strides": [1, (2, 1), 2],
            "upsample_kernel_size": [(2, 1), 2],
            "filters": [4, 6, 8],
            "deep_supervision": True,
            "deep_supr_num": 1,
            "res_block": True,
        },
    ),
    "SwinUNETR": (
        "SwinUNETR",
        {
            **FLAT,
            "feature_size": 12,
            "depths": (1, 2, 1, 1),
            "num_heads": (1, 2, 2, 4),
            "window_size": 3,
        },
    ),
}
WAYS = ("state dict", "training dict", "DataParallel", "whole module", "Lightning")


@functools.cache
def model_of(name):
    torch.manual_seed(0)
    cls, arguments = CASES[name]
    from monai.networks import nets  # not at the top: each worker of xdist imports every test file

    model = seeded(getattr(nets, cls)(**arguments))
    with torch.no_grad():
        for parameter in model.parameters():  # norms that are not those of a fresh network
            if parameter.ndim == 1:
                parameter.add_(torch.randn_like(parameter) * 0.2)
    return model


def answer(module, channels):
    x = torch.randn(1, channels, 64, 96, generator=torch.Generator().manual_seed(7))
    with torch.inference_mode():
        return module(x)


@pytest.mark.parametrize("name", CASES)
def test_it_comes_back_however_it_was_saved(name, tmp_path):
    (cls, arguments), model = CASES[name], model_of(name)
    for way in WAYS:
        SAVINGS[way](model, tmp_path / "file")
        network = build_network(read_checkpoint(tmp_path / "file", name="file", digest="d"))

        account = network.account
        assert network.architecture == f"{cls} of MONAI", way
        assert not account.missing + account.unexpected + account.wrong_shape, way
        assert (network.in_channels, network.num_classes) == (arguments["in_channels"], 3), way
        channels = arguments["in_channels"]
        apart = (answer(network.module, channels) - answer(model, channels)).abs().max()
        assert apart < 1e-5, way  # channels last: another order of sums


@pytest.mark.parametrize("name", CASES)
def test_only_its_own_family_knows_the_keys(name):
    checkpoint = checkpoint_of(dict(model_of(name).state_dict()))

    assert [known for known, family in FAMILIES.items() if family.matches(checkpoint)] == ["monai"]


@pytest.mark.parametrize("name", ["UNet", "AttentionUnet", "BasicUNet", "DynUNet", "SwinUNETR"])
def test_the_script_has_the_librarys_own_class_and_writes_the_label_map(
    name, tmp_path, monkeypatch
):
    torch.save(model_of(name).state_dict(), tmp_path / "mine.pth")
    checkpoint = read_checkpoint(tmp_path / "mine.pth", name="mine.pth", digest="d")
    network = build_network(checkpoint)

    written, shown = label_maps(network, checkpoint, tmp_path, {}, monkeypatch, color="gray")

    assert written == shown
    assert network.source.needs == "monai"


def test_what_no_tensor_tells_is_a_choice():
    from monai.networks import nets

    plain = nets.UNet(**FLAT, **SMALL, act="RELU").eval()
    state = dict(plain.state_dict())
    network = build_network(checkpoint_of(state))
    other = build_network(checkpoint_of(state), {"normalization": "none"})

    assert {c.name: c.taken for c in network.choices} == {
        "normalization": "INSTANCE",
        "activation": "RELU",
        "strides": "2, 2",
    }
    assert not torch.allclose(answer(network.module, 1), answer(other.module, 1), atol=1e-3)
    assert [
        c.name
        for c in build_network(checkpoint_of(dict(model_of("SegResNet").state_dict()))).choices
    ] == ["groups of GroupNorm"]


@pytest.mark.parametrize("name", ["UNet", "SwinUNETR", "DynUNet"])
def test_one_for_volumes_is_told(name):
    state = {k: v[..., None] if v.ndim == 4 else v for k, v in model_of(name).state_dict().items()}

    with pytest.raises(ArchitectureError, match="for volumes") as caught:
        build_network(checkpoint_of(state))
    assert "2D" in caught.value.remedy


def test_without_the_library_the_extra_is_named(monkeypatch):
    monkeypatch.setattr("core.architectures.families.medical.library.find_spec", lambda name: None)

    with pytest.raises(ArchitectureError, match="monai is not installed") as caught:
        build_network(checkpoint_of(dict(model_of("BasicUNet").state_dict())))
    assert 'extra "medical"' in caught.value.remedy


def test_a_missing_tensor_is_named():
    state = dict(model_of("BasicUNet").state_dict())
    del state["upcat_2.convs.conv_1.conv.weight"]

    with pytest.raises(ArchitectureError, match=r"upcat_2\.convs\.conv_1\.conv\.weight"):
        build_network(checkpoint_of(state))
