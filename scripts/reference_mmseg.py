"""Write mmseg.json: what mmsegmentation's own code answers, as reference_logits.py does.

    python -m scripts.reference_mmseg FOLDER

FOLDER holds mmsegmentation 1.2.2 with mmengine and mmcv-lite, unpacked, with their licenses; none
of their code is kept here. The compiled operators of mmcv, which no network below runs, are left
out. Backbone, neck and head are put together as its EncoderDecoder does.
"""

from __future__ import annotations

import importlib
import json
import sys
from typing import Any
from unittest.mock import MagicMock

import torch
from torch import nn

from scripts.reference_logits import FACTS, packed, picture, pixels, weights

MMSEG = FACTS.with_name("mmseg.json")
CLASSES, WIDTH = 3, 8
SIZES = ((64, 96), (75, 50))  # rows, columns
SIDE = 64  # of the only picture that BEiT takes
NORM = {"norm_cfg": {"type": "BN"}, "align_corners": False, "num_classes": CLASSES}


def _part(kind: str, name: str, **options: Any) -> nn.Module:
    made: nn.Module = getattr(importlib.import_module(f"mmseg.models.{kind}"), name)(**options)
    return made


def _uper(channels: list[int]) -> nn.Module:
    return _part(
        "decode_heads", "UPerHead", in_channels=channels, in_index=[0, 1, 2, 3], channels=6,
        pool_scales=(1, 2, 3, 6), **NORM,
    )  # fmt: skip


def swin() -> dict[str, nn.Module]:
    """UPerNet on a narrow Swin transformer."""
    body = _part(
        "backbones", "SwinTransformer", embed_dims=WIDTH, depths=(2, 2, 2, 2), window_size=4,
        num_heads=(1, 2, 2, 4),
    )  # fmt: skip
    return {"backbone": body, "decode_head": _uper([WIDTH * 2**k for k in range(4)])}


def hrnet() -> dict[str, nn.Module]:
    """FCN on a narrow HRNet."""
    extra: dict[str, Any] = {
        f"stage{number}": {
            "num_modules": 1,
            "num_branches": number,
            "block": "BASIC",
            "num_blocks": (1,) * number,
            "num_channels": tuple(6 * 2**k for k in range(number)),
        }
        for number in (2, 3, 4)
    }
    extra["stage1"] = {"num_modules": 1, "num_branches": 1, "block": "BOTTLENECK",
                       "num_blocks": (1,), "num_channels": (8,)}  # fmt: skip
    head = _part(
        "decode_heads", "FCNHead", in_channels=[6, 12, 24, 48], in_index=(0, 1, 2, 3), channels=90,
        input_transform="resize_concat", kernel_size=1, num_convs=1, concat_input=False,
        dropout_ratio=-1, **NORM,
    )  # fmt: skip
    return {"backbone": _part("backbones", "HRNet", extra=extra), "decode_head": head}


def beit() -> dict[str, nn.Module]:
    """UPerNet on a narrow BEiT, with the neck of its configs."""
    body = _part(
        "backbones", "BEiT", img_size=(SIDE, SIDE), embed_dims=16, num_layers=6, num_heads=2,
        out_indices=(1, 2, 3, 5), norm_cfg={"type": "LN", "eps": 1e-6},
    )  # fmt: skip
    neck = _part(
        "necks", "Feature2Pyramid", embed_dim=16, rescales=[4, 2, 1, 0.5],
        norm_cfg={"type": "BN"},
    )  # fmt: skip
    return {"backbone": body, "neck": neck, "decode_head": _uper([16] * 4)}


def _fcn(channels: int, index: int = 0, kind: str = "FCNHead", **options: Any) -> nn.Module:
    sizes = {"in_channels": channels, "in_index": index, "channels": 8, "num_convs": 1}
    return _part("decode_heads", kind, **sizes, concat_input=False, **NORM, **options)


def _aux(channels: int) -> nn.ModuleList:
    return nn.ModuleList([_fcn(channels), _fcn(channels)])


def bisenet_v1() -> dict[str, nn.Module]:
    """BiSeNet v1 on a ResNet-18, whose width cannot be chosen."""
    resnet = {"type": "ResNet", "depth": 18, "norm_cfg": {"type": "BN"}}
    sizes = {"context_channels": (128, 256, 512), "spatial_channels": (8, 8, 8, 128)}
    body = _part("backbones", "BiSeNetV1", backbone_cfg=resnet, out_channels=256, **sizes)
    return {"backbone": body, "decode_head": _fcn(256), "auxiliary_head": _aux(128)}


