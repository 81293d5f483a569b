"""Networks whose reference numbers came from typed copies, held against code that nobody typed.

mmsegmentation's own code answered for STDC, ERFNet and HRNet-OCR (mmseg.json); the repositories'
networks do the same arithmetic under other names, BiSeNet's in all but one part. torchvision's
Swin transformer is another writing of the one that BiRefNet stands on.
"""

from __future__ import annotations

import re

import pytest
import torch
from torch import nn
from torchvision.models.swin_transformer import SwinTransformer

from core.architectures import build_network
from core.architectures.families.kept import below
from core.architectures.families.mmseg.mmseg_bisenet import Joined
from core.architectures.families.mmseg.mmseg_bisenet_v2 import Weighed
from core.architectures.families.mmseg.mmseg_heads import FCNHead
from core.architectures.families.realtime import bisenet_v1, bisenet_v2
from core.architectures.families.realtime.erfnet import Decoder, Encoder
from core.architectures.families.realtime.hrnet import CORNERS
from core.architectures.families.realtime.stdc_backbone import LAST
from core.architectures.families.swin import AUTHORS, Swin
from scripts.reference_logits import picture, pixels
from tests.core.architectures.test_families import checkpoint_of
from tests.core.architectures.test_mmseg_backbones import tensors_of, told
from tests.support.five import apart

SIZE = (64, 96)  # where both enlarge alike


def wanted(name):
    return torch.tensor(told()["logits"][name]["64x96"])


def renamed(state, patterns):
    """Every tensor under the name that the first pattern makes of it; none may be left."""
    made = {}
    for key, tensor in state.items():
        for pattern, name in patterns.items():
            if match := re.match(pattern, key):
                made[(name(match) if callable(name) else match.expand(name))] = tensor
                break
        else:
            raise AssertionError(key)
    return made


# --- STDC -----------------------------------------------------------------------------------------

BLOCKS = {"FCN, STDC1": (2, 2, 2), "FCN, STDC2": (4, 5, 3)}  # of the three stages


def stdc_names(name):
    starts = [2, 2 + BLOCKS[name][0], 2 + sum(BLOCKS[name][:2])]

    def block(match):
        number = starts[int(match[1]) - 2] + int(match[2])
        rest = re.sub(r"^layers\.", "conv_list.", match[3])
        rest = rest.replace("downsample.conv.", "avd_layer.0.")
        return f"cp.backbone.features.{number}.{rest.replace('downsample.bn.', 'avd_layer.1.')}"

    arm = {"0": "32", "1": "16"}
    return {
        r"backbone\.backbone\.stages\.([01])\.(.*)": r"cp.backbone.features.\1.\2",
        r"backbone\.backbone\.stages\.(\d)\.(\d)\.(.*)": block,
        r"backbone\.backbone\.final_conv\.(.*)": r"cp.backbone.conv_last.\1",
        r"backbone\.arms\.(\d)\.conv_layer\.(.*)": lambda m: f"cp.arm{arm[m[1]]}.conv.{m[2]}",
        r"backbone\.arms\.(\d)\.atten_conv_layer\.1\.(conv|bn)\.(.*)": lambda m: (
            f"cp.arm{arm[m[1]]}.{m[2]}_atten.{m[3]}"
        ),
        r"backbone\.convs\.(\d)\.(.*)": lambda m: f"cp.conv_head{arm[m[1]]}.{m[2]}",
        r"backbone\.conv_avg\.(.*)": r"cp.conv_avg.\1",
        r"backbone\.ffm\.conv0\.(.*)": r"ffm.convblk.\1",
        r"backbone\.ffm\.attention\.([12])\.conv\.(.*)": r"ffm.conv\1.\2",
        r"decode_head\.convs\.0\.(.*)": r"conv_out.conv.\1",
        r"decode_head\.conv_seg\.weight": "conv_out.conv_out.weight",
    }


