"""Networks of transformers: saved by the library, opened as a folder, they answer as before."""

from __future__ import annotations

import json
import re

import pytest
import torch
from transformers import (
    AutoModelForSemanticSegmentation,
    DPTConfig,
    MobileNetV2Config,
    MobileViTConfig,
    SegformerConfig,
    SegformerForSemanticSegmentation,
    UperNetConfig,
)

from core.architectures import build_network
from core.architectures.families import transformers_family
from core.errors import ArchitectureError
from core.testing import Held, in_background
from tests.conftest import zipped
from tests.support.networks import seeded

FOUR = {"depths": [1, 1, 1, 1], "out_features": ["stage1", "stage2", "stage3", "stage4"]}
SIZES = {"hidden_sizes": [8, 16, 24, 32]}


def upernet(last, **backbone):
    return UperNetConfig(
        backbone_config=FOUR | backbone, hidden_size=16, num_labels=5, auxiliary_in_channels=last
    )


CONFIGS = {
    "SegFormer": SegformerConfig(
        hidden_sizes=[8, 16, 20, 32], depths=[1, 2, 1, 1], decoder_hidden_size=16, num_labels=5
    ),
    "UPerNet": upernet(24, model_type="resnet", embedding_size=8, **SIZES),
    "UPerNet, Swin": upernet(
        32, model_type="swin", embed_dim=8, num_heads=[1, 2, 2, 4], window_size=4
    ),
    "UPerNet, ConvNeXt": upernet(24, model_type="convnext", **SIZES),
    "MobileViT DeepLabV3": MobileViTConfig(
        hidden_sizes=[16, 24, 32], neck_hidden_sizes=[8, 8, 16, 16, 24, 32, 32],
        aspp_out_channels=16, num_labels=5,
    ),
    "MobileNetV2 DeepLabV3+": MobileNetV2Config(depth_multiplier=0.35, num_labels=5),
    "DPT": DPTConfig(
        hidden_size=16, num_hidden_layers=4, num_attention_heads=2, intermediate_size=32,
        backbone_out_indices=[0, 1, 2, 3], neck_hidden_sizes=[8, 8, 8, 8], fusion_hidden_size=16,
        num_labels=5, image_size=64,
    ),
}  # fmt: skip


def model_of(name):
    torch.manual_seed(0)
    model = seeded(AutoModelForSemanticSegmentation.from_config(CONFIGS[name]))
    for parameter in model.parameters():
        if parameter.ndim > 1:  # the library starts so small that every answer would be 0
            torch.nn.init.kaiming_normal_(parameter)
    return model


def folder_of(model, folder):
    model.save_pretrained(folder)
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def picture():
    return torch.randn(1, 3, 64, 64, generator=torch.Generator().manual_seed(0))


def differ(network, model):
    with torch.inference_mode():
        wanted = model(picture()).logits
        return float((network.module(picture()).logits - wanted).abs().max() / wanted.abs().max())


@pytest.mark.parametrize("name", CONFIGS)
def test_a_saved_folder_is_built_and_answers_as_before(name, read, tmp_path):
    model = model_of(name)
    network = build_network(read(zipped(folder_of(model, tmp_path / "saved"))))

    assert network.architecture == f"{name.partition(',')[0]} of transformers"
    assert (network.num_classes, network.in_channels) == (5, 3)
    assert not network.account.missing + network.account.unexpected
    assert differ(network, model) < 1e-4


def test_a_segformer_without_a_config_is_told_by_its_keys(read, tmp_path):
    model = model_of("SegFormer")
    files = folder_of(model, tmp_path / "saved")
    network = build_network(read(files["model.safetensors"]))

    assert [(c.name, c.source) for c in network.choices] == [("attention heads", "default")]
    assert differ(network, model) < 1e-4


def test_the_names_of_classes_and_the_normalization_come_from_the_folder(read, tmp_path):
    files = folder_of(model_of("SegFormer"), tmp_path / "saved")
    config = json.loads(files["config.json"])
    config["id2label"] = {str(k): f"thing {k}" for k in range(5)}
    files["config.json"] = json.dumps(config)
    files["preprocessor_config.json"] = json.dumps(
        {"image_mean": [0.5] * 3, "image_std": [0.2] * 3}
    )
    network = build_network(read(zipped(files)))

    assert network.class_names == tuple(f"thing {k}" for k in range(5))
    assert re.search(r"preprocessor_config.json says mean \(0.5, 0.5, 0.5\)", network.notes[0])


def test_a_config_that_asks_for_a_billion_layers_is_refused(read, tmp_path):
    files = folder_of(model_of("DPT"), tmp_path / "saved")
    config = json.loads(files["config.json"]) | {"num_hidden_layers": 10**6}
    files["config.json"] = json.dumps(config)

    with pytest.raises(ArchitectureError, match="num_hidden_layers = 1000000"):
        build_network(read(zipped(files)))


def test_a_config_of_another_network_names_what_differs(read, tmp_path):
    files = folder_of(model_of("SegFormer"), tmp_path / "saved")
    config = json.loads(files["config.json"]) | {"hidden_sizes": [16, 16, 20, 32]}
    files["config.json"] = json.dumps(config)

    with pytest.raises(ArchitectureError, match="have another shape"):
        build_network(read(zipped(files)))


def test_without_the_library_a_sentence_says_what_to_install(read, tmp_path, monkeypatch):
    files = folder_of(model_of("DPT"), tmp_path / "saved")
    monkeypatch.setattr(transformers_family, "find_spec", lambda name: None)

    with pytest.raises(ArchitectureError, match="is not installed here") as caught:
        build_network(read(zipped(files)))
    assert "requirements-extra.txt" in caught.value.remedy


def test_the_library_builds_one_network_at_a_time(read, tmp_path, monkeypatch):
    checkpoint = read(zipped(folder_of(model_of("SegFormer"), tmp_path / "saved")))
    build, held = SegformerForSemanticSegmentation.from_pretrained, Held(None, seconds=0.5)
    began, most = [], []

    def watched(*args, **kwargs):
        began.append(1)
        held()
        most.append(len(began))
        try:
            return build(*args, **kwargs)
        finally:
            began.pop()

    monkeypatch.setattr(SegformerForSemanticSegmentation, "from_pretrained", watched)
    threads = [in_background(lambda: build_network(checkpoint)) for _ in range(2)]
    for thread in threads:
        thread.join()

    assert most == [1, 1]
