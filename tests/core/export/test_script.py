"""The exported script, without the app, writes the dashboard's label map bit for bit."""

from __future__ import annotations

import ast
import hashlib
import io
import subprocess
import sys
from argparse import Namespace
from functools import cache
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from PIL import Image as PillowImage
from torch import nn

import examples
from core.architectures import build_network
from core.checkpoint import read_checkpoint
from core.checkpoint.clean import write_clean
from core.errors import ArchitectureError
from core.export.label_map import label_png
from core.export.script import inference_script
from core.image import decode_image
from core.inference import forward
from core.inspection import Inspection
from core.labels import decode_labels
from core.preprocess import preprocess
from core.presets import apply_preset
from core.settings import Settings, change
from tests.conftest import zipped
from tests.support.networks import seeded
from tests.support.serving import ROOT

EXAMPLE = "the example"
TRAINED = apply_preset(Settings(), examples.TRAINED_WITH)
DRIVER = """
import os, runpy, sys
for folder in sys.argv[1:]:
    os.chdir(folder)
    sys.path.insert(0, folder)
    sys.argv = ["inference.py", "picture.png", "labels.png"]
    runpy.run_path("inference.py", run_name="__main__")
assert not [name for name in sys.modules if name.split(".")[0] in ("core", "streamlit")]
"""


def deeplab(**options):
    from torchvision.models.segmentation import deeplabv3_mobilenet_v3_large

    return deeplabv3_mobilenet_v3_large(weights=None, weights_backbone=None, **options)


def lraspp():
    from torchvision.models.segmentation import lraspp_mobilenet_v3_large

    network = lraspp_mobilenet_v3_large(weights=None, weights_backbone=None, num_classes=3)
    network.backbone["0"][0] = nn.Conv2d(1, 16, 3, stride=2, padding=1, bias=False)
    return network


def fcn_resnet():
    from torchvision.models.segmentation import fcn_resnet50

    return fcn_resnet50(weights=None, weights_backbone=None, num_classes=4)


def unet(**options):
    import segmentation_models_pytorch as smp

    return smp.Unet(
        "mobilenet_v2",
        encoder_weights=None,
        encoder_depth=3,
        decoder_channels=(32, 16, 16),
        **options,
    )


def balanced(network: nn.Module, content: bytes) -> nn.Module:
    """Move the biases of the heads, so that every class wins somewhere in this picture."""
    first = next(layer for layer in network.modules() if isinstance(layer, nn.Conv2d))
    color = "gray" if first.in_channels == 1 else "rgb"
    settings = change(Settings(), color=color, resize="fixed", height=64, width=96)
    heads = [
        layer
        for name, layer in network.named_modules()
        if isinstance(layer, nn.Conv2d) and layer.bias is not None and layer.out_channels <= 5
        and not name.startswith(("backbone.", "encoder."))
    ]  # fmt: skip
    x = preprocess(decode_image(content), settings.preprocessing).tensor
    means: dict = {}
    for head in heads:
        head.register_forward_hook(
            lambda head, _, output: means.update({head: output.mean((0, 2, 3))})
        )
    with torch.no_grad():
        network(x)
        for head, mean in means.items():
            head._forward_hooks.clear()
            head.bias -= mean
    return network


def narrow_fcn():
    """Torchvision's parts, which none of its functions puts together."""
    from examples.zoo.architectures import BUILDERS

    return BUILDERS["fcn"](3, 5)


def narrow_lraspp():
    from torchvision.models import mobilenet_v3_large
    from torchvision.models.segmentation.lraspp import LRASPPHead, _lraspp_mobilenetv3

    backbone = mobilenet_v3_large(weights=None, width_mult=0.25, dilated=True)
    network = _lraspp_mobilenetv3(backbone, 5)
    high = network.classifier.cbr[0].in_channels
    network.classifier = LRASPPHead(network.classifier.low_classifier.in_channels, high, 5, 64)
    return network


def milesial():
    from examples.zoo.architectures import UNet

    return UNet(3, 4, nn.BatchNorm2d)


