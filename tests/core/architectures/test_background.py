"""Background removal: what the authors' own code answered, and every saving.

background.json is what scripts/reference_background.py wrote.
"""

from __future__ import annotations

import hashlib
import json
import sys
from functools import cache
from types import ModuleType, SimpleNamespace

import numpy as np
import pytest
import torch
from torch import nn
from transformers import SwinBackbone, SwinConfig

from core.architectures import build_network
from core.architectures.families.swin import AUTHORS, Swin
from core.checkpoint import read_checkpoint
from core.export.script import inference_script
from core.settings import Settings, change
from scripts.reference_background import (
    BACKGROUND,
    DEPTHS,
    HEADS,
    WIDTH,
    WINDOW,
    filled,
    relative_positions,
    swin_shapes,
)
from scripts.reference_logits import picture, pixels, unpacked
from tests.core.architectures.test_families import checkpoint_of
from tests.core.export.test_script import inspected, scene
from tests.support.five import apart, rebuilt

NAMES = ("U2-Net", "U2-NetP", "IS-Net", "MODNet", "BiRefNet")


@cache
def told() -> SimpleNamespace:
    facts = json.loads(BACKGROUND.read_text())
    return SimpleNamespace(shapes=unpacked(facts["shapes"]), maps=facts["maps"])


@cache
def tensors_of(name: str):
    return filled(told().shapes[name])


@cache
def network_of(name: str):
    return build_network(checkpoint_of(tensors_of(name)))


def answer(network, x):
    with torch.inference_mode():
        return network.module(x)


@pytest.mark.parametrize("name", NAMES)
def test_it_answers_as_the_authors_code(name):
    options = [c.options for c in network_of(name).choices]
    for place, option in enumerate(options[0] if options else [""]):
        chosen = {"output map": option} if option else {}
        network = build_network(checkpoint_of(tensors_of(name)), chosen)
        for size, maps in told().maps[name].items():
            h, w = map(int, size.split("x"))
            found = torch.tensor(pixels(answer(network, picture((h, w)))))
            assert apart(found, torch.tensor(maps[place])) < 1e-4, (option, size)


@pytest.mark.parametrize("name", NAMES)
def test_what_its_numbers_are_and_which_map_is_shown_is_told(name):
    network = network_of(name)
    ends = "" if name == "BiRefNet" else "sigmoid"

    assert network.architecture.partition(",")[0] == name
    assert (network.num_classes, network.in_channels) == (1, 3)
    assert network.scores.ends_in == ends
    assert not network.account.missing + network.account.unexpected
    maps = {"U2-Net": 7, "U2-NetP": 7, "IS-Net": 6}.get(name, 0)
    assert sum(len(choice.options) for choice in network.choices) == maps


@pytest.mark.parametrize("name", [name for name in NAMES if name != "U2-NetP"])
def test_every_saving_is_built_and_answers_the_same(name, tmp_path):
    network, x = network_of(name), picture((32, 64))
    wanted = answer(network, x)
    for way, again in rebuilt(network.module, tmp_path):
        assert apart(answer(again, x), wanted) < 1e-5, way


CALLED = {  # whose class the script imports, and how its output is packed
    "U2-Net": ("model", "U2NET", lambda y: (y,) * 7),
    "IS-Net": ("models.isnet", "ISNetDIS", lambda y: ([y] * 6, [])),
    "MODNet": ("src.models.modnet", "MODNet", lambda y: (None, None, y)),
    "BiRefNet": ("models.birefnet", "BiRefNet", lambda y: [y]),
}


@pytest.mark.parametrize("name", CALLED)
def test_the_script_around_the_authors_class_writes_the_same_labels(name, tmp_path, monkeypatch):
    module, cls, pack = CALLED[name]
    path = tmp_path / "mine.pth"
    torch.save(tensors_of(name), path)
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    checkpoint = read_checkpoint(path, name=path.name, digest=digest)
    network = build_network(checkpoint)
    settings = change(Settings(), resize="fixed", height=64, width=96)
    inspection = inspected(scene(), network, settings)
    source = inference_script(inspection, checkpoint)

    class Original(type(network.module)):  # stands in for the class that is not here
        def __init__(self, *_, **__):
            nn.Module.__init__(self)
            made = build_network(checkpoint).module
            self.__dict__.update(made.__dict__)

        def forward(self, x, *_):
            return pack(super().forward(x))

    stand_in = ModuleType(module)
    setattr(stand_in, cls, Original)
    parts = module.split(".")
    for k in range(1, len(parts)):
        monkeypatch.setitem(sys.modules, ".".join(parts[:k]), ModuleType(parts[0]))
    monkeypatch.setitem(sys.modules, module, stand_in)
    monkeypatch.chdir(tmp_path)
    names: dict = {"__name__": "inference"}
    exec(compile(source, "inference.py", "exec"), names)
    with torch.inference_mode():
        logits = names["predict"](names["load_network"](), inspection.image.pixels)

    assert np.array_equal(names["decode"](logits), inspection.labels.ids)
    assert len(np.unique(inspection.labels.ids)) == 2
    assert max(map(len, source.splitlines())) <= 100


def test_our_swin_transformer_is_that_of_transformers():
    tensors = {k: list(t.shape) for k, t in swin_shapes().items()}
    own = filled(tensors)
    index = {
        f"layers.{k}.blocks.{b}.attn.relative_position_index": relative_positions(WINDOW)
        for k in range(4)
        for b in range(2)
    }
    ours = Swin(own, AUTHORS)
    ours.load_state_dict(own | index)
    config = SwinConfig(
        embed_dim=WIDTH, depths=DEPTHS, num_heads=HEADS, window_size=WINDOW,
        out_features=[f"stage{k}" for k in range(1, 5)],
    )  # fmt: skip
    theirs = SwinBackbone(config).eval()
    theirs.load_state_dict(renamed(own), strict=False)
    x = picture((72, 100))  # no multiple of windows or patches' merging
    with torch.inference_mode():
        found, wanted = ours.eval()(x), theirs(x).feature_maps

    assert set(renamed(own)) <= set(theirs.state_dict())
    assert max(apart(a, b) for a, b in zip(found, wanted, strict=True)) < 1e-4


def renamed(tensors):
    """By the names that transformers has in memory."""
    names = {
        "patch_embed.proj.": "swin.embeddings.patch_embeddings.projection.",
        "patch_embed.norm.": "swin.embeddings.norm.",
        "attn.relative_position_bias_table": "attention.relative_position_bias."
        "relative_position_bias_table",
        "attn.proj.": "attention.o_proj.",
        "norm1.": "layernorm_before.",
        "norm2.": "layernorm_after.",
    }
    made = {}
    for key, tensor in tensors.items():
        if key[:5] in ("norm0", "norm1", "norm2", "norm3"):
            made[f"hidden_states_norms.stage{int(key[4]) + 1}.{key[6:]}"] = tensor
            continue
        for old, new in names.items():
            key = key.replace(old, new)
        key = key.replace("layers.", "swin.encoder.layers.", 1)
        parts = tensor.chunk(3) if ".qkv." in key else [tensor]
        for name, part in zip("qkv", parts, strict=False):
            made[key.replace("attn.qkv.", f"attention.{name}_proj.")] = part
    return made
