"""Backbones and heads with mmsegmentation's names: what its own code answered.

mmseg.json is what scripts/reference_mmseg.py wrote. ConvNeXt, which mmsegmentation takes from
another package, is held against that of transformers.
"""

from __future__ import annotations

import json
from functools import cache

import pytest
import torch
from transformers import ConvNextBackbone, ConvNextConfig

from core.architectures import build_network
from core.architectures.families.mmseg.mmseg_convnext import ConvNeXt
from core.architectures.recognize import FAMILIES
from core.checkpoint import read_checkpoint
from core.errors import ArchitectureError
from scripts.reference_logits import picture, pixels, unpacked
from scripts.reference_mmseg import CLASSES, MMSEG, ORIGINALS, filled
from tests.core.architectures.test_mmseg import checkpoint_of, conv, head
from tests.support.five import apart, rebuilt
from tests.support.scripts import Returns, label_maps, of_a_repository

NAMES = tuple(ORIGINALS)
SAVED = ("UPerNet, Swin", "FCN, HRNet", "UPerNet, BEiT", "FCN, BiSeNet v2", "FCN, STDC2",
         "FCN, Fast-SCNN", "FCN, ERFNet", "FCN, ICNet", "OCR, HRNet", "PSPNet, MiT")  # fmt: skip


@cache
def told():
    return json.loads(MMSEG.read_text())


@cache
def tensors_of(name):
    positions = unpacked(told()["positions"])[name]
    index = {key: torch.tensor(values) for key, values in positions.items()}
    return filled(unpacked(told()["shapes"])[name], index)


@cache
def network_of(name):
    return build_network(checkpoint_of(tensors_of(name)))


def answer(network, size):
    with torch.inference_mode():
        return network.module(picture(size))


@pytest.mark.parametrize("name", NAMES)
def test_it_answers_as_mmsegmentations_own_code(name):
    network = network_of(name)

    assert network.architecture.startswith(name.replace(", ", " of mmsegmentation, "))
    assert not network.account.missing + network.account.unexpected
    assert (network.num_classes, network.in_channels) == (CLASSES, 3)
    for size, wanted in told()["logits"][name].items():
        h, w = map(int, size.split("x"))
        found = torch.tensor(pixels(answer(network, (h, w))))
        assert apart(found, torch.tensor(wanted)) < 1e-4, size


@pytest.mark.parametrize("name", NAMES)
def test_no_other_family_knows_the_keys(name):
    checkpoint = checkpoint_of(tensors_of(name))
    knowing = [family for family, module in FAMILIES.items() if module.matches(checkpoint)]

    assert knowing == ["mmseg"]


@pytest.mark.parametrize("name", SAVED)
def test_every_saving_is_built_and_answers_the_same(name, tmp_path):
    wanted = answer(network_of(name), (64, 64))
    for way, network in rebuilt(network_of(name).module, tmp_path):
        assert apart(answer(network, (64, 64)), wanted) < 1e-5, way


@pytest.mark.parametrize("name", ["FCN, STDC1", "FCN, ICNet", "OCR, ResNet"])
def test_the_script_writes_the_label_map_with_the_users_class(name, tmp_path, monkeypatch):
    torch.save(tensors_of(name), tmp_path / "mine.pth")
    checkpoint = read_checkpoint(tmp_path / "mine.pth", name="mine.pth", digest="d")
    network = build_network(checkpoint)
    twin = Returns(network.module, lambda y: y)
    modules = of_a_repository("your_project", YourNetwork=lambda *_, **__: twin)

    written, shown = label_maps(network, checkpoint, tmp_path, modules, monkeypatch)

    assert written == shown


def test_heads_of_training_are_counted_and_kept():
    network = network_of("FCN, STDC1")

    assert "3 auxiliary heads are not run; they helped in training only" in network.notes
    assert "auxiliary_head.2.laplacian_kernel" in network.account.matched


def test_a_beit_takes_pictures_of_one_size_and_says_which_layers_are_read():
    network = network_of("UPerNet, BEiT")

    assert network.sizes is not None and network.sizes.take(64, 64) and network.sizes.is_one
    layers = next(c for c in network.choices if c.name == "which layers feed the head")
    assert layers.taken == "1, 2, 3, 5"


