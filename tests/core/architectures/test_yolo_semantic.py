"""A semantic network of Ultralytics runs from its file alone, and nothing of its code is needed.

What the blocks compute is held by a second writing of them (tests/support/yolo.py); their sizes by
what training logs in public issues print (ultralytics 23219 and 23856).
"""

from __future__ import annotations

import functools

import pytest
import torch

from core.architectures import build_network
from core.architectures.families.yolo.told import told_by
from core.architectures.families.yolo.yolo_layers import plan_of
from core.architectures.families.yolo.yolo_semantic import ACTIVE, Semantic
from core.architectures.recognize import FAMILIES
from core.checkpoint import read_checkpoint
from core.errors import ArchitectureError
from scripts.reference_logits import picture, weights
from tests.core.architectures.test_families import checkpoint_of
from tests.support import yolo
from tests.support.five import apart, rebuilt
from tests.support.scripts import Returns, label_maps, of_a_repository

WIDTHS = (4, 8, 16, 16, 32)
SIZE = (64, 96)
VARIANTS = {  # of yolo26-sem.yaml, narrow
    "YOLO26-sem, small": {},
    "YOLO26-sem, large": {"n": 2, "c3k": True, "nc": 1},
    "YOLO26-sem, two attention heads": {"num_heads": 2},
    "YOLO26-sem, active pooling": {"act": True},
}


def original(**options):
    with yolo.as_ultralytics():
        net = yolo.SemanticSegmentationModel(WIDTHS, **options).eval()
    shapes = {key: list(tensor.shape) for key, tensor in net.state_dict().items()}
    net.load_state_dict(weights(shapes))
    return net


def read(net, folder, whole=True):
    content = {"model": net, "ema": None, "train_args": {"task": "semantic", "imgsz": 1024}}
    with yolo.as_ultralytics():
        torch.save(content if whole else net.state_dict(), folder / "best.pt")
    return read_checkpoint(folder / "best.pt", name="best.pt", digest="d")


def answer(net, size=SIZE):
    with torch.inference_mode():
        return net(picture(size))


@functools.cache
def network_of_keys():
    return build_network(checkpoint_of(inner(original())))


def inner(net):
    return {k.removeprefix("model."): t for k, t in net.state_dict().items()}


@pytest.mark.parametrize("name", VARIANTS)
def test_a_pickled_network_is_built_from_what_its_modules_say(name, tmp_path):
    options = VARIANTS[name]
    net = original(**options)
    network = build_network(read(net, tmp_path))

    account = network.account
    assert not account.missing + account.unexpected + account.wrong_shape
    assert network.architecture == "semantic YOLO of 4 channels"
    assert (network.num_classes, network.in_channels) == (options.get("nc", 3), 3)
    assert apart(answer(network.module), answer(net)) < 1e-4
    assert network.choices[0].source == "from the file"
    assert network.choices[0].taken == ("SiLU" if "act" in options else "none")


def test_weights_alone_take_the_published_layout_and_say_what_was_assumed(tmp_path):
    net = original()
    network = build_network(read(net, tmp_path, whole=False))

    assert apart(answer(network.module), answer(net)) < 1e-4
    assert [(c.name, c.taken, c.source) for c in network.choices] == [(ACTIVE, "none", "default")]
    other = build_network(read(net, tmp_path, whole=False), {ACTIVE: "SiLU"})
    assert apart(answer(other.module), answer(net)) > 1e-3


def test_what_feeds_a_layer_is_read_from_the_file(tmp_path):
    net = original()
    net.model[17].f = [13, 16]  # the classifier then fits the coarse map only where widths agree
    network = build_network(read(net, tmp_path))  # 16 and 16 channels

    assert apart(answer(network.module), answer(net)) < 1e-4
    assert answer(network.module).shape[-2:] == (SIZE[0] // 16, SIZE[1] // 16)


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (lambda m: setattr(m[12], "f", [-1, 40]), "Layer 12 .* fed by -1, 40"),
        (lambda m: setattr(m[11], "type", "my.Enlarge"), "Layer 11 .* is Enlarge"),
    ],
)
def test_a_layer_that_is_not_known_is_refused_by_its_number(change, told, tmp_path):
    net = original()
    change(net.model)

    with pytest.raises(ArchitectureError, match=told):
        build_network(read(net, tmp_path))


