"""Query networks and plain vision transformers: from keys alone, in every saving, as the library.

Small configs with random weights; what is compared are class scores, or logits.
"""

from __future__ import annotations

import hashlib

import numpy as np
import pytest
import torch
from torch import nn
from transformers import (
    AutoModelForSemanticSegmentation,
    AutoModelForUniversalSegmentation,
    BeitConfig,
    BitConfig,
    ConvNextV2Config,
    Data2VecVisionConfig,
    DetrConfig,
    Dinov2Config,
    DINOv3ConvNextConfig,
    DINOv3ViTConfig,
    DPTConfig,
    EomtConfig,
    EomtDinov3Config,
    HieraConfig,
    Mask2FormerConfig,
    MaskFormerConfig,
    MobileViTV2Config,
    OneFormerConfig,
    PvtV2Config,
    ResNetConfig,
    SwinConfig,
    Swinv2Config,
    UperNetConfig,
    VitDetConfig,
)

from core.architectures import build_network
from core.architectures.families.transformers.transformers_queries import task_tokens
from core.checkpoint import read_checkpoint
from core.export.script import inference_script
from core.settings import Settings, change
from tests.conftest import saved, zipped
from tests.core.architectures.test_transformers import CONFIGS as OLDER
from tests.core.architectures.test_transformers import folder_of
from tests.core.export.test_script import inspected, scene
from tests.support.five import apart, rebuilt
from tests.support.networks import seeded

FOUR = {"depths": [1, 1, 1, 1], "out_features": ["stage1", "stage2", "stage3", "stage4"]}
SWIN = SwinConfig(embed_dim=8, num_heads=[1, 2, 2, 4], window_size=4, **FOUR)
RESNET = ResNetConfig(embedding_size=8, hidden_sizes=[8, 16, 24, 32], **FOUR)
QUERIES = {"num_queries": 6, "num_labels": 5, "hidden_dim": 32, "num_attention_heads": 2,
           "encoder_layers": 1, "decoder_layers": 3, "encoder_feedforward_dim": 24,
           "dim_feedforward": 40}  # fmt: skip
VIT = {"hidden_size": 16, "num_hidden_layers": 4, "num_attention_heads": 2, "num_labels": 5,
       "image_size": 64}  # fmt: skip
EOMT = VIT | {"num_blocks": 2, "num_queries": 6, "num_upscale_blocks": 1}
DETR = DetrConfig(
    d_model=32, decoder_layers=2, decoder_ffn_dim=24, decoder_attention_heads=2, num_queries=6
)
CONFIGS = {
    "Mask2Former": Mask2FormerConfig(
        backbone_config=SWIN, feature_size=32, mask_feature_size=32, **QUERIES
    ),
    "Mask2Former, ResNet": Mask2FormerConfig(
        backbone_config=RESNET, feature_size=32, mask_feature_size=32, **QUERIES
    ),
    "MaskFormer": MaskFormerConfig(
        backbone_config=SWIN, decoder_config=DETR, fpn_feature_size=32, mask_feature_size=32,
        num_labels=5,
    ),
    "OneFormer": OneFormerConfig(
        backbone_config=SWIN, conv_dim=32, mask_dim=32, task_seq_len=9, query_dec_layers=1,
        is_training=False, **QUERIES,
    ),
    "EoMT": EomtConfig(**EOMT),
    "EoMT on DINOv3": EomtDinov3Config(intermediate_size=32, **EOMT | {"image_size": 512}),
    "Data2Vec": Data2VecVisionConfig(
        **VIT, intermediate_size=32, out_indices=[0, 1, 2, 3], use_relative_position_bias=True
    ),
    "DPT": DPTConfig(
        **VIT, intermediate_size=32, backbone_out_indices=[0, 1, 2, 3],
        neck_hidden_sizes=[8, 8, 8, 8], fusion_hidden_size=16,
    ),
    "MobileViT DeepLabV3": OLDER["MobileViT DeepLabV3"],
    "MobileViTV2 DeepLabV3": MobileViTV2Config(
        width_multiplier=0.25, n_attn_blocks=[1, 2, 1], aspp_out_channels=16, num_labels=5
    ),
    "UPerNet, ResNet": OLDER["UPerNet"],
    "UPerNet, ConvNeXt": OLDER["UPerNet, ConvNeXt"],
}  # fmt: skip
STAGES = {"depths": [1, 1, 1, 1], "out_features": FOUR["out_features"]}
HIDDEN = {"hidden_sizes": [8, 16, 24, 32]}
PLAIN = {"hidden_size": 16, "num_hidden_layers": 4, "num_attention_heads": 2,
         "out_features": FOUR["out_features"]}  # fmt: skip
BACKBONES = {  # of UPerNet, beside Swin, ConvNeXt and ResNet; config.json tells their sizes
    "Swin V2": Swinv2Config(
        embed_dim=8, num_heads=[1, 2, 2, 4], window_size=4, image_size=64, **STAGES
    ),
    "ConvNeXt V2": ConvNextV2Config(**HIDDEN, **STAGES),
    "DINOv2": Dinov2Config(**PLAIN, image_size=56),
    "DINOv3 ViT": DINOv3ViTConfig(**PLAIN, intermediate_size=32),
    "DINOv3 ConvNeXt": DINOv3ConvNextConfig(**HIDDEN, **STAGES),
    "BiT": BitConfig(embedding_size=8, num_groups=2, **HIDDEN, **STAGES),
    "Hiera": HieraConfig(embed_dim=8, num_heads=[1, 2, 2, 4], image_size=[64, 64], **STAGES),
    "PVT v2": PvtV2Config(**HIDDEN, num_attention_heads=[1, 2, 2, 4], **STAGES),
    "BEiT": BeitConfig(**PLAIN, intermediate_size=32, image_size=64, reshape_hidden_states=True),
    "ViTDet": VitDetConfig(**PLAIN, image_size=64, pretrain_image_size=64),
}
CHOSEN = {"attention heads": "2", "image size": "512", "output stride": "32"}
QUERY = ("Mask2Former", "MaskFormer", "OneFormer", "EoMT")


