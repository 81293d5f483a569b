"""Real-time networks answer as the code of their repositories does, however they were saved.

`python -m scripts.reference_realtime FOLDER` made realtime.json from that code, which is not here:
names and shapes (3 classes, narrow where a class takes a width), and what it answers.
"""

from __future__ import annotations

import ast
import copy
import functools
import json

import pytest
import torch

from core.architectures import build_network
from core.architectures.families.realtime.stdc_backbone import LAST
from core.architectures.recognize import FAMILIES
from core.checkpoint import read_checkpoint
from core.errors import ArchitectureError
from scripts.reference_logits import picture, pixels, unpacked
from scripts.reference_realtime import ORIGINALS, REALTIME, tame
from tests.core.architectures.test_families import checkpoint_of
from tests.support.savings import SAVINGS
from tests.support.scripts import Returns, label_maps, of_a_repository

RELATIVE = 1e-4  # of the largest logit; another order of sums differs by 1e-6
CHOSEN = {"stdc 2, last convolution run": {LAST: "run"}}
TITLES = {
    "pidnet s": "PIDNet of 8 channels",
    "ddrnet 23": "DDRNet of 8 channels and 2 blocks in layer 2",
    "bisenet v1": "BiSeNet v1, ResNet-18",
    "bisenet v2": "BiSeNet v2",
    "stdc 1": "STDC1 (BiSeNet's head on it)",
    "fast-scnn": "Fast-SCNN",
    "enet": "ENet",
    "erfnet": "ERFNet",
    "hrnet": "HRNetV2-W6",
    "hrnet-ocr": "HRNetV2-W6-OCR",
    "twinlitenet": "TwinLiteNet, drivable area",
    "espnetv2": "ESPNetv2",
}
TWINS = ("stdc 1", "hrnet-ocr")  # of the same module as another one
WAYS = ("state dict", "training dict", "DataParallel", "whole module", "Lightning")


@functools.cache
def told():
    return json.loads(REALTIME.read_text(encoding="utf-8"))


@functools.cache
def state_of(name):
    return tame(unpacked(told()["shapes"])[name])


@functools.cache
def network_of(name):
    return build_network(checkpoint_of(state_of(name)), CHOSEN.get(name, {}))


@pytest.mark.parametrize("name", ORIGINALS)
def test_every_tensor_is_taken_and_the_answer_is_that_of_its_own_code(name):
    network = network_of(name)

    account = network.account
    assert not account.missing + account.unexpected + account.wrong_shape
    assert (network.in_channels, network.num_classes) == (3, 2 if name == "twinlitenet" else 3)
    for size, expected in told()["logits"][name].items():
        with torch.inference_mode():
            answered = torch.tensor(
                pixels(network.module(picture(tuple(map(int, size.split("x"))))))
            )
        apart = (answered - torch.tensor(expected)).abs().max()
        assert apart <= RELATIVE * max(1, torch.tensor(expected).abs().max())


@pytest.mark.parametrize("name", ORIGINALS)
def test_only_its_own_family_knows_the_keys(name):
    checkpoint = checkpoint_of(state_of(name))
    knowing = [family for family, module in FAMILIES.items() if module.matches(checkpoint)]

    assert len(knowing) == 1


@pytest.mark.parametrize("name", [name for name in TITLES if name not in TWINS])
def test_it_comes_back_however_it_was_saved(name, tmp_path):
    network = network_of(name)
    for way in WAYS:
        SAVINGS[way](network.module, tmp_path / "file")
        again = build_network(read_checkpoint(tmp_path / "file", name="file", digest="d"))

        assert again.architecture == TITLES[name], way
        assert not again.account.unexpected, way
        with torch.inference_mode():
            x = picture((64, 64))
            assert torch.equal(again.module(x), network.module(x)), way


WRAPS = {"network(x)": lambda y: y, "network(x)[0]": lambda y: (y,),
         "network(x)[0][1]": lambda y: ([None, y, None], [])}  # fmt: skip


@pytest.mark.parametrize("name", TITLES)
def test_the_script_writes_the_label_map_with_the_authors_class(name, tmp_path, monkeypatch):
    torch.save(state_of(name), tmp_path / "mine.pth")
    checkpoint = read_checkpoint(tmp_path / "mine.pth", name="mine.pth", digest="d")
    network = build_network(checkpoint)
    twin = copy.deepcopy(network.module)
    with torch.no_grad():
        for tensor in twin.state_dict().values():
            tensor.zero_()
    where, names, wrap = "your_project", "YourNetwork", lambda y: y
    if network.source:  # of some there is none: their class takes a config of its own
        where, names = network.source.imports[0].removeprefix("from ").split(" import ")
        wrap = WRAPS[network.source.heads["out"]]
    classes = dict.fromkeys(names.split(", "), lambda *_, **__: Returns(twin, wrap))
    modules = of_a_repository(where, **classes)

    written, shown = label_maps(network, checkpoint, tmp_path, modules, monkeypatch)

    assert written == shown
    assert bool(network.source) != name.startswith(("hrnet", "espnet"))


CALLS = {
    "pidnet l": (
        "PIDNet(m=3, n=4, num_classes=3, planes=8, ppm_planes=14, head_planes=16, augment=False)"
    ),
    "bisenet v2": 'BiSeNetV2(n_classes=3, aux_mode="train")',
    "stdc 1": 'BiSeNet("STDCNet813", n_classes=3, use_conv_last=False)',
    "enet, relu": "ENet(num_classes=3, encoder_relu=True, decoder_relu=False)",
}  # fmt: skip


@pytest.mark.parametrize("name", CALLS)
def test_the_call_of_the_authors_class_is_told(name):
    written = ast.unparse(ast.parse("\n".join(network_of(name).source.lines)))
    assert written == ast.unparse(ast.parse(f"network = {CALLS[name]}"))


@pytest.mark.parametrize("name", ["pidnet s", "stdc 1", "hrnet-ocr", "enet", "erfnet"])
def test_the_last_convolution_tells_the_classes_and_a_missing_tensor_is_named(name):
    state = dict(state_of(name))
    missing = next(key for key in reversed(state) if key.endswith("weight") and "conv" in key)
    del state[missing]

    with pytest.raises(ArchitectureError, match=missing.replace(".", r"\.")):
        build_network(checkpoint_of(state))


def test_mmsegmentations_names_are_told_by_the_title_and_kept_in_the_account(tmp_path):
    name = "ddrnet 23, mmsegmentation"
    beside = {"data_preprocessor.mean": torch.zeros(3, 1, 1), "meta.x": torch.zeros(1)}
    torch.save({"meta": {}, "state_dict": state_of(name) | beside}, tmp_path / "iter_1.pth")
    network = build_network(read_checkpoint(tmp_path / "iter_1.pth", name="iter_1.pth", digest="d"))

    assert network.architecture.endswith("in layer 2 of mmsegmentation")
    assert "backbone.stem.0.conv.weight" in network.account.matched
    assert not network.account.missing


def test_heads_of_training_are_told_and_the_choices_change_the_answer():
    assert "seghead_p, seghead_d: not run" in network_of("pidnet s").notes[-1]
    assert not network_of("pidnet l").notes
    aligned = network_of("hrnet")
    other = build_network(
        checkpoint_of(state_of("hrnet")), {aligned.choices[0].name: "not aligned"}
    )
    with torch.inference_mode():
        x = picture((64, 96))
        assert not torch.allclose(aligned.module(x), other.module(x), atol=1e-4)


def test_the_sizes_that_erfnet_takes_are_known():
    sizes = network_of("erfnet").sizes

    assert sizes.take(64, 96) and not sizes.take(66, 96)