NETWORKS = {
    "DeepLabV3 with an aux head": lambda: deeplab(num_classes=3, aux_loss=True),
    "LRASPP for gray pictures": lraspp,
    "FCN": fcn_resnet,
    "narrow FCN": narrow_fcn,
    "narrow LRASPP": narrow_lraspp,
    "SMP, three classes": lambda: unet(classes=3),
    "SMP, one channel": lambda: unet(classes=1),
    "SMP, gray, scse": lambda: unet(classes=2, in_channels=1, decoder_attention_type="scse"),
    "of a repository": milesial,
}
PLAIN = {
    "as trained": (EXAMPLE, {}),
    "ImageNet, BGR, 0-255": (
        EXAMPLE,
        {"color": "bgr", "scale": "1", "mean": (103.5, 116.2, 123.7), "std": (57.4, 57.1, 58.4)},
    ),
    "z-score and padding": (EXAMPLE, {"zscore": True, "resize": "multiple", "multiple": 48}),
    "fixed size, divided twice": (
        EXAMPLE,
        {
            "resize": "fixed",
            "height": 100,
            "width": 130,
            "divide_again": 1.25,
            "mean": (0.4, 0.5, 0.6),
            "std": (0.2, 0.3, 0.25),
        },
    ),
    "shorter side, bicubic": (
        EXAMPLE,
        {"resize": "shorter", "side": 100, "interpolation": "bicubic", "scale": "max"},
    ),
    "longer side, nearest": (
        EXAMPLE,
        {"resize": "longer", "side": 128, "interpolation": "nearest", "upsampling": "nearest"},
    ),
    "letterbox": (
        EXAMPLE,
        {"resize": "letterbox", "height": 96, "width": 161, "orientation": "90", "pad_color": 7},
    ),
    "letterbox, z-score, turned": (
        EXAMPLE,
        {"resize": "letterbox", "height": 141, "width": 90, "zscore": True, "orientation": "180"},
    ),
    "transposed and padded": (
        EXAMPLE,
        {"resize": "multiple", "multiple": 48, "orientation": "transposed"},
    ),
    "mirrored": (EXAMPLE, {"orientation": "mirrored"}),
    "windows": (EXAMPLE, {"window": 64, "overlap": 0.35}),
    "flipped views": (EXAMPLE, {"flip": "horizontal"}),
    "windows of four flipped views in a turned letterbox": (
        EXAMPLE,
        {
            "window": 72,
            "overlap": 0.25,
            "flip": "both",
            "resize": "letterbox",
            "height": 96,
            "width": 120,
            "orientation": "270",
            "upsampling": "nearest",
        },
    ),
    "windows with batch statistics": (EXAMPLE, {"window": 96, "mode": "train"}),
    "batch statistics": (EXAMPLE, {"mode": "train"}),
    "half precision": (EXAMPLE, {"dtype": "float16", "std": (0.2, 0.2, 0.2)}),
    "bfloat16": (EXAMPLE, {"dtype": "bfloat16"}),
    "own palette": (EXAMPLE, {"palette": "custom", "custom": ("#010203", "#ff0000", "#00ff7f")}),
    "no class under the threshold": (
        EXAMPLE,
        {"rule": "per_class", "activation": "softmax", "threshold": 0.95, "palette": "voc"},
    ),
    "a threshold on logits": (
        EXAMPLE,
        {"rule": "threshold", "activation": "none", "threshold": 0.1},
    ),
    "main head": ("DeepLabV3 with an aux head", {}),
    "aux head": ("DeepLabV3 with an aux head", {"head": "aux"}),
    "gray LRASPP": ("LRASPP for gray pictures", {"color": "gray", "mean": (0.5, 0, 0)}),
    "FCN on ResNet-50": ("FCN", {"resize": "fixed", "height": 64, "width": 64}),
    "FCN on MobileNetV3": ("narrow FCN", {}),
    "LRASPP of another width": ("narrow LRASPP", {"upsampling": "nearest"}),
    "SMP": ("SMP, three classes", {"resize": "multiple", "multiple": 32, "std": (0.5, 0.4, 0.3)}),
    "one-channel head": (
        "SMP, one channel",
        {"resize": "multiple", "multiple": 32, "threshold": 0.45},
    ),
    "SMP for gray pictures": (
        "SMP, gray, scse",
        {"resize": "fixed", "height": 64, "width": 96, "color": "gray"},
    ),
}
PADDED = {"resize": "multiple", "multiple": 32}
CASES = {  # what is shown -> network, how it is saved, changes of the settings
    **{name: (network, "state_dict", changes) for name, (network, changes) in PLAIN.items()},
    "a legacy file": ("SMP, three classes", "legacy", PADDED),
    "safetensors": ("SMP, three classes", "safetensors", PADDED),
    "Lightning": ("SMP, three classes", "lightning", PADDED),
    "a whole module": ("SMP, three classes", "whole module", PADDED),
    "arguments beside the weights": ("SMP, three classes", "with arguments", PADDED),
    "own class": ("of a repository", "author's class", {"resize": "multiple", "multiple": 8}),
}
AUTHORS = f"""import sys
sys.path.append({str(ROOT)!r})
{(ROOT / "examples/zoo/architectures.py").read_text().replace("from __future__", "#")}
YourNetwork = lambda: UNet(3, 4, nn.BatchNorm2d)
"""


