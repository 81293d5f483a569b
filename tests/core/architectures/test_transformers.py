"""Networks of transformers: saved by the library, opened as a folder, they answer as before."""

from __future__ import annotations

import json
import re
from collections import OrderedDict
from types import SimpleNamespace

import pytest
import torch
from segmentation_models_pytorch.encoders import get_encoder
from torch import nn
from torch.nn import functional
from transformers import (
    AutoModelForSemanticSegmentation,
    BeitConfig,
    DPTConfig,
    MobileNetV2Config,
    MobileViTConfig,
    SegformerConfig,
    SegformerForSemanticSegmentation,
    UperNetConfig,
)

from core.architectures import build_network
from core.architectures.families.transformers import transformers_family
from core.errors import ArchitectureError
from core.testing import Held, in_background
from tests.conftest import saved, zipped
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
    return filled(AutoModelForSemanticSegmentation.from_config(CONFIGS[name]))


def filled(model):
    torch.manual_seed(0)
    model = seeded(model)
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


BEIT = {"hidden_size": 16, "num_hidden_layers": 4, "num_attention_heads": 2, "num_labels": 5,
        "intermediate_size": 32, "image_size": 64, "out_indices": [0, 1, 2, 3]}  # fmt: skip
IN_MEMORY = {
    "SegFormer": CONFIGS["SegFormer"],
    "UPerNet, Swin": CONFIGS["UPerNet, Swin"],
    "BEiT": BeitConfig(**BEIT, use_relative_position_bias=True),
    "BEiT, positions": BeitConfig(**BEIT, use_absolute_position_embeddings=True),
}


@pytest.mark.parametrize("name", IN_MEMORY)
@pytest.mark.parametrize("way", ["state_dict", "save_pretrained"])
def test_names_in_memory_and_in_a_file_are_both_known_without_a_config(name, way, read, tmp_path):
    model = filled(AutoModelForSemanticSegmentation.from_config(IN_MEMORY[name]))
    content = saved(model.state_dict())
    if way == "save_pretrained":
        content = folder_of(model, tmp_path / "saved")["model.safetensors"]
    checkpoint = read(content)
    heads = {"attention heads": "2"}  # where no table of positions tells them
    network = build_network(checkpoint, heads if name.startswith("BEiT") else {})

    assert network.architecture == f"{name.partition(',')[0]} of transformers"
    assert not network.account.missing + network.account.unexpected
    assert differ(network, model) < 1e-4


def test_the_names_of_classes_and_the_normalization_come_from_the_folder(read, tmp_path):
    files = folder_of(model_of("SegFormer"), tmp_path / "saved")
    config = json.loads(files["config.json"])
    config["id2label"] = {str(k): f"thing {k}" for k in range(5)}
    files["config.json"] = json.dumps(config)
    files["preprocessor_config.json"] = json.dumps(
        {
            "image_mean": [0.5] * 3,
            "image_std": [0.2] * 3,
            "size": {"height": 64, "width": 96},
            "do_reduce_labels": True,
        }
    )
    network = build_network(read(zipped(files)))

    assert network.class_names == tuple(f"thing {k}" for k in range(5))
    assert re.search(r"preprocessor_config.json says mean \(0.5, 0.5, 0.5\)", network.notes[0])
    assert "resized to 96 x 64 (width x height)" in network.notes[1]
    assert "training took 1 from every id" in network.notes[2]


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
    assert "requirements-more.txt" in caught.value.remedy


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


# --- the repository that it comes from ------------------------------------------------------------


class NvlabsSegFormer(nn.Module):
    """The encoder as segmentation-models-pytorch took it from there, and the head as its README."""

    def __init__(self):
        super().__init__()
        self.backbone = get_encoder("mit_b0", weights=None)
        self.decode_head = nn.Module()
        for number, width in enumerate((32, 64, 160, 256), 1):
            mlp = nn.Module()
            mlp.proj = nn.Linear(width, 16)
            self.decode_head.add_module(f"linear_c{number}", mlp)
        conv = nn.Conv2d(64, 16, 1, bias=False)
        parts = [("conv", conv), ("bn", nn.BatchNorm2d(16)), ("activate", nn.ReLU())]
        self.decode_head.linear_fuse = nn.Sequential(OrderedDict(parts))
        self.decode_head.linear_pred = nn.Conv2d(16, 5, 1)
        self.decode_head.conv_seg = nn.Conv2d(16, 5, 1)

    def forward(self, x):
        features, head = self.backbone(x)[-4:], self.decode_head
        same = [
            functional.interpolate(
                head.get_submodule(f"linear_c{k}.proj")(f.flatten(2).transpose(1, 2))
                .transpose(1, 2)
                .unflatten(2, f.shape[2:]),
                size=features[0].shape[2:],
                mode="bilinear",
            )
            for k, f in enumerate(features, 1)
        ]
        return SimpleNamespace(
            logits=head.linear_pred(head.linear_fuse(torch.cat(same[::-1], dim=1)))
        )


def test_the_original_segformer_opens_and_answers_as_its_own_code(read):
    torch.manual_seed(0)
    model = seeded(NvlabsSegFormer())
    network = build_network(read(saved({"state_dict": model.state_dict(), "meta": {}})))

    assert network.architecture == "SegFormer of NVlabs"
    assert network.account.unexpected == tuple(
        f"decode_head.conv_seg.{k}" for k in ("weight", "bias")
    )
    assert not network.account.missing
    assert differ(network, model) < 1e-4