@pytest.mark.parametrize("name", BLOCKS)
def test_the_stdc_of_its_repository_answers_as_mmsegmentations_own_code(name):
    state = {k: t for k, t in tensors_of(name).items() if not k.startswith("auxiliary_head.")}
    bias = state.pop("decode_head.conv_seg.bias")  # the repository's head has none
    tensors = renamed(state, stdc_names(name))
    run = "run" if "cp.backbone.conv_last.conv.weight" in tensors else "not run"
    net = build_network(checkpoint_of(tensors), {LAST: run}).module
    with torch.inference_mode():
        shallow, context = net.cp(picture(SIZE))
        logits = net.get_submodule("conv_out")(net.ffm(shallow, context)) + bias[:, None, None]

    assert apart(torch.tensor(pixels(logits)), wanted(name)) < 1e-4


# --- BiSeNet, but for how its parts are joined: mmsegmentation does that in its own way -----------


def joined_by_mmseg(name, detail, context, joint):
    """Logits of that name's network, of the two parts that were computed elsewhere."""
    state = tensors_of(name)
    head = FCNHead(joint.width, below(state, "decode_head."), 0).eval()
    head.load_state_dict(below(state, "decode_head."))
    joint.load_state_dict(below(state, joint.prefix))
    with torch.inference_mode():
        return head([joint.eval()(detail, context)])


def filled(module, tensors):
    module.load_state_dict(tensors)
    return module.eval()


def test_both_paths_of_bisenet_v1_are_those_of_mmsegmentations_own_code():
    name, arm = "FCN, BiSeNet v1", r"backbone\.context_path\.(arm\d+)\."
    tensors = renamed(
        {k: t for k, t in tensors_of(name).items() if "_path." in k},
        {
            r"backbone\.context_path\.backbone\.(.*)": r"cp.resnet.\1",
            arm + r"conv_layer\.(.*)": r"cp.\1.conv.\2",
            arm + r"atten_conv_layer\.1\.(conv|bn)\.(.*)": r"cp.\1.\2_atten.\3",
            r"backbone\.context_path\.gap_conv\.1\.(.*)": r"cp.conv_avg.\1",
            r"backbone\.context_path\.(.*)": r"cp.\1",
            r"backbone\.spatial_path\.layer([123])\.(.*)": r"sp.conv\1.\2",
            r"backbone\.spatial_path\.layer4\.(.*)": r"sp.conv_out.\1",
        },
    )
    with torch.inference_mode():
        context = filled(bisenet_v1.Context(tensors, last=False), below(tensors, "cp."))
        _, pooled = context(picture(SIZE))
        detail = filled(bisenet_v1.Detail(tensors), below(tensors, "sp."))(picture(SIZE))
    joint = Joined(tensors_of(name), "backbone.ffm", "conv1", 256)
    joint.prefix, joint.width = "backbone.ffm.", 256

    assert apart(torch.tensor(pixels(joined_by_mmseg(name, detail, pooled, joint))),
                 wanted(name)) < 1e-4  # fmt: skip


def bisenet_v2_names():
    stage = {"2": "S3", "3": "S4", "4": "S5_4"}

    def layers(kind):  # of a gathering block: convolution and BatchNorm in a row
        return lambda m: f"segment.{stage[m[1]]}.{m[2]}.{kind(m)}.{m[4]}"

    place = {"conv": 0, "bn": 1}
    block = r"backbone\.semantic\.stage(\d)\.(\d)\."
    halves = {
        key.rsplit(".shortcut", 1)[0]
        for key in tensors_of("FCN, BiSeNet v2")
        if ".shortcut." in key
    }

    def filters(match):
        start = match[0][: match[0].index(".dwconv")]
        number = f"dwconv{int(match[3][0]) + 1}" if start in halves else "dwconv"
        part = place[match[3].rpartition(".")[2]]
        return f"segment.{stage[match[1]]}.{match[2]}.{number}.{part}.{match[4]}"

    return {
        r"backbone\.detail\.detail_branch\.(\d)\.(.*)": lambda m: f"detail.S{int(m[1]) + 1}.{m[2]}",
        r"backbone\.semantic\.stage1\.conv_first\.(.*)": r"segment.S1S2.conv.\1",
        r"backbone\.semantic\.stage1\.convs\.(.*)": r"segment.S1S2.left.\1",
        r"backbone\.semantic\.stage1\.fuse_last\.(.*)": r"segment.S1S2.fuse.\1",
        block + r"(conv1)\.(.*)": layers(lambda m: "conv1"),
        block + r"dwconv\.(\d\.(?:conv|bn))\.(.*)": filters,
        block + r"conv2\.0\.(conv|bn)\.(.*)": layers(lambda m: f"conv2.{place[m[3]]}"),
        block + r"shortcut\.0\.((?:depth|point)wise_conv\.(?:conv|bn))\.(.*)": layers(
            lambda m: f"shortcut.{2 * m[3].startswith('point') + place[m[3].rpartition('.')[2]]}"
        ),
        r"backbone\.semantic\.stage4_CEBlock\.gap\.1\.(.*)": r"segment.S5_5.bn.\1",
        r"backbone\.semantic\.stage4_CEBlock\.(.*)": r"segment.S5_5.\1",
    }