def convnext():
    config = ConvNextConfig(
        hidden_sizes=[8, 16, 24, 32], depths=[1, 2, 1, 1], patch_size=4,
        out_features=["stage1", "stage2", "stage3", "stage4"],
    )  # fmt: skip
    torch.manual_seed(0)
    theirs = ConvNextBackbone(config).eval()
    for parameter in theirs.parameters():
        torch.nn.init.normal_(parameter, std=0.3)
    return theirs


def renamed(state):
    """The weights of transformers under the names of mmpretrain."""
    made = {}
    for key, value in state.items():
        key = key.replace("embeddings.patch_embeddings.", "downsample_layers.0.0.")
        key = key.replace("embeddings.layernorm.", "downsample_layers.0.1.")
        key = key.replace("dwconv", "depthwise_conv").replace("pwconv", "pointwise_conv")
        key = key.replace("layer_scale_parameter", "gamma").replace("layernorm", "norm")
        parts = key.split(".")
        if key.startswith("hidden_states_norms."):
            key = f"norm{int(parts[1][5:]) - 1}.{parts[2]}"
        elif "downsampling_layer" in key:
            key = f"downsample_layers.{parts[2]}.{'.'.join(parts[4:])}"
        elif key.startswith("encoder.stages."):
            key = f"stages.{parts[2]}.{'.'.join(parts[4:])}"
        made[key] = value
    return made


@pytest.mark.parametrize("pointwise", ["linear", "convolution"])
def test_a_convnext_answers_as_that_of_transformers(pointwise):
    theirs = convnext()
    tensors = renamed(theirs.state_dict())
    if pointwise == "convolution":
        tensors = {k: v[..., None, None] if "pointwise" in k and v.ndim == 2 else v
                   for k, v in tensors.items()}  # fmt: skip
    ours = ConvNeXt(tensors)
    ours.load_state_dict(tensors)
    with torch.inference_mode():
        found, wanted = ours.eval()(picture((72, 96))), theirs(picture((72, 96))).feature_maps

    assert max(apart(a, b) for a, b in zip(found, wanted, strict=True)) < 1e-4


def convnext_network(kind):
    body = {f"backbone.{k}": v for k, v in renamed(convnext().state_dict()).items()}
    tensors = body | head(kind, [8, 16, 24, 32])
    conv(tensors, "auxiliary_head.convs.0", 4, 24, 3)
    conv(tensors, "auxiliary_head.conv_seg", CLASSES, 4, norm="", bias=True)
    return build_network(checkpoint_of(tensors))


@pytest.mark.parametrize("kind", ["UPerNet", "FCN"])
def test_a_convnext_with_a_head_is_built_whole(kind, tmp_path):
    network = convnext_network(kind)

    assert network.architecture == f"{kind} of mmsegmentation, ConvNeXt-8 channels"
    assert not network.account.missing + network.account.unexpected
    wanted = answer(network, (64, 64))
    for way, again in rebuilt(network.module, tmp_path):
        assert torch.equal(answer(again, (64, 64)), wanted), way


def test_a_swin_whose_head_is_for_other_channels_is_refused():
    tensors = tensors_of("UPerNet, Swin") | head("UPerNet", [8, 16, 32, 60])

    with pytest.raises(ArchitectureError, match="have another shape"):
        build_network(checkpoint_of(tensors))


@pytest.mark.parametrize("name", ["FCN, STDC1", "FCN, BiSeNet v2", "FCN, ICNet", "OCR, ResNet"])
def test_a_file_without_the_norm_of_one_unit_is_not_built_without_it(name):
    tensors = tensors_of(name)
    last = [key for key in tensors if key.endswith(".bn.weight") and "auxiliary" not in key][-1]
    start = last.removesuffix("weight")

    with pytest.raises(ArchitectureError, match=r"are missing: .*running_var"):
        build_network(checkpoint_of({k: t for k, t in tensors.items() if not k.startswith(start)}))