def bisenet_v2() -> dict[str, nn.Module]:
    """A narrow BiSeNet v2."""
    sizes = {"detail_channels": (8, 8, 16), "semantic_channels": (4, 8, 12, 16)}
    body = _part("backbones", "BiSeNetV2", bga_channels=16, **sizes)
    return {"backbone": body, "decode_head": _fcn(16), "auxiliary_head": _aux(8)}


def _stdc(kind: str, final: bool) -> dict[str, nn.Module]:
    body = {"type": "STDCNet", "stdc_type": kind, "in_channels": 3, "norm_cfg": {"type": "BN"},
            "channels": (8, 8, 32, 64, 128), "bottleneck_type": "cat", "act_cfg": {"type": "ReLU"},
            "with_final_conv": final}  # fmt: skip
    context = _part(
        "backbones", "STDCContextPathNet", backbone_cfg=body, out_channels=16,
        last_in_channels=(1024 if final else 128, 64),
        ffm_cfg={"in_channels": 48, "out_channels": 24, "scale_factor": 4},
    )  # fmt: skip
    detail = _part(
        "decode_heads", "STDCHead", in_channels=32, in_index=0, channels=8, num_convs=1,
        boundary_threshold=0.1, norm_cfg={"type": "BN"}, align_corners=True, num_classes=1,
        threshold=0.5, concat_input=False,
    )  # fmt: skip
    heads = nn.ModuleList([*_aux(16), detail])
    return {"backbone": context, "decode_head": _fcn(24, 3), "auxiliary_head": heads}


def fast_scnn() -> dict[str, nn.Module]:
    """A narrow Fast-SCNN and its head of separable convolutions."""
    body = _part(
        "backbones", "FastSCNN", downsample_dw_channels=(8, 8), global_in_channels=12,
        global_block_channels=(12, 12, 16), global_out_channels=16, higher_in_channels=12,
        lower_in_channels=16, fusion_out_channels=16, norm_cfg={"type": "BN"},
    )  # fmt: skip
    head = _part(
        "decode_heads", "DepthwiseSeparableFCNHead", in_channels=16, channels=16, in_index=-1,
        concat_input=False, **NORM,
    )  # fmt: skip
    return {"backbone": body, "decode_head": head, "auxiliary_head": _aux(16)}


def erfnet() -> dict[str, nn.Module]:
    """ERFNet, narrow and with few blocks."""
    body = _part(
        "backbones", "ERFNet", enc_downsample_channels=(8, 12, 16),
        enc_stage_non_bottlenecks=(1, 4),
        enc_non_bottleneck_channels=(12, 16), dec_upsample_channels=(12, 8),
        dec_non_bottleneck_channels=(12, 8), dec_stages_non_bottleneck=(1, 1),
    )  # fmt: skip
    return {"backbone": body, "decode_head": _fcn(8)}


def icnet() -> dict[str, nn.Module]:
    """ICNet on a ResNet-18 with the deep stem."""
    resnet = {"type": "ResNetV1c", "depth": 18, "norm_cfg": {"type": "BN"}, "stem_channels": 8,
              "base_channels": 8, "strides": (1, 2, 1, 1), "dilations": (1, 1, 2, 4),
              "contract_dilation": True}  # fmt: skip
    body = _part(
        "backbones", "ICNet", backbone_cfg=resnet, layer_channels=(16, 64), psp_out_channels=12,
        light_branch_middle_channels=4, out_channels=(4, 8, 8), norm_cfg={"type": "BN"},
    )  # fmt: skip
    neck = _part("necks", "ICNeck", in_channels=(4, 8, 8), out_channels=8, norm_cfg={"type": "BN"})
    head = {"decode_head": _fcn(8, 2), "auxiliary_head": _aux(8)}
    return {"backbone": body, "neck": neck, **head}


def _ocr(rough: nn.Module, channels: int, **options: Any) -> nn.ModuleList:
    refining = _part(
        "decode_heads", "OCRHead", in_channels=options.pop("entering", channels), channels=12,
        ocr_channels=6, **options, **NORM,
    )  # fmt: skip
    return nn.ModuleList([rough, refining])


def hrnet_ocr() -> dict[str, nn.Module]:
    """OCR on the same HRNet."""
    made = hrnet()
    joined = {"in_index": (0, 1, 2, 3), "input_transform": "resize_concat"}
    made["decode_head"] = _ocr(made["decode_head"], 90, entering=[6, 12, 24, 48], **joined)
    return made