def write(way: str, network: nn.Module, path: Path) -> None:
    """Save a network as people do."""
    from safetensors.torch import save_file

    weights = network.state_dict()
    if way == "safetensors":
        save_file(weights, path)
    elif way == "lightning":
        inner = {f"model.{key}": tensor for key, tensor in weights.items()}
        torch.save({"epoch": 3, "state_dict": inner}, path)
    elif way == "with arguments":
        torch.save({"args": Namespace(lr=0.1), "model": weights}, path)
    elif way == "whole module":
        torch.save(network, path)
    else:
        torch.save(weights, path, _use_new_zipfile_serialization=way != "legacy")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("scripts")


@cache
def opened(name: str, folder: Path, way: str = "state_dict"):
    """A file as its owner has it, and what the app makes of it."""
    path = folder / f"{hashlib.sha256(f'{name}{way}'.encode()).hexdigest()[:8]} of mine.pth"
    if name == EXAMPLE:
        path.write_bytes(examples.CHECKPOINT.read_bytes())
    else:
        torch.manual_seed(0)
        write(way, balanced(seeded(NETWORKS[name]()), scene()), path)
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    checkpoint = read_checkpoint(path, name=path.name, digest=digest)
    return path, checkpoint, build_network(checkpoint)


def inspected(content: bytes, network, settings: Settings) -> Inspection:
    image = decode_image(content)
    tensor = preprocess(image, settings.preprocessing)
    size = image.pixels.shape[:2]
    logits = forward(network, tensor, settings.forwarding, size=size)
    labels = decode_labels(logits.values, settings.decoding, network.scores.ends_in)
    return Inspection(image, network, settings, tensor, logits, labels)


def scene(size=(150, 114)) -> bytes:
    file = io.BytesIO()
    PillowImage.open(examples.SCENES[0]).resize(size).save(file, "PNG")
    return file.getvalue()


def prepared(place: Path, name: str, way: str, changes) -> SimpleNamespace:
    """A folder as the user has it: script, checkpoint, picture."""
    path, checkpoint, network = opened(name, place.parent, way)
    start = TRAINED if name == EXAMPLE else Settings()
    inspection = inspected(scene(), network, change(start, **changes))
    source = inference_script(inspection, checkpoint)
    place.mkdir()
    (place / "inference.py").write_text(source)
    (place / "picture.png").write_bytes(scene())
    (place / path.name).symlink_to(path)
    if way in ("whole module", "with arguments"):
        clean = write_clean(checkpoint, "safetensors", place / "clean")
        (place / f"{path.stem}-{checkpoint.digest[:8]}.safetensors").symlink_to(clean)
    if way == "author's class":
        (place / "your_project.py").write_text(AUTHORS)
    wanted = label_png(inspection.labels, inspection.settings.display)
    return SimpleNamespace(place=place, source=source, wanted=wanted, labels=inspection.labels)