def test_what_helped_in_training_is_kept_told_and_not_run(tmp_path):
    network = build_network(read(original(), tmp_path))

    assert "17.aux: not run; of use in training only" in network.notes
    assert network.class_names == ("class 0", "class 1", "class 2")  # as the module says
    assert any(key.startswith("17.aux.") for key in network.account.matched)


def test_it_comes_back_however_it_was_saved(tmp_path):
    network = network_of_keys()
    for way, again in rebuilt(network.module, tmp_path):
        assert torch.equal(answer(again.module), answer(network.module)), way


def test_only_its_own_family_knows_the_keys_and_a_missing_tensor_is_named():
    state = inner(original())
    knowing = [name for name, family in FAMILIES.items() if family.matches(checkpoint_of(state))]
    assert knowing == ["semantic yolo"]

    del state["13.m.0.cv3.conv.weight"]
    with pytest.raises(ArchitectureError, match=r"13\.m\.0\.cv3\.conv\.weight"):
        build_network(checkpoint_of(state))


def test_it_takes_multiples_of_32():
    sizes = network_of_keys().sizes

    assert sizes.take(64, 96) and not sizes.take(64, 80)


def test_the_script_writes_the_same_label_map(tmp_path, monkeypatch):
    checkpoint = read(original(), tmp_path, whole=False)
    network = build_network(checkpoint)
    twin = Returns(network.module, lambda y: y)
    modules = of_a_repository("your_project", YourNetwork=lambda *_, **__: twin)

    written, shown = label_maps(network, checkpoint, tmp_path, modules, monkeypatch)

    assert written == shown


LOGS = {  # parameters of a layer: of x (widths 96 to 768, two in a row), of s (32 to 512)
    "x": ((96, 192, 384, 768, 768), 2, True,
          {2: 389760, 3: 1327872, 4: 1553664, 5: 5309952, 6: 5022720, 8: 5022720, 9: 1476864,
           10: 3264768, 16: 1700352}),
    "s": ((32, 64, 128, 256, 512), 1, False, {13: 477184, 16: 136192}),
}  # fmt: skip


@pytest.mark.parametrize("scale", LOGS)
def test_the_layers_are_as_large_as_the_logs_of_trainings_print(scale):
    widths, n, c3k, wanted = LOGS[scale]
    with torch.device("meta"):
        state = inner(yolo.SemanticSegmentationModel(widths, n, 19, c3k))
        told = told_by(checkpoint_of(state))
        net = Semantic(state, plan_of(state, told), told, pools_active=False)
    sizes = {k: sum(p.numel() for p in net.get_submodule(str(k)).parameters()) for k in wanted}

    assert sizes == wanted


@pytest.mark.parametrize(
    "names", [{"a": "road"}, {0: 7}, {0: "x" * 101}, dict.fromkeys(range(5000), "x")]
)
def test_what_is_no_list_of_class_names_is_none(names, tmp_path):
    net = original()
    net.names = names

    assert build_network(read(net, tmp_path)).class_names == ()


PUBLISHED = {  # millions of parameters, folded, in the documentation; widths, blocks, two ways
    1.6: ((16, 32, 64, 128, 256), 1, False),
    6.5: ((32, 64, 128, 256, 512), 1, False),
    14.3: ((64, 128, 256, 512, 512), 1, True),
    17.9: ((64, 128, 256, 512, 512), 2, True),
    40.2: ((96, 192, 384, 768, 768), 2, True),
}


@pytest.mark.parametrize("millions", PUBLISHED)
def test_with_three_units_as_classifier_all_scales_are_about_as_large_as_published(millions):
    widths, n, c3k = PUBLISHED[millions]
    with torch.device("meta"):
        body = yolo.SemanticSegmentationModel(widths, n, 19, c3k).model[:17]
    folded = [m for m in body.modules() if isinstance(m, torch.nn.Conv2d)]
    fine = widths[2]
    units = 3 * (9 * fine**2 + fine) + 19 * fine + 19

    found = sum(m.weight.numel() + m.out_channels for m in folded) + units
    assert abs(found / 1e6 - millions) < 0.1
