"""Networks of famous public repositories, rebuilt from keys and shapes: equal to the originals.

The originals have their own licenses and are not here. `python -m scripts.reference_logits FOLDER`
made families.json beside this file from them: names and shapes of their state_dict (3 classes), and
what they answer to weights and pictures that the functions of that script make again here, number
by number.
"""

from __future__ import annotations

import ast
import functools
import json
from itertools import pairwise

import pytest
import torch

from core.architectures.families import torchvision_families
from core.architectures.families.repositories import (
    bubbliiiing_deeplab,
    jfzhang_deeplab,
    milesial_unet,
    vainf_deeplab,
)
from core.architectures.shapes import OUTPUT_STRIDE
from core.checkpoint import Checkpoint, read_checkpoint
from core.errors import ArchitectureError
from scripts.reference_logits import FACTS, VARIANTS, picture, pixels, unpacked, weights

FAMILIES = {
    "unet": milesial_unet,
    "vainf": vainf_deeplab,
    "bubbliiiing": bubbliiiing_deeplab,
    "jfzhang": jfzhang_deeplab,
}
TOLERANCE = 1e-4  # of logits around 3; another order of sums differs by 2e-5
# A small network of each family, its last convolution, and its first atrous rate.
SMALL = {
    "vainf deeplabv3plus mobilenetv2 16": (
        "classifier.classifier.3",
        "classifier.aspp.convs.1.0",
    ),
    "vainf deeplabv3 mobilenetv2 16": (
        "classifier.classifier.4",
        "classifier.classifier.0.convs.1.0",
    ),
    "vainf deeplabv3plus mobilenetv2 separable 16": (
        "classifier.classifier.3",
        "classifier.aspp.convs.1.0.body.0",
    ),
    "bubbliiiing mobilenet 16": ("cls_conv", "aspp.branch2.0"),
    "jfzhang mobilenet 16": ("decoder.last_conv.8", "aspp.aspp2.atrous_conv"),
}


@functools.cache
def told():
    return json.loads(FACTS.read_text(encoding="utf-8"))


@functools.lru_cache(maxsize=1)
def state_of(layout):
    return weights(unpacked(told()["shapes"])[layout])


def state_for(name):
    return dict(state_of(VARIANTS[name].layout))


def family_of(name):
    return FAMILIES[name.split()[0].split("-")[0]]


def checkpoint_of(tensors, attributes=None):
    facts = {"name": "x.pth", "digest": "0" * 64, "container": "zip pickle", "num_bytes": 1}
    return Checkpoint(
        **facts,
        tensors=tensors,
        wrapper=(),
        prefix="",
        others={},
        notes=(),
        attributes=attributes or {},
    )


def build(name, tensors, chosen=None, attributes=None):
    return family_of(name).build(checkpoint_of(tensors, attributes), chosen or {})


def answer(network, size=(75, 64), channels=3):
    with torch.inference_mode():
        return network.module(picture(size, channels))


@pytest.mark.parametrize("name", VARIANTS)
def test_the_network_takes_every_tensor_and_answers_as_the_original_does(name):
    variant = VARIANTS[name]
    chosen = {OUTPUT_STRIDE: str(variant.stride)} if variant.stride else {}
    network = build(name, state_for(name), chosen)

    account = network.account
    assert not account.missing + account.unexpected + account.wrong_shape
    assert (network.in_channels, network.num_classes) == (3, 3)
    for size in variant.sizes:
        logits = answer(network, size)
        expected = torch.tensor(told()["logits"][name]["x".join(map(str, size))])
        assert logits.shape == (1, 3, *size)
        assert torch.allclose(torch.tensor(pixels(logits)), expected, atol=TOLERANCE, rtol=0)


