"""Networks of mmsegmentation: every tensor is taken, and the answer is that of other code.

mmsegmentation itself cannot be installed beside this torch. So each part is held against the same
mathematics in a library that can: torchvision's FCN and ResNet, the UPerNet and SegFormer of
transformers, and for the pyramids the formula written out.
"""

from __future__ import annotations

import re
from dataclasses import replace

import pytest
import torch
import torch.nn.functional as F
from torchvision.models.segmentation import fcn_resnet50
from transformers import SegformerConfig, SegformerModel, UperNetConfig
from transformers import UperNetForSemanticSegmentation as UperNet

from core.architectures import build_network
from core.architectures.families.mmseg import mmseg_family
from core.architectures.families.mmseg import mmseg_heads as heads
from core.architectures.families.mmseg.mmseg_backbones import MixTransformer
from core.checkpoint import Checkpoint
from core.errors import ArchitectureError
from tests.support.networks import seeded

CLASSES = 5


def checkpoint_of(tensors, metadata=None):
    plain = Checkpoint("w.pth", "d", "zip pickle", 1, tensors, ("state_dict",), "", {}, ())
    return replace(plain, metadata=metadata or {})


def conv(tensors, name, out, channels, kernel=1, groups=1, norm="bn", bias=False):
    """The tensors of a convolution and its BatchNorm."""
    generator = torch.Generator().manual_seed(len(tensors))
    shape = (out, channels // groups, kernel, kernel)
    conv = f"{name}.conv" if norm == "bn" else name
    fan = channels // groups * kernel**2
    tensors[f"{conv}.weight"] = torch.randn(shape, generator=generator) * (2 / fan) ** 0.5
    if bias:
        tensors[f"{conv}.bias"] = torch.randn(out, generator=generator)
    if norm:
        batch = f"{name}.bn" if norm == "bn" else norm
        tensors[f"{batch}.weight"] = torch.rand(out, generator=generator) + 0.5
        tensors[f"{batch}.bias"] = torch.randn(out, generator=generator) * 0.1
        tensors[f"{batch}.running_mean"] = torch.randn(out, generator=generator) * 0.1
        tensors[f"{batch}.running_var"] = torch.rand(out, generator=generator) + 0.5
        tensors[f"{batch}.num_batches_tracked"] = torch.tensor(9)


def resnet(depths=(1, 1, 1, 1), *, deep=True, stem=True, width=8):
    tensors = {}
    if stem:
        for place, (out, channels) in zip((0, 3, 6), ((4, 3), (4, 4), (width, 4)), strict=True):
            name = f"backbone.stem.{place}"
            conv(tensors, name, out, channels, 3, norm=f"backbone.stem.{place + 1}")
    else:
        conv(tensors, "backbone.conv1", width, 3, 7, norm="backbone.bn1")
    channels = width
    for stage, blocks in enumerate(depths, start=1):
        mid = width * 2 ** (stage - 1)
        out = 4 * mid if deep else mid
        for block in range(blocks):
            name = f"backbone.layer{stage}.{block}"
            sizes = [(mid, channels, 1), (mid, mid, 3), (out, mid, 1)]
            for n, (o, c, k) in enumerate(sizes if deep else [(mid, channels, 3), (out, mid, 3)]):
                conv(tensors, f"{name}.conv{n + 1}", o, c, k, norm=f"{name}.bn{n + 1}")
            if block == 0 and (stage > 1 or channels != out):
                down = f"{name}.downsample"
                conv(tensors, f"{down}.0", out, channels, norm=f"{down}.1")
            channels = out
    return tensors, [width * 2**stage * (4 if deep else 1) for stage in range(4)]


def head(kind, channels, width=6):
    """A decode head's tensors, as mmsegmentation names them."""
    tensors, at = {}, "decode_head"
    deep = channels[-1]
    if kind == "FCN":
        conv(tensors, f"{at}.convs.0", width, deep, 3)
        conv(tensors, f"{at}.convs.1", width, width, 3)
        conv(tensors, f"{at}.conv_cat", width, deep + width, 3)
    if kind in ("PSPNet", "UPerNet"):
        for n in range(4):
            conv(tensors, f"{at}.psp_modules.{n}.1", width, deep)
        conv(tensors, f"{at}.bottleneck", width, deep + 4 * width, 3)
    if kind == "UPerNet":
        for n, c in enumerate(channels[:3]):
            conv(tensors, f"{at}.lateral_convs.{n}", width, c)
            conv(tensors, f"{at}.fpn_convs.{n}", width, width, 3)
        conv(tensors, f"{at}.fpn_bottleneck", width, 4 * width, 3)
    if kind.startswith("DeepLab"):
        conv(tensors, f"{at}.image_pool.1", width, deep)
        conv(tensors, f"{at}.aspp_modules.0", width, deep)
        for n in (1, 2, 3):
            name = f"{at}.aspp_modules.{n}"
            if kind == "DeepLabV3":
                conv(tensors, name, width, deep, 3)
                continue
            conv(tensors, f"{name}.depthwise_conv", deep, deep, 3, groups=deep)
            conv(tensors, f"{name}.pointwise_conv", width, deep)
        conv(tensors, f"{at}.bottleneck", width, 5 * width, 3)
    if kind == "DeepLabV3+":
        conv(tensors, f"{at}.c1_bottleneck", 4, channels[0])
        for n, c in enumerate((width + 4, width)):
            conv(tensors, f"{at}.sep_bottleneck.{n}.depthwise_conv", c, c, 3, groups=c)
            conv(tensors, f"{at}.sep_bottleneck.{n}.pointwise_conv", width, c)
    conv(tensors, f"{at}.conv_seg", CLASSES, width, norm="", bias=True)
    return tensors


KINDS = ["FCN", "PSPNet", "DeepLabV3", "DeepLabV3+", "UPerNet"]


@pytest.mark.parametrize("stem", [True, False])
@pytest.mark.parametrize("deep", [True, False])
@pytest.mark.parametrize("kind", KINDS)
def test_every_tensor_is_taken_and_the_classes_are_those_of_the_head(kind, deep, stem):
    body, channels = resnet((2, 1, 2, 1), deep=deep, stem=stem)
    tensors = body | head(kind, channels)
    conv(tensors, "auxiliary_head.convs.0", 4, channels[2], 3)
    conv(tensors, "auxiliary_head.conv_seg", 7, 4, norm="", bias=True)
    network = build_network(checkpoint_of(tensors))

    assert network.architecture.startswith(f"{kind} of mmsegmentation, ResNet-")
    assert set(network.account.matched) == set(tensors)
    assert not network.account.missing
    assert (network.in_channels, network.num_classes) == (3, CLASSES)
    assert "with 7 classes, is not run" in network.notes[0]
    with torch.inference_mode():
        assert network.module(torch.randn(1, 3, 64, 96)).shape[:2] == (1, CLASSES)


def test_the_backbone_and_fcn_head_answer_as_torchvisions():
    torch.manual_seed(0)
    theirs = seeded(fcn_resnet50(weights=None, weights_backbone=None, num_classes=CLASSES))
    renamed = {
        r"^classifier\.0\.": "decode_head.convs.0.conv.",
        r"^classifier\.1\.": "decode_head.convs.0.bn.",
        r"^classifier\.4\.": "decode_head.conv_seg.",
    }
    tensors = {}
    for key, value in theirs.state_dict().items():
        for pattern, name in renamed.items():
            key = re.sub(pattern, name, key)
        tensors[key] = value
    network = build_network(checkpoint_of(tensors))
    x = torch.randn(1, 3, 64, 96, generator=torch.Generator().manual_seed(0))

    assert network.architecture == "FCN of mmsegmentation, ResNet-50"
    with torch.inference_mode():
        ours = F.interpolate(network.module(x), (64, 96), mode="bilinear", align_corners=False)
        wanted = theirs(x)["out"]
        assert (ours - wanted).abs().max() < 1e-5 * wanted.abs().max()


def test_the_uper_head_answers_as_that_of_transformers():
    torch.manual_seed(0)
    config = UperNetConfig(
        backbone_config={"model_type": "resnet", "hidden_sizes": [8, 16, 24, 32],
                         "depths": [1, 1, 1, 1], "embedding_size": 8, "layer_type": "basic",
                         "out_features": ["stage1", "stage2", "stage3", "stage4"]},
        hidden_size=6, num_labels=CLASSES,
    )  # fmt: skip
    theirs = seeded(UperNet(config)).decode_head
    tensors = {
        key.replace("batch_norm", "bn").replace("classifier", "conv_seg"): value
        for key, value in theirs.state_dict().items()
    }
    ours = heads.UPerHead([8, 16, 24, 32], tensors, (1, 2, 3, 6)).eval()
    ours.load_state_dict(tensors)
    features = [torch.randn(1, c, 32 // 2**k, 48 // 2**k) for k, c in enumerate((8, 16, 24, 32))]

    with torch.inference_mode():
        assert (ours(features) - theirs(features)).abs().max() < 1e-5


def test_the_mix_transformer_answers_as_that_of_transformers():
    torch.manual_seed(0)
    widths, depths = [8, 16, 20, 32], [1, 2, 1, 1]
    theirs = SegformerModel(
        SegformerConfig(hidden_sizes=widths, depths=depths, num_attention_heads=[1, 2, 5, 8],
                        layer_norm_eps=1e-6, output_hidden_states=True)
    ).eval()  # fmt: skip
    ours = MixTransformer(tensors := mix_transformer(theirs.state_dict()), (1, 2, 5, 8)).eval()
    ours.load_state_dict(tensors)
    for module in theirs.modules():
        if isinstance(module, torch.nn.LayerNorm):
            module.eps = 1e-6
    x = torch.randn(1, 3, 64, 96)

    with torch.inference_mode():
        found, wanted = ours(x), theirs(x).hidden_states
        for mine, other in zip(found, wanted[-4:], strict=True):
            assert (mine - other).abs().max() < 1e-5


RENAMED = (  # transformers' names -> those of mmsegmentation
    (r"^stages\.(\d)\.patch_embeddings\.proj\.", r"layers.\1.0.projection."),
    (r"^stages\.(\d)\.patch_embeddings\.layer_norm\.", r"layers.\1.0.norm."),
    (r"^stages\.(\d)\.layer_norm\.", r"layers.\1.2."),
    (r"^stages\.(\d)\.blocks\.(\d+)\.", r"layers.\1.1.\2."),
    (r"layernorm_before", "norm1"),
    (r"layernorm_after", "norm2"),
    (r"attention\.sequence_reduction\.sequence_reduction", "attn.sr"),
    (r"attention\.sequence_reduction\.layer_norm", "attn.norm"),
    (r"attention\.o_proj", "attn.attn.out_proj"),
    (r"mlp\.fc1", "ffn.layers.0"),
    (r"mlp\.dwconv\.dwconv", "ffn.layers.1"),
    (r"mlp\.fc2", "ffn.layers.4"),
)


def mix_transformer(state):
    """The weights of transformers' encoder under the names of mmsegmentation."""
    renamed, joined = {}, {}
    for key, value in state.items():
        if ".mlp.fc" in key and key.endswith("weight"):
            value = value[:, :, None, None]
        for pattern, name in RENAMED:
            key = re.sub(pattern, name, key)
        if match := re.match(r"(.*)attention\.([qkv])_proj\.(weight|bias)", key):
            joined.setdefault(f"{match[1]}attn.attn.in_proj_{match[3]}", {})[match[2]] = value
        else:
            renamed[key] = value
    return renamed | {key: torch.cat([p[n] for n in "qkv"]) for key, p in joined.items()}


def test_a_segformer_is_built_whole():
    torch.manual_seed(0)
    widths = [32, 64, 160, 256]
    theirs = SegformerModel(SegformerConfig(hidden_sizes=widths, depths=[2, 2, 2, 2])).eval()
    tensors = {f"backbone.{k}": v for k, v in mix_transformer(theirs.state_dict()).items()}
    for n, channels in enumerate(widths):
        conv(tensors, f"decode_head.convs.{n}", 6, channels)
    conv(tensors, "decode_head.fusion_conv", 6, 24)
    conv(tensors, "decode_head.conv_seg", CLASSES, 6, norm="", bias=True)
    network = build_network(checkpoint_of(tensors))

    assert network.architecture == "SegFormer of mmsegmentation, MiT-B0"
    assert set(network.account.matched) == set(tensors)
    assert [choice.name for choice in network.choices] == ["attention heads"]
    with torch.inference_mode():
        assert network.module(torch.randn(1, 3, 64, 64)).shape == (1, CLASSES, 16, 16)


def norm(t, name, x):
    mean, var = t[f"{name}.running_mean"], t[f"{name}.running_var"]
    return F.batch_norm(x, mean, var, t[f"{name}.weight"], t[f"{name}.bias"])


def unit(t, name, x, rate=1, groups=1):
    weight = t[f"{name}.conv.weight"]
    padding = rate * (weight.shape[-1] // 2)
    x = F.conv2d(x, weight, padding=padding, dilation=rate, groups=groups)
    return F.relu(norm(t, f"{name}.bn", x))


def split(t, name, x, rate=1):
    return unit(t, f"{name}.pointwise_conv",
                unit(t, f"{name}.depthwise_conv", x, rate, groups=x.shape[1]))  # fmt: skip


def resized(x, like):
    return F.interpolate(x, like.shape[-2:], mode="bilinear", align_corners=False)


def written_out(kind, t, features, rates=(12, 24, 36)):
    x = features[-1]
    if kind == "PSPNet":
        pools = [
            resized(unit(t, f"psp_modules.{n}.1", F.adaptive_avg_pool2d(x, s)), x)
            for n, s in enumerate((1, 2, 3, 6))
        ]
        x = unit(t, "bottleneck", torch.cat([x, *pools], 1))
    else:
        one = split if kind == "DeepLabV3+" else unit
        pool = resized(unit(t, "image_pool.1", x.mean((2, 3), keepdim=True)), x)
        atrous = [one(t, f"aspp_modules.{n}", x, rate) for n, rate in enumerate(rates, start=1)]
        parts = [pool, unit(t, "aspp_modules.0", x), *atrous]
        x = unit(t, "bottleneck", torch.cat(parts, 1))
        if kind == "DeepLabV3+":
            low = unit(t, "c1_bottleneck", features[0])
            x = torch.cat([resized(x, low), low], 1)
            x = split(t, "sep_bottleneck.1", split(t, "sep_bottleneck.0", x))
    return F.conv2d(x, t["conv_seg.weight"], t["conv_seg.bias"])


@pytest.mark.parametrize("kind", ["PSPNet", "DeepLabV3", "DeepLabV3+"])
def test_the_pyramids_answer_as_their_formula(kind):
    channels = [8, 16, 24, 32]
    tensors = {k.removeprefix("decode_head."): v for k, v in head(kind, channels).items()}
    facts = {mmseg_family.RATES: "1, 12, 24, 36", mmseg_family.SCALES: "1, 2, 3, 6"}
    ours = mmseg_family.HEADS[kind](channels, tensors, facts).eval()
    ours.load_state_dict(tensors)
    features = [torch.randn(1, c, 48 // 2**k, 80 // 2**k) for k, c in enumerate(channels)]

    with torch.inference_mode():
        assert (ours(features) - written_out(kind, tensors, features)).abs().max() < 1e-5


def test_the_config_in_the_file_tells_stride_and_rates():
    body, channels = resnet()
    tensors = body | head("DeepLabV3", channels)
    config = "backbone=dict(dilations=(1, 1, 1, 2), strides=(1, 2, 2, 1)), dilations=(1, 6, 12, 18)"
    network = build_network(checkpoint_of(tensors, {"meta": {"cfg": config}}))

    assert {c.name: (c.taken, c.source) for c in network.choices} == {
        "output stride": ("16", "from the file"),
        "atrous rates": ("1, 6, 12, 18", "from the file"),
    }
    with torch.inference_mode():
        assert network.module(torch.randn(1, 3, 64, 64)).shape[-1] == 4


@pytest.mark.parametrize("says", ["align_corners=True", "style='caffe'", "type='ResNetV1d'"])
def test_a_config_that_says_what_is_not_built_is_told(says):
    body, channels = resnet()
    metadata = {"meta": {"config": f"model=dict(backbone=dict({says}))"}}
    network = build_network(checkpoint_of(body | head("FCN", channels), metadata))

    assert "The config in the file says" in network.notes[0]
    assert "is built with" in network.notes[0]


def test_the_output_stride_can_be_chosen():
    body, channels = resnet()
    network = build_network(checkpoint_of(body | head("PSPNet", channels)), {"output stride": "32"})

    assert network.choices[0].source == "chosen"
    with torch.inference_mode():
        assert network.module(torch.randn(1, 3, 64, 64)).shape[-1] == 2


def test_a_missing_tensor_is_named():
    body, channels = resnet()
    tensors = body | head("FCN", channels)
    del tensors["decode_head.convs.1.conv.weight"]

    with pytest.raises(ArchitectureError, match=r"decode_head\.convs\.1\.conv\.weight"):
        build_network(checkpoint_of(tensors))
