"""Networks that share names with one that is known: each is built as itself, or said to be another.

`KNOWN` are built by a family. Each row of `ALIKE` has names in common with one of them and was made
by somebody else, or is a fork of it: it has to land on its own family, or get a sentence. All
numbers are zeros: recognizing looks at names and shapes.
"""

from __future__ import annotations

import functools
import json
import re
from pathlib import Path

import pytest
import segmentation_models_pytorch as smp
import torch
from monai.networks import nets
from torchvision.models import resnet18, resnet50, segmentation
from transformers import (
    SegformerConfig,
    SegformerForImageClassification,
    SegformerForSemanticSegmentation,
)

from core.architectures import build_network
from core.architectures.network import Network
from core.errors import ArchitectureError
from scripts.reference_logits import unpacked
from tests.core.architectures.test_families import checkpoint_of
from tests.support import nnunet

HERE = Path(__file__).parent
FLAT = {"spatial_dims": 2, "in_channels": 1, "out_channels": 3}
SMALL = {"channels": (4, 8, 12), "strides": (2, 2)}
TINY = {"hidden_sizes": [8, 16, 40, 64], "num_attention_heads": [1, 2, 5, 8], "depths": [1] * 4,
        "decoder_hidden_size": 8}  # fmt: skip


@functools.cache
def written(file):
    return unpacked(json.loads((HERE / f"{file}.json").read_text(encoding="utf-8"))["shapes"])


def zeros(shapes):
    return {key: torch.zeros(tuple(shape)) for key, shape in shapes.items()}


def made(make):
    """The tensors of a network that is never given numbers."""
    with torch.device("meta"):
        module = make()
    return {key: torch.zeros(t.shape, dtype=t.dtype) for key, t in module.state_dict().items()}


def of_torchvision(name):
    return made(lambda: getattr(segmentation, name)(weights=None, weights_backbone=None))


def of_smp(name):
    return made(lambda: getattr(smp, name)("resnet18", encoder_weights=None))


def of_transformers(cls):
    return made(lambda: cls(SegformerConfig(**TINY)))


@functools.cache
def known(name):
    file, _, rest = name.partition(": ")
    if file in ("families", "realtime", "background", "mmseg"):
        return zeros(written(file)[rest])
    makers = {
        "torchvision": of_torchvision,
        "smp": of_smp,
        "monai": lambda cls: made(lambda: getattr(nets, cls)(**FLAT, **MONAI.get(cls, {}))),
        "nnunet": lambda kind: {
            k: t.detach() for k, t in nnunet.network(kind).state_dict().items()
        },
        "transformers": lambda _: of_transformers(SegformerForSemanticSegmentation),
    }
    return makers[file](rest)


MONAI = {"UNet": SMALL, "AttentionUnet": SMALL, "BasicUNet": {"features": (4, 4, 6, 8, 10, 4)}}


def more(name, **shapes):
    """A known network with layers that it has not; "__" is a dot."""
    extra = {f"{key.replace('__', '.')}.weight": shape for key, shape in shapes.items()}
    return known(name) | zeros(extra)


def without(name, start):
    return {key: t for key, t in known(name).items() if not key.startswith(start)}


def renamed(name, *pairs):
    tensors = known(name)
    for pattern, new in pairs:
        tensors = {re.sub(pattern, new, key): t for key, t in tensors.items()}
    return tensors


def named(*names):
    return zeros({f"{name}.weight": (8, 8, 3, 3) for name in names})


@functools.cache
def resnet(make=resnet18):
    return {key: t for key, t in made(make).items() if not key.startswith("fc")}


def below(prefix, make=resnet18):
    return {prefix + key: t for key, t in resnet(make).items()}