@pytest.fixture(scope="module")
def ran(folder):
    """All cases, each by its script; one process for all of them, because torch takes seconds."""
    cases = {
        name: prepared(folder / f"case{place}", network, way, changes)
        for place, (name, (network, way, changes)) in enumerate(CASES.items())
    }
    command = [sys.executable, "-c", DRIVER, *(str(case.place) for case in cases.values())]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    return cases


@pytest.mark.parametrize("name", CASES)
def test_the_script_writes_the_dashboards_label_map(ran, name):
    assert (ran[name].place / "labels.png").read_bytes() == ran[name].wanted


def test_the_label_maps_compared_are_not_all_one_class(ran):
    single = [name for name, case in ran.items() if len(np.unique(case.labels.ids)) == 1]

    assert single == []


def test_a_label_map_is_mode_p_with_ids_as_samples_and_colors_beside(ran):
    picture = PillowImage.open(ran["own palette"].place / "labels.png")

    assert picture.mode == "P"
    assert np.array_equal(np.array(picture), ran["own palette"].labels.ids)
    assert picture.getpalette()[:9] == [1, 2, 3, 255, 0, 0, 0, 255, 127]


def test_pixels_without_a_class_are_255_and_black(ran):
    case = ran["no class under the threshold"]
    picture = PillowImage.open(case.place / "labels.png")

    assert (np.array(picture) == 255).sum() == (case.labels.ids == -1).sum() > 0
    assert picture.getpalette()[-3:] == [0, 0, 0]


def test_only_what_the_settings_need_is_written(ran):
    plain = ran["main head"].source

    assert len(plain.splitlines()) < 95
    assert not [word for word in ("resize", "MEAN", "np.pad", "float16", "exp(") if word in plain]
    assert "weights_only=True" in plain


@pytest.mark.parametrize("name", CASES)
def test_the_script_reads_like_formatted_code(ran, name):
    lines = ran[name].source.splitlines()
    tree = ast.parse(ran[name].source)
    functions = [node for node in tree.body if isinstance(node, ast.FunctionDef)]

    assert max(map(len, lines)) <= 100
    assert all(ast.get_docstring(function) for function in functions)


def test_without_a_picture_it_says_how_it_is_called(ran, monkeypatch):
    monkeypatch.setattr(sys, "argv", ["inference.py"])

    with pytest.raises(SystemExit, match=r"python inference\.py picture\.png labels\.png"):
        exec(compile(ran["main head"].source, "inference.py", "exec"), {"__name__": "__main__"})


@pytest.mark.parametrize("name", ["a whole module", "arguments beside the weights"])
def test_a_file_that_holds_more_than_weights_is_not_opened_by_the_script(ran, name):
    source = ran[name].source

    assert "torch.load" not in source
    assert "(safetensors): the Checkpoint page writes them" in source


def test_every_name_that_is_taken_for_weights_is_one_of_torchs_own():
    from torch._weights_only_unpickler import _get_allowed_globals

    from core.checkpoint.pickled.policy import beyond_weights

    known = set(_get_allowed_globals())
    names = known | {f"{name}x" for name in known} | {"numpy.dtype", "collections.defaultdict"}
    taken = names - set(beyond_weights(names))

    assert "torch._utils._rebuild_tensor_v2" in taken
    assert taken <= known


def test_a_network_of_no_library_asks_for_the_authors_class(ran):
    assert "from your_project import YourNetwork  # <- your own" in ran["own class"].source