CALLS = {
    "unet": "UNet(n_channels=3, n_classes=3, bilinear=False)",
    "unet bilinear": "UNet(n_channels=3, n_classes=3, bilinear=True)",
    "unet-2018": None,
    "vainf deeplabv3plus resnet101 8": (
        "deeplabv3plus_resnet101(num_classes=3, output_stride=8, pretrained_backbone=False)"
    ),
    "vainf deeplabv3 mobilenetv2 16": (
        "deeplabv3_mobilenet(num_classes=3, output_stride=16, pretrained_backbone=False)"
    ),
    "vainf deeplabv3plus hrnetv2_48": None,
    "vainf deeplabv3plus mobilenetv2 separable 16": None,
    "jfzhang drn": 'DeepLab(backbone="drn", output_stride=8, num_classes=3, sync_bn=False)',
    "jfzhang resnet 16": (
        'DeepLab(backbone="resnet", output_stride=16, num_classes=3, sync_bn=False)'
    ),
    "bubbliiiing mobilenet 8": (
        'DeepLab(num_classes=3, backbone="mobilenet", pretrained=False, downsample_factor=8)'
    ),
}


@pytest.mark.parametrize("name", CALLS)
def test_a_script_calls_the_authors_own_function_where_there_is_one(name):
    variant = VARIANTS[name]
    chosen = {OUTPUT_STRIDE: str(variant.stride)} if variant.stride else {}
    shapes = unpacked(told()["shapes"])[variant.layout]
    keys = {key: torch.empty(shape, device="meta") for key, shape in shapes.items()}
    source = build(name, keys, chosen).source
    if CALLS[name] is None:
        assert source is None
        return
    written = ast.unparse(ast.parse("\n".join(source.lines)))
    assert written == ast.unparse(ast.parse(f"network = {CALLS[name]}"))
    assert source.repository.startswith("github.com/")


@pytest.mark.parametrize("name", ["unet", *SMALL, "jfzhang drn"])
def test_only_its_own_family_knows_the_keys(name):
    shapes = unpacked(told()["shapes"])[VARIANTS[name].layout]
    keys = {key: torch.empty(shape, device="meta") for key, shape in shapes.items()}
    checkpoint = checkpoint_of(keys)
    knowing = [f for f in (torchvision_families, *FAMILIES.values()) if f.matches(checkpoint)]

    assert knowing == [family_of(name)]


@pytest.mark.parametrize("classes", [1, 2, 21])
@pytest.mark.parametrize("name", SMALL)
def test_the_number_of_classes_is_that_of_the_last_convolution(name, classes):
    state, last = state_for(name), SMALL[name][0]
    state[f"{last}.weight"] = torch.ones(classes, 256, 1, 1)
    state[f"{last}.bias"] = torch.zeros(classes)

    network = build(name, state)

    assert network.num_classes == classes
    assert answer(network).shape == (1, classes, 75, 64)


@pytest.mark.parametrize("classes", [1, 2, 21])
def test_a_unet_has_any_width_depth_and_number_of_channels(classes):
    state = narrow_unet(channels=5, widths=(6, 10, 18), classes=classes)

    network = milesial_unet.build(checkpoint_of(state), {})

    assert (network.in_channels, network.num_classes) == (5, classes)
    assert not network.account.missing + network.account.unexpected
    assert answer(network, (33, 47), 5).shape == (1, classes, 33, 47)


def narrow_unet(channels, widths, classes):
    """Shapes of a bilinear U-Net without biases, one level less than widths."""
    state = two_convolutions("inc.double_conv", channels, widths[0], widths[0])
    for level, (a, b) in enumerate(pairwise(widths), start=1):
        state |= two_convolutions(f"down{level}.maxpool_conv.1.double_conv", a, b, b)
    below = widths[-1]
    for level, width in enumerate(reversed(widths[:-1]), start=1):
        state |= two_convolutions(f"up{level}.conv.double_conv", below + width, width + 1, width)
        below = width
    state |= {"outc.conv.weight": [classes, below, 1, 1], "outc.conv.bias": [classes]}
    return weights(state)


def two_convolutions(start, *channels):
    found = {}
    for place, (a, b) in zip((0, 3), pairwise(channels), strict=True):
        found[f"{start}.{place}.weight"] = [b, a, 3, 3]
        norms = ("weight", "bias", "running_mean", "running_var")
        found |= {f"{start}.{place + 1}.{name}": [b] for name in norms}
        found[f"{start}.{place + 1}.num_batches_tracked"] = []
    return found