TORCHVISION, MILESIAL = "torchvision: deeplabv3_resnet50", "families: unet True"
SMP_UNET, HRNET, BISENET = "smp: Unet", "realtime: hrnet", "realtime: bisenet v1"
SEGFORMER = "transformers: SegFormer"
MORE = r"more between them \({}"
KNOWN = {
    TORCHVISION: "DeepLabV3, ResNet-50",
    "torchvision: fcn_resnet50": "FCN, ResNet-50",
    "families: vainf deeplabv3 resnet50 False": "DeepLabV3 of VainF, ResNet-50",
    "families: vainf deeplabv3plus mobilenetv2 False": r"DeepLabV3\+ of VainF, MobileNetV2",
    "families: jfzhang mobilenet": r"DeepLabV3\+ of jfzhang95, MobileNetV2",
    "families: bubbliiiing mobilenet": r"DeepLabV3\+ of bubbliiiing, MobileNetV2",
    SMP_UNET: "U-Net of SMP",
    "smp: UnetPlusPlus": r"U-Net\+\+ of SMP",
    "smp: MAnet": "MAnet of SMP",
    "smp: Linknet": "Linknet of SMP",
    "smp: FPN": "FPN of SMP",
    "smp: PAN": "PAN of SMP",
    "smp: PSPNet": "PSPNet of SMP",
    "smp: DeepLabV3": "DeepLabV3 of SMP",
    "smp: DeepLabV3Plus": r"DeepLabV3\+ of SMP",
    "smp: UPerNet": "UPerNet of SMP",
    "mmseg: UPerNet, Swin": "UPerNet of mmsegmentation",
    "mmseg: FCN, HRNet": "FCN of mmsegmentation, HRNet",
    MILESIAL: "U-Net, bilinear",
    "families: unet False": "U-Net, transposed",
    "families: unet-2018": r"U-Net, bilinear \(layout of 2018",
    HRNET: "HRNetV2-W6",
    "realtime: hrnet-ocr": "HRNetV2-W6-OCR",
    "realtime: pidnet s": "PIDNet of 8 channels",
    "realtime: pidnet s, mmsegmentation": "PIDNet of 8 channels of mmsegmentation",
    "realtime: ddrnet 23": "DDRNet of 8 channels and 2 blocks in layer 2",
    "realtime: ddrnet 23, mmsegmentation": "DDRNet .* of mmsegmentation",
    BISENET: "BiSeNet v1, ResNet-18",
    "realtime: bisenet v2": "BiSeNet v2",
    "realtime: stdc 1": "STDC1",
    "realtime: enet": "ENet",
    "realtime: erfnet": "ERFNet",
    "background: U2-Net": "U2-Net",
    "background: IS-Net": "IS-Net",
    "monai: UNet": "UNet of MONAI",
    "monai: AttentionUnet": "AttentionUnet of MONAI",
    "monai: BasicUNet": "BasicUNet of MONAI",
    "nnunet: PlainConvUNet": "PlainConvUNet of nnU-Net",
    "nnunet: ResidualEncoderUNet": "ResidualEncoderUNet of nnU-Net",
    SEGFORMER: "SegFormer of transformers",
}
PAIRS = (  # two that are built, and share names
    (TORCHVISION, "torchvision: fcn_resnet50"),
    (TORCHVISION, "families: vainf deeplabv3 resnet50 False"),
    ("families: vainf deeplabv3 resnet50 False", "families: vainf deeplabv3plus mobilenetv2 False"),
    ("families: jfzhang mobilenet", "families: bubbliiiing mobilenet"),
    ("smp: DeepLabV3", "smp: DeepLabV3Plus"),
    (SMP_UNET, "smp: UnetPlusPlus"),
    (SMP_UNET, "smp: MAnet"),
    (SMP_UNET, "smp: Linknet"),
    ("smp: FPN", "smp: PAN"),
    ("smp: PSPNet", "smp: UPerNet"),
    ("mmseg: UPerNet, Swin", "mmseg: FCN, HRNet"),
    (MILESIAL, "families: unet False"),
    (MILESIAL, "families: unet-2018"),
    (HRNET, "realtime: hrnet-ocr"),
    ("realtime: pidnet s", "realtime: ddrnet 23"),
    ("realtime: pidnet s", "realtime: pidnet s, mmsegmentation"),
    ("realtime: ddrnet 23", "realtime: ddrnet 23, mmsegmentation"),
    (BISENET, "realtime: stdc 1"),
    (BISENET, "realtime: bisenet v2"),
    ("realtime: enet", "realtime: erfnet"),
    ("background: U2-Net", "background: IS-Net"),
    ("monai: UNet", "monai: AttentionUnet"),
    ("nnunet: PlainConvUNet", "nnunet: ResidualEncoderUNet"),
)
ALIKE = {  # by others, and forks: which known one they are like, their tensors, what is said
    "a head in Sequential(Dropout, Conv)": (
        TORCHVISION,
        lambda: renamed(TORCHVISION, (r"^classifier\.4\.", "classifier.4.1.")),
        r"others instead \(classifier\.4\.1\.weight.*was changed",
    ),
    "attention behind the backbone": (
        TORCHVISION, lambda: more(TORCHVISION, backbone__sa__conv1=(1, 2, 7, 7)),
        MORE.format("backbone.sa"),
    ),
    "DeepLab of kazuto1011": (
        TORCHVISION,
        lambda: named("base.layer1.block1.reduce.conv", "base.aspp.c0", "base.aspp.c1"),
        "DeepLab of kazuto1011",
    ),
    "PSPNet of hszhao": (
        "smp: PSPNet",
        lambda: below("", resnet50) | named("ppm.features.0.1", "cls.0", "cls.4", "aux.0"),
        "PSPNet of hszhao",
    ),
    "PSPNet of Lextym": (
        "smp: PSPNet",
        lambda: below("feats.") | named("psp.stages.0.1", "up_1.conv.0", "final.0")
        | {"classifier.2.weight": torch.zeros(2, 8)},
        "PSPNet of Lextym",
    ),
    "TransUNet": (
        SMP_UNET,
        lambda: named("transformer.embeddings.patch_embeddings", "decoder.blocks.0.conv1.0",
                      "segmentation_head.0"),
        "TransUNet",
    ),
    "SMP's Unet with attention of one's own": (
        SMP_UNET, lambda: more(SMP_UNET, decoder__blocks__0__mine=(8, 8, 1, 1)),
        MORE.format("decoder.blocks.0.mine"),
    ),
    "a decoder alone": (
        SMP_UNET, lambda: without(SMP_UNET, "encoder."), "decoder or a head without its encoder",
    ),
    "an encoder alone": (
        SMP_UNET, lambda: below("encoder."), "encoder .ResNet. without a segmentation head",
    ),
    "U-Net with squeeze and excitation": (
        MILESIAL, lambda: more(MILESIAL, down1__se__fc__0=(4, 128)), MORE.format("down1.se"),
    ),
    "U-Net with shortcuts": (
        MILESIAL, lambda: more(MILESIAL, inc__shortcut=(64, 3, 1, 1)), MORE.format("inc.shortcut"),
    ),
    "U-Net with attention gates": (
        MILESIAL, lambda: more(MILESIAL, att1__W_g__0=(8, 8, 1, 1)), MORE.format("att1.W_g"),
    ),
    "U-Net whose last layer is no module of its own": (
        MILESIAL, lambda: renamed(MILESIAL, (r"^outc\.conv\.", "outc.")), "a U-Net by milesial",
    ),
    "U-Net of LeeJunHyun": (
        MILESIAL, lambda: named("Conv1.conv.0", "Up_conv5.conv.0", "Conv_1x1"), "LeeJunHyun",
    ),
    "U-Net of mateuszbuda": (
        MILESIAL, lambda: named("encoder1.enc1conv1", "upconv4", "conv"), "mateuszbuda",
    ),
    "NestedUNet": (
        "smp: UnetPlusPlus", lambda: named("conv0_0.conv1", "conv0_4.conv1", "final"), "NestedUNet",
    ),
    "HRNet for poses": (
        HRNET, lambda: without(HRNET, "last_layer") | named("final_layer"), "HRNet for poses",
    ),
    "HRNet that classifies": (
        HRNET,
        lambda: without(HRNET, "last_layer") | {"classifier.weight": torch.zeros(9, 8)},
        "classification HRNet with 9 classes",
    ),
    "PIDNet with another block": (
        "realtime: pidnet s", lambda: more("realtime: pidnet s", se__conv=(8, 8, 1, 1)),
        MORE.format("se.conv"),
    ),
    "BiSeNet of ycszen": (
        BISENET, lambda: below("context_path.") | named("spatial_path.conv_7x7.conv"), "ycszen",
    ),
    "U2-Net with attention": (
        "background: U2-Net", lambda: more("background: U2-Net", stage6__att=(8, 8, 1, 1)),
        MORE.format("stage6.att"),
    ),
    "nnU-Net of version 1": (
        "nnunet: PlainConvUNet",
        lambda: named("conv_blocks_context.0.blocks.0.conv", "tu.0", "seg_outputs.0"),
        "nnU-Net of version 1",
    ),
    "Swin-Unet": (
        "mmseg: UPerNet, Swin",
        lambda: named("layers.0.blocks.0.attn.qkv", "layers_up.1.blocks.0.attn.qkv", "output"),
        "Swin-Unet",
    ),
    "Segmenter": (
        SEGFORMER, lambda: named("encoder.blocks.0.attn.qkv", "decoder.cls_emb"), "Segmenter",
    ),
    "SegFormer that classifies": (
        SEGFORMER, lambda: of_transformers(SegformerForImageClassification), "classification",
    ),
    "DPT of isl-org": (
        SEGFORMER,
        lambda: named("pretrained.model.blocks.0.attn.qkv", "scratch.refinenet1.out_conv"),
        "DPT or MiDaS",
    ),
}  # fmt: skip