def test_both_branches_of_bisenet_v2_are_those_of_mmsegmentations_own_code():
    name = "FCN, BiSeNet v2"
    state = tensors_of(name)
    branches = {k: t for k, t in state.items() if "detail." in k or "semantic." in k}
    tensors = renamed({k: t for k, t in branches.items() if ".bga." not in k}, bisenet_v2_names())
    with torch.inference_mode():
        meaning = filled(bisenet_v2.Meaning(tensors), below(tensors, "segment."))(picture(SIZE))
        detail = picture(SIZE)
        for stage in ("S1", "S2", "S3"):
            row = filled(bisenet_v2._detail(tensors, stage), below(tensors, f"detail.{stage}."))
            detail = row(detail)
    joint = Weighed(below(state, "backbone.bga."), 16)
    joint.prefix, joint.width = "backbone.bga.", 16

    assert apart(torch.tensor(pixels(joined_by_mmseg(name, detail, meaning, joint))),
                 wanted(name)) < 1e-4  # fmt: skip


# --- ERFNet ---------------------------------------------------------------------------------------

LAYERS = {"0": "conv3x1_{}", "2": "conv1x3_{}", "3": "bn{}"}  # of a block, in each of its halves


def erfnet_names():
    def layer(match):
        half, place = divmod(int(match[3]), 5)
        return f"{match[1]}.layers.{int(match[2])}.{LAYERS[str(place)].format(half + 1)}.{match[4]}"

    def place(match):
        if match[1] == "encoder" and match[2] == "0":
            return f"encoder.initial_block.{match[3]}"
        return f"{match[1]}.layers.{match[2]}.{match[3]}"

    def shifted(match):  # the first of the encoder has a name of its own
        name = layer(match) if match.re.groups == 4 else place(match)
        return re.sub(r"^encoder\.layers\.(\d+)", lambda m: f"encoder.layers.{int(m[1]) - 1}", name)

    return {
        r"backbone\.(encoder|decoder)\.(\d+)\.convs_layers\.(\d)\.(.*)": shifted,
        r"backbone\.(encoder|decoder)\.(\d+)\.(.*)": shifted,
        r"(decode_head\..*)": r"\1",
    }


def test_the_erfnet_of_its_repository_answers_as_mmsegmentations_own_code(monkeypatch):
    monkeypatch.setattr("core.architectures.families.realtime.erfnet.DEEP", 16)  # 128 in all files
    tensors = renamed(tensors_of("FCN, ERFNet"), erfnet_names())
    head = {k.removeprefix("decode_head."): t for k, t in tensors.items() if "decode_head" in k}
    parts = {"encoder": Encoder(tensors), "decoder": Decoder(tensors)}
    parts["decode_head"] = FCNHead(8, head, 0)
    net = nn.ModuleDict(parts).eval()
    missing, unexpected = net.load_state_dict(tensors, strict=False)
    with torch.inference_mode():
        x = net["encoder"](picture(SIZE))
        for layer in net["decoder"].layers:
            x = layer(x)
        logits = net["decode_head"]([x])

    assert not unexpected and all(key.startswith("decoder.output_conv") for key in missing)
    assert apart(torch.tensor(pixels(logits)), wanted("FCN, ERFNet")) < 1e-4


# --- HRNet ----------------------------------------------------------------------------------------

SIDES = {"query": "f_pixel", "key": "f_object", "value": "f_down", "out": "f_up"}
BLOCK = "ocr_distri_head.object_context_block"