@pytest.mark.parametrize("name", SMALL)
def test_a_missing_tensor_is_refused_by_its_name(name):
    state = state_for(name)
    missing = f"{SMALL[name][1]}.weight"
    del state[missing]

    assert family_of(name).matches(checkpoint_of(state))
    with pytest.raises(ArchitectureError) as failure:
        build(name, state)
    assert missing in failure.value.message


@pytest.mark.parametrize(
    "missing",
    ["inc.double_conv.0.weight", "up1.conv.double_conv.3.weight", "outc.conv.weight"],
)
def test_a_tensor_that_a_unet_lacks_is_refused_by_its_name(missing):
    state = narrow_unet(channels=3, widths=(4, 8), classes=2)
    del state[missing]

    assert milesial_unet.matches(checkpoint_of(state))
    with pytest.raises(ArchitectureError, match=f"1 of its .* missing: {missing}"):
        milesial_unet.build(checkpoint_of(state), {})


def test_one_bias_that_a_unet_lacks_is_refused_by_its_name():
    state = state_for("unet-2020")
    missing = "down2.maxpool_conv.1.double_conv.3.bias"
    del state[missing]

    with pytest.raises(ArchitectureError, match=f"1 of its .* missing: {missing}"):
        milesial_unet.build(checkpoint_of(state), {})


def test_a_file_from_several_devices_is_read_without_its_prefix(tmp_path):
    name = "bubbliiiing mobilenet 16"
    state = state_for(name)
    torch.save({f"module.{key}": value for key, value in state.items()}, tmp_path / "x.pth")
    checkpoint = read_checkpoint(tmp_path / "x.pth", name="x.pth", digest="0" * 64)

    network = bubbliiiing_deeplab.build(checkpoint, {})

    assert torch.equal(answer(network), answer(build(name, state)))


@pytest.mark.parametrize("name", SMALL)
def test_the_output_stride_is_the_repositorys_unless_told_or_chosen(name):
    state, rate = state_for(name), SMALL[name][1]
    pickled = {f"module.{rate}.dilation": [12, 12]}

    choices = [
        build(name, state, chosen, attributes).choices[0]
        for chosen, attributes in (
            ({}, {}),
            ({}, pickled),
            ({OUTPUT_STRIDE: "16"}, pickled),
            ({OUTPUT_STRIDE: "3"}, {}),
        )
    ]

    assert [(choice.taken, choice.source) for choice in choices] == [
        ("16", "default"),
        ("8", "from the file"),
        ("16", "chosen"),
        ("16", "default"),
    ]
    assert choices[0].options == ("16", "8")


def test_the_output_stride_changes_the_answer():
    name = "bubbliiiing mobilenet 16"
    built = [build(name, state_for(name), {OUTPUT_STRIDE: taken}) for taken in ("16", "8")]

    assert not torch.allclose(answer(built[0]), answer(built[1]), atol=0.01)


def test_a_pickled_module_that_was_built_otherwise_is_noted():
    layer = "aspp.aspp4.atrous_conv"
    network = build(
        "jfzhang mobilenet 16",
        state_for("jfzhang mobilenet 16"),
        {},
        {f"{layer}.dilation": [24, 24], f"{layer}.stride": [1, 1]},
    )

    (note,) = network.notes
    assert layer in note and "(24, 24)" in note and "(18, 18)" in note


def test_a_decoder_from_before_its_dropout_answers_the_same():
    name = "jfzhang mobilenet 16"
    state = state_for(name)
    places = {"4": "3", "5": "4", "8": "6"}
    old = {}
    for key, value in state.items():
        if key.startswith("decoder.last_conv."):
            place, rest = key.removeprefix("decoder.last_conv.").split(".", 1)
            key = f"decoder.last_conv.{places.get(place, place)}.{rest}"
        old[key] = value

    assert torch.equal(answer(build(name, old)), answer(build(name, state)))


def test_a_high_resolution_network_takes_sizes_that_the_original_refuses():
    network = build("vainf deeplabv3 hrnetv2_32", state_for("vainf deeplabv3 hrnetv2_32"))

    assert answer(network, (45, 51)).shape == (1, 3, 45, 51)
    assert not network.choices
