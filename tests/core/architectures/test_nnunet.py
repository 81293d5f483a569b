"""Networks of nnU-Net v2: built from the plans or from keys, equal to the library's own."""

from __future__ import annotations

import copy
import sys

import pytest
import torch

from core.architectures import build_network
from core.checkpoint import Checkpoint, read_checkpoint
from core.checkpoint.nnunet_plans import plans_in
from core.errors import ArchitectureError
from tests.core.architectures.test_families import checkpoint_of
from tests.support import nnunet
from tests.support.savings import SAVINGS
from tests.support.scripts import label_maps

KINDS = ("PlainConvUNet", "ResidualEncoderUNet")
WAYS = ("state dict", "training dict", "DataParallel", "whole module", "Lightning")


def opened(content, folder) -> Checkpoint:
    torch.save(content, folder / "checkpoint_final.pth")
    return read_checkpoint(folder / "checkpoint_final.pth", name="checkpoint_final.pth", digest="d")


def answer(module, channels=1):
    x = torch.randn(1, channels, 64, 96, generator=torch.Generator().manual_seed(7))
    with torch.inference_mode():
        return module(x)


def alike(ours, theirs):
    return (ours - theirs).abs().max() < 1e-5  # channels last: another order of sums


@pytest.mark.parametrize("kind", KINDS)
def test_the_plans_build_the_network_that_was_saved(kind, tmp_path):
    model = nnunet.network(kind)
    network = build_network(opened(nnunet.saved(model.state_dict(), nnunet.plans(kind)), tmp_path))

    assert network.architecture == f"{kind} of nnU-Net v2"
    account = network.account
    assert not account.missing + account.unexpected + account.wrong_shape
    assert alike(answer(network.module), answer(model))
    assert network.class_names == ("background", "liver", "tumor")
    assert (network.num_classes, network.in_channels) == (3, 1)
    assert network.sizes.take(64, 96) and not network.sizes.take(66, 97)
    assert any("2 heads the last is run" in note for note in network.notes)


@pytest.mark.parametrize("kind", KINDS)
def test_it_comes_back_however_it_was_saved_without_plans(kind, tmp_path):
    model = nnunet.network(kind, channels=3)
    for way in WAYS:
        if (kind, way) == ("ResidualEncoderUNet", "whole module"):
            continue  # torch cannot pickle it: its blocks hold lambdas
        SAVINGS[way](model, tmp_path / "file")
        network = build_network(read_checkpoint(tmp_path / "file", name="file", digest="d"))

        assert network.architecture == f"{kind} of nnU-Net v2", way
        assert not network.account.unexpected, way
        assert alike(answer(network.module, 3), answer(model, 3)), way
        assert any("No plans" in note for note in network.notes), way


def test_plans_from_before_2_4_and_those_that_inherit_are_read(tmp_path):
    told = nnunet.old_plans()
    told["configurations"]["2d"]["UNet_base_num_features"] = 4
    model = nnunet.network()
    weights = model.state_dict()
    narrow = {**nnunet.SIZES, "features_per_stage": [4, 6, 6]}
    old = nnunet.PlainConvUNet(
        1, num_classes=3, **narrow, **nnunet.BLOCKS["PlainConvUNet"], **nnunet.REST, **nnunet.MADE
    ).eval()
    by_old = build_network(opened(nnunet.saved(old.state_dict(), told), tmp_path))
    mine = opened(nnunet.saved(weights, nnunet.plans(), "2d_mine"), tmp_path)

    assert alike(answer(by_old.module), answer(old))
    assert plans_in(mine.metadata).patch == (32, 32)
    assert alike(answer(build_network(mine).module), answer(model))


@pytest.mark.parametrize("kind", KINDS)
def test_the_script_has_the_librarys_own_class_and_writes_the_label_map(
    kind, tmp_path, monkeypatch
):
    content = nnunet.saved(nnunet.network(kind).state_dict(), nnunet.plans(kind))
    checkpoint = opened(content, tmp_path)
    network = build_network(checkpoint)
    if checkpoint.beyond_weights:  # numpy scalars: the script reads the clean weights
        from core.checkpoint.clean import write_clean

        stem = f"checkpoint_final-{checkpoint.digest[:8]}.safetensors"
        (tmp_path / stem).symlink_to(write_clean(checkpoint, "safetensors", tmp_path / "clean"))

    written, shown = label_maps(network, checkpoint, tmp_path, {}, monkeypatch, color="gray")

    assert written == shown
    assert network.source.needs == "dynamic-network-architectures"


