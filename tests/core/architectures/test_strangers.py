"""Weights that cannot run here are named for what they are; nothing searches for long."""

from __future__ import annotations

import sys
import time
import types

import pytest
import torch

from core.architectures.nearest import explain, nearest
from core.architectures.recognize import build_network
from core.checkpoint import Checkpoint, read_checkpoint
from core.errors import ArchitectureError

CONV = torch.zeros(8, 8, 3, 3)


def of(*names, tensor=CONV):
    return dict.fromkeys(names, tensor)


def checkpoint(tensors):
    return Checkpoint(
        name="x", digest="d", container="zip pickle", num_bytes=1, tensors=tensors, wrapper=(),
        prefix="", others={}, notes=(),
    )  # fmt: skip


STRANGE = {  # what is said -> names of tensors; whether a .pt2 would help
    "an adapter": (("base_model.head.lora_A.weight", "base_model.head.lora_B.weight"), 0),
    "adapter .* not merged": (("a.q.lora_A.default.weight", "a.q.base_layer.weight"), 0),
    "one process's shard": (("_fsdp_wrapped_module._flat_param",), 0),
    "quantized network": (("conv.weight", "conv.scale", "conv.zero_point"), 0),
    "instance YOLO": (("22.proto.cv1.conv.weight", "22.cv4.0.0.conv.weight"), 0),
    "YOLO": (("0.conv.weight", "2.m.0.cv1.conv.weight", "22.dfl.conv.weight"), 0),
    "Segment Anything": (("image_encoder.blocks.0.attn.qkv.weight", "mask_decoder.x.weight"), 0),
    "Mask R-CNN": (("backbone.body.conv1.weight", "roi_heads.mask_head.0.0.weight"), 0),
    "Mask2Former": (("model.pixel_level_module.encoder.a", "class_predictor.weight"), 1),
    "U2-Net": (("stage1.rebnconvin.conv_s1.weight", "side1.weight"), 1),
    "a Mask2Former": (("sem_seg_head.pixel_decoder.a", "sem_seg_head.predictor.query.weight"), 1),
    "a DeepLab of Detectron2": (
        ("sem_seg_head.decoder.res2.project_conv.weight", "sem_seg_head.predictor.weight"), 1
    ),
    "a semantic FPN of Detectron2": (
        ("sem_seg_head.p2.0.weight", "sem_seg_head.predictor.weight", "backbone.fpn_lateral2.bias"),
        1,
    ),
    "network of mmsegmentation": (("backbone.conv1.weight", "decode_head.1.conv_seg.weight"), 1),
    "U-Net of MONAI": (("0.conv.unit0.conv.weight", "1.submodule.0.conv.unit0.conv.weight"), 1),
    "a head without its encoder": (("outc.conv.weight", "outc.conv.bias"), 0),
    "a decoder or a head without": (("decoder.blocks.0.weight", "segmentation_head.0.bias"), 0),
    "encoder of a U-Net": (("inc.double_conv.0.weight", "down1.maxpool_conv.1.0.weight"), 0),
    "adapter .LoRA. without": (("lora_unet_a.lora_down.weight", "lora_unet_a.alpha"), 0),
    "transformer. without": (("cls_token", "patch_embed.weight", "blocks.0.attn.qkv.weight"), 0),
    "masked autoencoder": (("vit.encoder.layer.0.q.weight", "decoder.decoder_pred.bias"), 0),
    "language model": (("embeddings.word_embeddings.weight", "encoder.layer.0.q.bias"), 0),
    "depth network .DPT": (("neck.fusion_stage.layers.0.weight", "head.head.2.weight"), 0),
    "diffusion": (("down_blocks.0.resnets.0.conv1.weight", "time_embedding.linear_1.bias"), 0),
    "depth network .GLPN": (("glpn.encoder.block.0.0.weight", "decoder.stages.0.weight"), 0),
    "an encoder .vision": (("embeddings.mask_token", "encoder.layer.0.attention.q.weight"), 0),
    "encoder .ResNet": (("conv1.weight", "layer1.0.conv1.weight", "layer4.0.conv1.weight"), 0),
    "encoder .vision transformer": (("patch_embed.weight", "blocks.0.attn.qkv.weight"), 0),
    "encoder .MobileNet": (("features.0.0.weight", "features.3.block.0.0.weight"), 0),
}  # fmt: skip