def model_of(name: str) -> nn.Module:
    auto = AutoModelForUniversalSegmentation if name.startswith(QUERY) else None
    torch.manual_seed(0)  # the library draws some biases too
    return with_numbers((auto or AutoModelForSemanticSegmentation).from_config(CONFIGS[name]))


def upernet_on(name: str) -> nn.Module:
    config = UperNetConfig(
        backbone_config=BACKBONES[name], hidden_size=16, num_labels=5, use_auxiliary_head=False
    )
    torch.manual_seed(0)
    return with_numbers(AutoModelForSemanticSegmentation.from_config(config))


def with_numbers(model: nn.Module) -> nn.Module:
    torch.manual_seed(0)
    model = seeded(model)
    for parameter in model.parameters():
        if parameter.ndim > 1:  # the library starts so small that every answer would be 0
            torch.nn.init.kaiming_normal_(parameter)
    return model


def picture(side: int) -> torch.Tensor:
    return torch.randn(1, 3, side, side, generator=torch.Generator().manual_seed(0))


def side_of(config) -> int:
    """EoMT takes pictures of one size; the others of any."""
    return config.image_size if config.model_type.startswith("eomt") else 64


def wanted_of(model: nn.Module) -> torch.Tensor:
    """What the library's network says, its queries put together here and nowhere else."""
    config = model.config
    task = {"task_inputs": task_tokens(9)} if config.model_type == "oneformer" else {}
    with torch.inference_mode():
        output = model(picture(side_of(config)), **task)
    if "logits" in output:
        return output.logits
    classes = output.class_queries_logits[0].softmax(-1)[:, :-1]
    masks = output.masks_queries_logits[0].sigmoid()
    return (classes.T @ masks.flatten(1)).view(1, -1, *masks.shape[1:]).clamp_min(1e-30).log()


def answer_of(network) -> torch.Tensor:
    with torch.inference_mode():
        output = network.module(picture(side_of(network.module.config)))
    return output if isinstance(output, torch.Tensor) else output.logits


@pytest.mark.parametrize("name", CONFIGS)
def test_keys_alone_tell_the_network_in_every_saving(name, tmp_path):
    wanted = wanted_of(model_of(name))  # once run, a network of the library cannot be pickled
    for way, network in rebuilt(model_of(name), tmp_path, CHOSEN):
        assert network.architecture == f"{name.partition(',')[0]} of transformers", way
        assert (network.num_classes, network.in_channels) == (5, 3)
        assert apart(answer_of(network), wanted) < 1e-4, way


@pytest.mark.parametrize("name", [*QUERY, "EoMT on DINOv3", "Data2Vec", "MobileViTV2 DeepLabV3"])
def test_a_folder_of_the_library_needs_no_choice(name, read, tmp_path):
    model = model_of(name)
    network = build_network(read(zipped(folder_of(model, tmp_path / "saved"))))

    assert network.choices == ()
    assert not network.account.missing + network.account.unexpected
    assert apart(answer_of(network), wanted_of(model)) < 1e-4


@pytest.mark.parametrize("name", [*QUERY, "EoMT on DINOv3", "DPT", "UPerNet, ConvNeXt"])
def test_the_librarys_own_file_without_its_config_is_known_too(name, read, tmp_path):
    model = model_of(name)
    content = folder_of(model, tmp_path / "saved")["model.safetensors"]
    network = build_network(read(content), CHOSEN)

    assert not network.account.missing + network.account.unexpected
    assert apart(answer_of(network), wanted_of(model)) < 1e-4


@pytest.mark.parametrize("name", BACKBONES)
def test_upernet_is_built_on_every_backbone_that_a_config_names(name, read, tmp_path):
    model = upernet_on(name)
    network = build_network(read(zipped(folder_of(model, tmp_path / "saved"))))

    assert network.architecture == "UPerNet of transformers"
    assert not network.account.missing + network.account.unexpected
    assert apart(answer_of(network), wanted_of(model)) < 1e-4


@pytest.mark.parametrize("name", QUERY)
def test_a_query_network_says_what_its_numbers_are(name, read):
    network = build_network(read(saved(model_of(name).state_dict())), CHOSEN)

    words = "class scores: ln of the sum over 6 queries of softmax x sigmoid"
    assert network.scores.words == words
    assert any("the task is semantic" in note for note in network.notes) == (name == "OneFormer")


@pytest.mark.parametrize("name", [*QUERY, "MobileViTV2 DeepLabV3"])
def test_the_script_of_it_gives_the_same_bits(name, tmp_path, monkeypatch):
    path = tmp_path / "mine.pth"
    torch.save(model_of(name).state_dict(), path)
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    checkpoint = read_checkpoint(path, name=path.name, digest=digest)
    network = build_network(checkpoint, CHOSEN)
    settings = change(Settings(), resize="fixed", height=64, width=64)
    inspection = inspected(scene(), network, settings)
    source = inference_script(inspection, checkpoint)
    monkeypatch.chdir(tmp_path)
    names: dict = {"__name__": "inference"}
    exec(compile(source, "inference.py", "exec"), names)
    logits = names["predict"](names["load_network"](), inspection.image.pixels)

    assert np.array_equal(names["decode"](logits), inspection.labels.ids)
    assert np.array_equal(logits, inspection.logits.values)
    assert max(map(len, source.splitlines())) <= 100