def hrnet_names():
    def unit(start, match, number=0):
        part = {"conv": f"{2 * number}.", "bn": f"{2 * number + 1}.0."}[match]
        return f"{start}.{part}"

    inner = r"decode_head\.1\.object_context_block\."
    return {
        r"backbone\.(.*)": r"\1",
        r"decode_head\.0\.convs\.0\.conv\.(.*)": r"aux_head.0.\1",
        r"decode_head\.0\.convs\.0\.bn\.(.*)": r"aux_head.1.\1",
        r"decode_head\.0\.conv_seg\.(.*)": r"aux_head.3.\1",
        r"decode_head\.1\.bottleneck\.conv\.(.*)": r"conv3x3_ocr.0.\1",
        r"decode_head\.1\.bottleneck\.bn\.(.*)": r"conv3x3_ocr.1.\1",
        inner + r"(query|key)_project\.(\d)\.(conv|bn)\.(.*)": lambda m: (
            unit(f"{BLOCK}.{SIDES[m[1]]}", m[3], int(m[2])) + m[4]
        ),
        inner + r"(value|out)_project\.(conv|bn)\.(.*)": lambda m: (
            unit(f"{BLOCK}.{SIDES[m[1]]}", m[2]) + m[3]
        ),
        inner + r"bottleneck\.(conv|bn)\.(.*)": lambda m: (
            unit("ocr_distri_head.conv_bn_dropout", m[1]) + m[2]
        ),
        r"decode_head\.1\.conv_seg\.(.*)": r"cls_head.\1",
    }


def test_the_hrnet_ocr_of_its_repository_answers_as_mmsegmentations_own_code():
    tensors = renamed(tensors_of("OCR, HRNet"), hrnet_names())
    for name in ("aux_head.0", "conv3x3_ocr.0"):  # which mmsegmentation has without a bias
        tensors[f"{name}.bias"] = torch.zeros(len(tensors[f"{name}.weight"]))
    net = build_network(checkpoint_of(tensors), {CORNERS: "not aligned"})

    assert net.architecture == "HRNetV2-W6-OCR" and not net.account.unexpected
    with torch.inference_mode():
        logits = net.module(picture(SIZE))
    assert apart(torch.tensor(pixels(logits)), wanted("OCR, HRNet")) < 1e-4


# --- Swin -----------------------------------------------------------------------------------------

OURS = {"features.0.0.": "patch_embed.proj.", "features.0.2.": "patch_embed.norm."}


def swin_name(key):
    for start, name in OURS.items():
        if key.startswith(start):
            return key.replace(start, name)
    match = re.match(r"features\.(\d)\.(\d\.)?(.*)", key)
    stage, rest = (int(match[1]) - 1) // 2, match[3]
    if match[2] is None:
        return f"layers.{stage}.downsample.{rest}"
    rest = rest.replace("mlp.0.", "mlp.fc1.").replace("mlp.3.", "mlp.fc2.")
    return f"layers.{stage}.blocks.{match[2]}{rest}"


def test_our_swin_transformer_is_that_of_torchvision():
    torch.manual_seed(0)
    theirs = SwinTransformer([4, 4], 8, [2, 2, 2, 2], [1, 2, 2, 4], [4, 4]).eval()
    for parameter in theirs.parameters():
        nn.init.normal_(parameter, std=0.3)
    body = {k: t for k, t in theirs.state_dict().items() if k.startswith("features.")}
    tensors = {swin_name(key): tensor for key, tensor in body.items()}
    sides = [k for k in tensors if k.endswith("relative_position_index")]
    tensors |= {key: tensors[key].view(16, 16) for key in sides}
    norms = {f"norm{k}.{part}": torch.full((8 * 2**k,), float(part == "weight"))
             for k in range(4) for part in ("weight", "bias")}  # fmt: skip
    ours = Swin(tensors | norms, AUTHORS).eval()
    ours.load_state_dict(tensors | norms)
    kept = []
    for number in (1, 3, 5, 7):
        theirs.features[number].register_forward_hook(lambda *given: kept.append(given[2]))
    with torch.inference_mode():
        x = picture((160, 192))  # in smaller ones it does not shift the deepest windows
        found = ours(x)
        theirs(x)

    wanted = [nn.functional.layer_norm(y, y.shape[-1:]).permute(0, 3, 1, 2) for y in kept]
    assert max(apart(a, b) for a, b in zip(found, wanted, strict=True)) < 1e-4