@pytest.mark.parametrize("name", ["SegFormer", "UPerNet", "DPT"])
def test_a_network_of_transformers_is_built_from_its_config(tmp_path, monkeypatch, name):
    from safetensors.torch import save

    from tests.core.architectures.test_transformers import model_of

    model = model_of(name)
    files = {"config.json": model.config.to_json_string().encode()}
    path = tmp_path / "folder.zip"
    path.write_bytes(zipped(files | {"model.safetensors": save(model.state_dict())}))
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    checkpoint = read_checkpoint(path, name=path.name, digest=digest)
    network = build_network(checkpoint)
    settings = change(TRAINED, resize="fixed", height=64, width=64)
    inspection = inspected(scene(), network, settings)
    clean = write_clean(checkpoint, "safetensors", tmp_path / "clean")
    (tmp_path / f"folder-{digest[:8]}.safetensors").symlink_to(clean)
    source = inference_script(inspection, checkpoint)
    monkeypatch.chdir(tmp_path)
    names: dict = {"__name__": "inference"}
    exec(compile(source, "inference.py", "exec"), names)
    logits = names["predict"](names["load_network"](), inspection.image.pixels)

    assert np.array_equal(logits, inspection.logits.values)
    assert max(map(len, source.splitlines())) <= 100


@pytest.mark.parametrize("mode", ["RGBA", "LA", "P", "L", "1", "turned"])
def test_every_kind_of_picture_is_read_as_the_dashboard_reads_it(ran, tmp_path, mode):
    names: dict = {"__name__": "inference"}
    exec(compile(ran["main head"].source, "inference.py", "exec"), names)
    picture = PillowImage.open(io.BytesIO(scene((30, 20))))
    options = {}
    if mode == "turned":
        options["exif"] = PillowImage.Exif()
        options["exif"][0x0112] = 6
    else:
        picture = picture.convert(mode)
    if "A" in mode:
        picture.putalpha(PillowImage.linear_gradient("L").resize(picture.size))
    picture.save(tmp_path / "picture.png", **options)
    wanted = decode_image((tmp_path / "picture.png").read_bytes()).pixels

    assert np.array_equal(names["load_picture"](tmp_path / "picture.png"), wanted)


@pytest.mark.parametrize("depth", ["8", "file"])
@pytest.mark.parametrize("color", ["rgb", "gray"])
def test_a_picture_of_16_bits_gets_a_script_for_16_bits(folder, tmp_path, depth, color):
    name = "LRASPP for gray pictures" if color == "gray" else EXAMPLE
    _, checkpoint, network = opened(name, folder)
    ramp = np.arange(60 * 80, dtype=np.uint16).reshape(60, 80) * 9
    file = io.BytesIO()
    PillowImage.fromarray(ramp).save(file, "PNG")
    settings = change(Settings(), depth=depth, color=color, scale="max")
    inspection = inspected(file.getvalue(), network, settings)
    source = inference_script(inspection, checkpoint)
    (tmp_path / "picture.png").write_bytes(file.getvalue())
    names: dict = {"__name__": "inference"}
    exec(compile(source, "inference.py", "exec"), names)
    samples = names["load_picture"](tmp_path / "picture.png")

    assert torch.equal(names["preprocess"](samples), inspection.input.tensor)


def test_a_graph_gets_a_sentence_instead_of_a_script(folder):
    from dataclasses import replace

    _, checkpoint, network = opened(EXAMPLE, folder)
    inspection = inspected(scene(), network, Settings())

    with pytest.raises(ArchitectureError, match="graph is run by another library"):
        inference_script(inspection, replace(checkpoint, container="exported program"))


def test_names_from_a_file_are_literals_and_nothing_else(folder):
    from dataclasses import replace

    _, checkpoint, network = opened(EXAMPLE, folder)
    nasty = 'a"\n"""; import os #\\'
    settings = change(Settings(), class_names=(nasty,))
    inspection = inspected(scene(), replace(network, architecture=nasty), settings)
    source = inference_script(inspection, replace(checkpoint, name=nasty))
    tree = ast.parse(source)
    imported = {a.name for n in ast.walk(tree) if isinstance(n, ast.Import) for a in n.names}

    assert "os" not in imported
    assert nasty in [n.value for n in ast.walk(tree) if isinstance(n, ast.Constant)]