@pytest.mark.parametrize("name", STRANGE)
def test_it_is_named_and_a_pt2_is_advised_only_where_that_helps(name):
    names, exports = STRANGE[name]
    with pytest.raises(ArchitectureError, match=name) as caught:
        build_network(checkpoint(of(*names)))

    assert bool(caught.value.code) == bool(exports)
    assert ("pt2" in caught.value.remedy or "export" in caught.value.remedy) == bool(exports)


def test_a_network_for_volumes_is_said_to_be_one():
    error = explain({"0.conv.unit0.conv.weight": torch.zeros(8, 1, 3, 3, 3)})

    assert "for volumes" in error.message and not error.code


def test_an_int8_network_of_a_known_family_is_not_said_to_be_changed():
    from torchvision.models.segmentation import lraspp_mobilenet_v3_large

    with torch.device("meta"):
        state = lraspp_mobilenet_v3_large(weights=None, weights_backbone=None).state_dict()
    folded = {key: tensor for key, tensor in state.items() if "running" not in key}
    with pytest.raises(ArchitectureError, match="quantized network") as caught:
        build_network(checkpoint(folded | of("backbone.0.0.zero_point")))
    assert "float checkpoint" in caught.value.remedy


YOLOS = {  # class of the pickled module, task in train_args -> what is said, whether a way exists
    ("SegmentationModel", "segment"): ("instance YOLO", False),
    ("SemanticSegmentationModel", "semantic"): ("semantic YOLO", True),
    ("SemanticModel", ""): ("semantic YOLO", True),
    ("DetectionModel", ""): ("detection YOLO", False),
}


@pytest.mark.parametrize(("name", "task"), YOLOS)
def test_a_pickled_yolo_is_told_apart_by_its_task(name, task, tmp_path, monkeypatch):
    module = types.ModuleType("ultralytics.nn.tasks")
    exec(f"from torch import nn\nclass {name}(nn.Sequential): pass", module.__dict__)
    for part in ("ultralytics", "ultralytics.nn", "ultralytics.nn.tasks"):
        monkeypatch.setitem(sys.modules, part, module)
    net = getattr(module, name)(torch.nn.Conv2d(3, 4, 3), torch.nn.Conv2d(4, 4, 3))
    content = {"model": net, "train_args": {"task": task, "imgsz": 640}, "version": "8.4.0"}
    torch.save(content, tmp_path / "mine.pt")
    said, exports = YOLOS[name, task]

    with pytest.raises(ArchitectureError, match=said) as caught:
        build_network(read_checkpoint(tmp_path / "mine.pt", name="mine.pt", digest="d"))
    assert bool(caught.value.code) == exports
    assert "mine.pt" in caught.value.code or not exports


ODD = [
    f"stage{i}.part{j}.strange{k}.weight" for i in range(15) for j in range(15) for k in range(9)
]


@pytest.mark.parametrize("start", ["", "backbone.", "backbone.layer1.", "encoder.", "module.net."])
def test_1600_odd_names_are_answered_within_two_seconds(start):
    tensors = of(*(start + name for name in ODD), "classifier.7.weight")
    nearest(of("backbone.layer1.0.conv1.weight"))  # the library is imported
    before = time.process_time()
    with pytest.raises(ArchitectureError):
        build_network(checkpoint(tensors))
    assert time.process_time() - before < 2


def test_an_encoder_that_no_library_has_is_compared_with_few():
    from core.architectures.families.smp.encoder_names import nearest_to, table, with_these

    names = ["conv1.weight", *(f"layer{k}.odd.weight" for k in range(1000))]

    assert len(table()) > 200 and with_these(dict.fromkeys(names, (1,))) == []
    assert 0 < len(nearest_to(names)) <= 2