@functools.cache
def network_of(name) -> Network:
    return build_network(checkpoint_of(known(name)))


@pytest.mark.parametrize("name", KNOWN)
def test_a_known_network_is_built_as_itself_with_every_layer(name):
    network = network_of(name)

    assert re.match(KNOWN[name], network.architecture)
    assert not network.account.missing and not network.account.unexpected


@pytest.mark.parametrize(("first", "second"), PAIRS)
def test_two_that_share_names_are_told_apart(first, second):
    assert words(known(first)) & words(known(second))
    assert network_of(first).architecture != network_of(second).architecture


@pytest.mark.parametrize("name", ALIKE)
def test_what_only_looks_alike_is_never_built_in_silence(name):
    like, make, said = ALIKE[name]
    tensors = make()

    assert words(known(like)) & words(tensors)
    with pytest.raises(ArchitectureError, match=said):
        build_network(checkpoint_of(tensors))


@pytest.mark.parametrize(
    ("name", "beside"),
    [
        (TORCHVISION, "edge_head.conv"),
        (TORCHVISION, "backbone.fc"),
        (SMP_UNET, "segmentation_head2.0"),
        (MILESIAL, "dsv1.conv"),
    ],
)
def test_a_head_beside_the_one_that_is_run_changes_nothing_and_is_told(name, beside):
    network = build_network(checkpoint_of(known(name) | named(beside)))

    assert network.architecture == network_of(name).architecture
    assert f"1 tensor of the file is not used: {beside}.weight." in " ".join(network.in_words())


def words(tensors):
    """What names are made of, without numbers."""
    return {word for key in tensors for word in key.split(".")[:-1] if not word.isdigit()}