def resnet_ocr() -> dict[str, nn.Module]:
    """OCR on a narrow ResNet-18, whose rough head reads the last feature but one."""
    body = _part(
        "backbones", "ResNetV1c", depth=18, norm_cfg={"type": "BN"}, stem_channels=8,
        base_channels=8, strides=(1, 2, 1, 1), dilations=(1, 1, 2, 4), contract_dilation=True,
    )  # fmt: skip
    return {"backbone": body, "decode_head": _ocr(_fcn(32, 2), 64, in_index=3)}


def _mit(head: nn.Module) -> dict[str, nn.Module]:
    body = _part(
        "backbones", "MixVisionTransformer", embed_dims=8, num_layers=[1, 1, 1, 1],
        num_heads=[1, 2, 5, 8], sr_ratios=[8, 4, 2, 1], mlp_ratio=4, qkv_bias=True,
    )  # fmt: skip
    return {"backbone": body, "decode_head": head}


MIT = [8, 16, 40, 64]  # channels of its features


def mit_aspp() -> dict[str, nn.Module]:
    """A separable ASPP on a narrow Mix Transformer."""
    return _mit(_part(
        "decode_heads", "DepthwiseSeparableASPPHead", in_channels=64, in_index=3, channels=12,
        dilations=(1, 12, 24, 36), c1_in_channels=8, c1_channels=6, **NORM,
    ))  # fmt: skip


def mit_psp() -> dict[str, nn.Module]:
    """A pooling pyramid on the same."""
    return _mit(_part(
        "decode_heads", "PSPHead", in_channels=64, in_index=3, channels=12,
        pool_scales=(1, 2, 3, 6), **NORM,
    ))  # fmt: skip


ORIGINALS = {
    "UPerNet, Swin": swin,
    "FCN, HRNet": hrnet,
    "UPerNet, BEiT": beit,
    "FCN, BiSeNet v1": bisenet_v1,
    "FCN, BiSeNet v2": bisenet_v2,
    "FCN, STDC1": lambda: _stdc("STDCNet1", False),
    "FCN, STDC2": lambda: _stdc("STDCNet2", True),
    "FCN, Fast-SCNN": fast_scnn,
    "FCN, ERFNet": erfnet,
    "FCN, ICNet": icnet,
    "OCR, HRNet": hrnet_ocr,
    "OCR, ResNet": resnet_ocr,
    "DeepLabV3+, MiT": mit_aspp,
    "PSPNet, MiT": mit_psp,
    "UPerNet, MiT": lambda: _mit(_uper(MIT)),
    "FCN, MiT": lambda: _mit(_fcn(64, 3)),
}


def filled(
    shapes: dict[str, list[int]], positions: dict[str, torch.Tensor]
) -> dict[str, torch.Tensor]:
    """Numbers for every tensor; positions in windows are what they are."""
    return weights(shapes) | positions


def _headed(head: nn.Module, features: Any) -> torch.Tensor:
    """What the head answers; of a cascade the next is also given what the one before said."""
    if not isinstance(head, nn.ModuleList):
        answer: torch.Tensor = head(features)
        return answer
    rough, refining = head
    refined: torch.Tensor = refining(features, rough(features))
    return refined


def main() -> None:
    """Ask every original, and write down its answers."""
    sys.path.insert(0, sys.argv[1])
    sys.modules["mmcv._ext"] = MagicMock()
    importlib.import_module("mmcv").__version__ = "2.1.0"  # the lite one of 2.2 has the same layers
    shapes, positions, logits = {}, {}, {}
    for name, make in ORIGINALS.items():
        net = nn.ModuleDict(make()).eval()
        state = net.state_dict()
        shapes[name] = {key: list(t.shape) for key, t in state.items()}
        known = {key: t for key, t in state.items() if key.endswith("relative_position_index")}
        positions[name] = {key: t.tolist() for key, t in known.items()}
        net.load_state_dict(filled(shapes[name], known))
        sizes = ((SIDE, SIDE),) if "BEiT" in name else SIZES
        logits[name] = {}
        for h, w in sizes:
            with torch.inference_mode():
                features = net["backbone"](picture((h, w)))
                features = net["neck"](features) if "neck" in net else features
                logits[name][f"{h}x{w}"] = pixels(_headed(net["decode_head"], features))
    lines = [f"{json.dumps(name)}: {json.dumps(told)}" for name, told in logits.items()]
    text = f'{{"shapes": "{packed(shapes)}",\n"positions": "{packed(positions)}",\n'
    text += '"logits": {\n' + ",\n".join(lines) + "\n}}\n"
    MMSEG.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