@pytest.mark.parametrize("encoder", ["resnet18", "mit_b1"])
def test_a_damaged_network_of_smp_is_answered_within_two_seconds(encoder):
    import segmentation_models_pytorch as smp

    state = smp.Unet(encoder, encoder_weights=None).state_dict()
    build_network(checkpoint(state))  # the libraries are imported
    part = {key: tensor for key, tensor in state.items() if tensor.ndim != 4 or "decoder" in key}
    before = time.process_time()
    with pytest.raises(ArchitectureError):
        build_network(checkpoint(part))
    assert time.process_time() - before < 2


def test_a_network_with_hardly_a_name_in_common_is_not_called_the_nearest():
    names = [f"encoder.level{number}.conv.weight" for number in range(40)]
    alike = of(*names, "classifier.weight", "classifier.4.bias")

    assert nearest(alike) == ()
    assert "hardly a name is in one that can be built" in explain(alike).message
    assert explain(of("w")).message.startswith("No network is known for this tensor (w)")


MATRIX = torch.zeros(7, 8)
CLASSIFIERS = {  # what is said -> the last layer, and a name beside it
    "ConvNeXt": ("head.fc.weight", "stages.0.blocks.0.conv_dw.weight"),
    "vision transformer": ("head.weight", "patch_embed.proj.weight"),
    "EfficientNet or MobileNet": ("classifier.weight", "conv_stem.weight"),
    "EfficientNet": ("classifier.1.weight", "features.1.0.block.0.0.weight"),
    "HRNet": ("classifier.weight", "stage4.0.fuse_layers.0.1.0.weight"),
    "VGG or AlexNet": ("classifier.6.weight", "features.0.weight"),
    "ResNet-18": ("encoder_q.fc.weight", "encoder_q.layer1.0.conv1.weight"),
    "network": ("head.fc.weight", "backbone.trunk.odd.weight"),
}


@pytest.mark.parametrize("name", CLASSIFIERS)
def test_a_network_with_one_class_a_picture_is_said_to_be_one(name):
    last, beside = CLASSIFIERS[name]
    blocks = of("encoder_q.layer3.0.conv1.weight", "encoder_q.layer3.1.conv1.weight")
    tensors = of(beside) | (blocks if name == "ResNet-18" else {}) | {last: MATRIX}
    with pytest.raises(ArchitectureError, match=f"classification {name} with 7 classes"):
        build_network(checkpoint(tensors))


def test_a_segmentation_network_with_a_matrix_at_its_end_is_not_called_a_classifier():
    tensors = of("odd.decoder.a.weight") | {"head.weight": MATRIX}

    assert "classification" not in explain(tensors).message


@pytest.mark.parametrize("known", [True, False])
def test_whole_numbers_without_a_scale_are_not_called_a_changed_network(known):
    example = torch.load("examples/zoo/unet_unit.pth", weights_only=True)
    names = example if known else of("odd.a.weight", "odd.b.weight")
    stored = {k: t.to(torch.int8) if t.ndim == 4 else t for k, t in names.items()}
    with pytest.raises(ArchitectureError, match="weights are of whole numbers, and") as caught:
        build_network(checkpoint(stored))

    assert "changed" not in caught.value.remedy


def test_parameters_without_the_statistics_are_said_to_be_that():
    state = torch.load("examples/zoo/unet_unit.pth", weights_only=True)
    saved = {key: tensor for key, tensor in state.items() if "running" not in key}
    with pytest.raises(
        ArchitectureError, match="without the statistics of its BatchNorm"
    ) as caught:
        build_network(checkpoint(saved))

    assert "named_parameters" in caught.value.remedy


def test_tensors_that_are_no_layers_are_not_advised_to_be_exported():
    with pytest.raises(ArchitectureError, match="none of them is the weight of a layer") as caught:
        build_network(checkpoint({"images": torch.zeros(2, 3, 8, 8), "labels": torch.zeros(2)}))

    assert not caught.value.code
