"""Write realtime.json: what the real-time networks' own code answers, as reference_logits.py does.

    python -m scripts.reference_realtime FOLDER

FOLDER holds the public repositories, each in a folder of its own name, with their own license; none
of their code is kept here. Where a class takes a width, it is made narrow: the code is the same.
"""

from __future__ import annotations

import importlib
import json
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import torch
from torch import nn

from scripts.reference_logits import FACTS, importing, packed, picture, pixels, weights

REALTIME = FACTS.with_name("realtime.json")
CLASSES = 3
SIZES = ((64, 96), (128, 64))  # rows, columns; several of them take multiples of 32 only
MMSEG = "mmsegmentation"  # its folder holds the packages mmseg, mmengine and mmcv (mmcv-lite 2.1)


def hrnet_config() -> SimpleNamespace:
    """HRNet of four streams of 6, 12, ... channels, with two blocks a stream."""
    stages: dict[str, Any] = {
        f"STAGE{number}": {
            "NUM_MODULES": 2 if number == 3 else 1,
            "NUM_BRANCHES": number,
            "NUM_BLOCKS": [2] * number,
            "NUM_CHANNELS": [6 * 2**stream for stream in range(number)],
            "BLOCK": "BASIC",
            "FUSE_METHOD": "SUM",
        }
        for number in (2, 3, 4)
    }
    first = {"NUM_BLOCKS": [2], "NUM_CHANNELS": [8], "BLOCK": "BOTTLENECK", "NUM_MODULES": 1}
    ocr = SimpleNamespace(MID_CHANNELS=20, KEY_CHANNELS=10)
    extra = {"FINAL_CONV_KERNEL": 1, "STAGE1": first, **stages}
    model = SimpleNamespace(EXTRA=extra, ALIGN_CORNERS=True, OCR=ocr)
    return SimpleNamespace(MODEL=model, DATASET=SimpleNamespace(NUM_CLASSES=CLASSES))


class WithHead(nn.Module):
    """A backbone and a decode head of mmsegmentation, as its EncoderDecoder calls them."""

    def __init__(self, backbone: nn.Module, decode_head: nn.Module) -> None:
        super().__init__()
        self.backbone, self.decode_head = backbone, decode_head

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Float32[n c h w] to logits at the head's size."""
        logits: torch.Tensor = self.decode_head(self.backbone(x))
        return logits


def _pidnet(m: Any, blocks: int, branch_blocks: int) -> nn.Module:
    sizes = {"num_stem_blocks": blocks, "num_branch_blocks": branch_blocks}
    body = m.backbones.PIDNet(channels=8, ppm_channels=12, **sizes)
    return WithHead(body, m.decode_heads.PIDHead(in_channels=32, channels=16, num_classes=CLASSES))


def _ddrnet(m: Any) -> nn.Module:
    body = m.backbones.DDRNet(channels=8, ppm_channels=12)
    return WithHead(body, m.decode_heads.DDRHead(in_channels=32, channels=16, num_classes=CLASSES))