def test_a_network_for_volumes_is_told_with_what_it_is_fed(tmp_path):
    weights = {
        k: v[..., None] if v.ndim == 4 else v for k, v in nnunet.network().state_dict().items()
    }

    with pytest.raises(ArchitectureError, match="16 x 64 x 96") as caught:
        build_network(opened(nnunet.saved(weights, nnunet.plans(), "3d_fullres"), tmp_path))
    assert "2D configuration" in caught.value.remedy


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("conv_op", "os.system"),
        ("nonlin", "torch.nn.Module"),
        ("nonlin", "torch.hub.load"),
        ("features_per_stage", [4, 6, 10**9]),
        ("strides", [[1, 1], [2, 2]]),
        ("kernel_sizes", "3"),
        ("n_stages", 10**9),
    ],
)
def test_what_the_plans_name_is_looked_up_and_never_imported(name, value, tmp_path):
    told = nnunet.plans()
    told["configurations"]["2d"]["architecture"]["arch_kwargs"][name] = value
    content = nnunet.saved(nnunet.network().state_dict(), told)

    with pytest.raises(ArchitectureError, match="not built here"):
        build_network(opened(content, tmp_path))


def test_another_class_than_the_keys_show_is_told(tmp_path):
    told = nnunet.plans()
    told["configurations"]["2d"]["architecture"]["network_class_name"] = "my.secret.MedNeXt"

    with pytest.raises(ArchitectureError, match="the class MedNeXt"):
        build_network(opened(nnunet.saved(nnunet.network().state_dict(), told), tmp_path))


def test_without_the_library_the_extra_is_named(monkeypatch):
    state = nnunet.network().state_dict()
    monkeypatch.setitem(sys.modules, "dynamic_network_architectures", None)
    monkeypatch.setattr("core.architectures.families.medical.library.find_spec", lambda name: None)

    with pytest.raises(ArchitectureError, match="not installed") as caught:
        build_network(checkpoint_of(state))
    assert 'extra "medical"' in caught.value.remedy


def test_a_missing_tensor_is_named():
    state = dict(nnunet.network().state_dict())
    del state["decoder.stages.0.convs.0.norm.weight"]

    with pytest.raises(ArchitectureError, match=r"decoder\.stages\.0\.convs\.0\.norm\.weight"):
        build_network(checkpoint_of(state))


def test_regions_are_named_by_output_and_told(tmp_path):
    labels = {"background": 0, "whole": [1, 2], "core": [2]}
    weights = copy.deepcopy(nnunet.network(classes=2).state_dict())
    network = build_network(opened(nnunet.saved(weights, nnunet.plans(), labels=labels), tmp_path))

    assert network.class_names == ("whole", "core")
    assert any("sigmoid of its own" in note for note in network.notes)


SCHEMES = {
    "ZScoreNormalization": "init_args/plans says z-score of each picture (ZScoreNormalization)",
    "CTNormalization": (
        "init_args/plans says mean 50 and std 25 of the file's own numbers, cut to -900 .. 300 "
        "(CTNormalization)"
    ),
    "RGBTo01Normalization": "init_args/plans says mean 0 and std 1 (RGBTo01Normalization)",
}


@pytest.mark.parametrize("scheme", SCHEMES)
def test_the_plans_state_the_normalization(scheme, tmp_path):
    content = nnunet.saved(nnunet.network().state_dict(), nnunet.plans(scheme=scheme))
    (stated,) = opened(content, tmp_path).stated

    assert stated.words == SCHEMES[scheme]


def test_a_scheme_that_is_not_known_states_nothing(tmp_path):
    content = nnunet.saved(nnunet.network().state_dict(), nnunet.plans(scheme="MyOwn"))

    assert opened(content, tmp_path).stated == ()
