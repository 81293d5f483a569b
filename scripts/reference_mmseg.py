"""Write mmseg.json: what mmsegmentation's own code answers, as reference_logits.py does.

    python -m scripts.reference_mmseg FOLDER

FOLDER holds mmsegmentation 1.2 with mmengine and mmcv-lite, unpacked, with their own licenses; none
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


ORIGINALS = {"UPerNet, Swin": swin, "FCN, HRNet": hrnet, "UPerNet, BEiT": beit}


def filled(
    shapes: dict[str, list[int]], positions: dict[str, torch.Tensor]
) -> dict[str, torch.Tensor]:
    """Numbers for every tensor; positions in windows are what they are."""
    return weights(shapes) | positions


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
                logits[name][f"{h}x{w}"] = pixels(net["decode_head"](features))
    lines = [f"{json.dumps(name)}: {json.dumps(told)}" for name, told in logits.items()]
    text = f'{{"shapes": "{packed(shapes)}",\n"positions": "{packed(positions)}",\n'
    text += '"logits": {\n' + ",\n".join(lines) + "\n}}\n"
    MMSEG.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