Made = tuple[str, str, Callable[[Any], nn.Module], Callable[[Any], torch.Tensor]]
FIRST: Callable[[Any], torch.Tensor] = lambda output: output[0]  # noqa: E731
WHOLE: Callable[[Any], torch.Tensor] = lambda output: output  # noqa: E731
# Repository, module, how the class is called, where the logits are in what it returns.
ORIGINALS: dict[str, Made] = {
    "pidnet s": (
        "PIDNet",
        "models.pidnet",
        lambda m: m.PIDNet(2, 3, CLASSES, 8, 12, 16, True),
        lambda output: output[0][1],
    ),
    "pidnet l": (
        "PIDNet",
        "models.pidnet",
        lambda m: m.PIDNet(3, 4, CLASSES, 8, 14, 16, False),
        FIRST,
    ),
    "ddrnet 23": (
        "DDRNet",
        "segmentation.DDRNet_23_slim",
        lambda m: m.DualResNet(m.BasicBlock, [2, 2, 2, 2], CLASSES, 8, 12, 16, True),
        FIRST,
    ),
    "ddrnet 39": (
        "DDRNet",
        "segmentation.DDRNet_39",
        lambda m: m.DualResNet(m.BasicBlock, [3, 4, 6, 3], CLASSES, 8, 12, 16, False),
        WHOLE,
    ),
    "bisenet v1": ("BiSeNet", "lib.models.bisenetv1", lambda m: m.BiSeNetV1(CLASSES), FIRST),
    "bisenet v2": ("BiSeNet", "lib.models.bisenetv2", lambda m: m.BiSeNetV2(CLASSES), FIRST),
    "stdc 1": (
        "STDC-Seg",
        "models.model_stages",
        lambda m: m.BiSeNet("STDCNet813", CLASSES),
        FIRST,
    ),
    "stdc 2, last convolution run": (
        "STDC-Seg",
        "models.model_stages",
        lambda m: m.BiSeNet("STDCNet1446", CLASSES, use_conv_last=True),
        FIRST,
    ),
    "fast-scnn": (
        "Fast-SCNN-pytorch",
        "models.fast_scnn",
        lambda m: m.FastSCNN(CLASSES),
        FIRST,
    ),
    "enet": ("PyTorch-ENet", "models.enet", lambda m: m.ENet(CLASSES), WHOLE),
    "enet, relu": ("PyTorch-ENet", "models.enet", lambda m: m.ENet(CLASSES, True, False), WHOLE),
    "erfnet": ("erfnet_pytorch", "train.erfnet", lambda m: m.Net(CLASSES), WHOLE),
    "hrnet": (
        "HRNet-Semantic-Segmentation",
        "lib.models.seg_hrnet",
        lambda m: m.HighResolutionNet(hrnet_config()),
        WHOLE,
    ),
    "hrnet-ocr": (
        "HRNet-Semantic-Segmentation",
        "lib.models.seg_hrnet_ocr",
        lambda m: m.HighResolutionNet(hrnet_config()),
        lambda output: output[1],
    ),
    "pidnet s, mmsegmentation": (MMSEG, "mmseg.models", lambda m: _pidnet(m, 2, 3), WHOLE),
    "pidnet l, mmsegmentation": (MMSEG, "mmseg.models", lambda m: _pidnet(m, 3, 4), WHOLE),
    "ddrnet 23, mmsegmentation": (MMSEG, "mmseg.models", _ddrnet, WHOLE),
    "twinlitenet": ("TwinLiteNet", "model.TwinLite", lambda m: m.TwinLiteNet(), FIRST),
    "espnetv2": (
        "EdgeNets",
        "model.segmentation.espnetv2",
        lambda m: m.ESPNetv2Segmentation(SimpleNamespace(s=0.5), CLASSES),
        WHOLE,
    ),
}


def original(folder: Path, name: str) -> nn.Module:
    """One of the networks, made by its own code."""
    repository, module, make, _ = ORIGINALS[name]
    with importing(folder / repository):
        if repository == MMSEG:  # operators in C++, which none of these networks calls
            sys.modules |= {name: _Absent(name) for name in ("mmcv.ops", "mmcv.ops.point_sample")}
        return make(importlib.import_module(module)).eval()


class _Absent(ModuleType):
    """A module whose every name is a class that does nothing."""

    __path__: tuple[str, ...] = ()

    def __getattr__(self, name: str) -> type:
        if name.startswith("__"):
            raise AttributeError(name)
        return type(name, (), {})


def tame(shapes: Mapping[str, list[int]]) -> dict[str, torch.Tensor]:
    """Numbers for every tensor, the same for tensors that are one in the network."""
    made = weights(shapes)
    for key in made:
        if key.endswith((".2.weight", ".5.weight", "activation.weight", "prelu.weight")):
            made[key] = torch.full_like(made[key], 0.25) if made[key].numel() == 1 else made[key]
        if key.endswith("gamma"):  # of attention, which is 0 in a fresh network
            made[key] = torch.full_like(made[key], 0.5)
        for name in ("x2", "x4", "x8", "x16", "x32"):  # STDC names its layers twice
            if f".{name}.0." in key:
                made[key] = made[key.replace(f".{name}.0.", ".features.")]
    return made


def main() -> None:
    """Ask every original, and write down its answers."""
    folder, shapes, logits = Path(sys.argv[1]), {}, {}
    for name, (_, _, _, where) in ORIGINALS.items():
        net = original(folder, name)
        shapes[name] = {key: list(t.shape) for key, t in net.state_dict().items()}
        net.load_state_dict(tame(shapes[name]))
        with torch.inference_mode():
            logits[name] = {f"{h}x{w}": pixels(where(net(picture((h, w))))) for h, w in SIZES}
    lines = [f"{json.dumps(name)}: {json.dumps(told)}" for name, told in logits.items()]
    text = f'{{"shapes": "{packed(shapes)}",\n"logits": {{\n' + ",\n".join(lines) + "\n}}\n"
    REALTIME.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
