"""Where picture, checkpoint and ground truth of a tab come from, as short texts.

A source is a short text that the address bar can carry:

    example:scene_01         a picture of the example, and its ground truth
    example                  the example's checkpoint
    torchvision:fcn_resnet50 torchvision's own weights
    folder:runs/best.pth     a file below the folder that the host allows (MASKSCOPE_CHECKPOINTS)
    <64 hexadecimal digits>  an upload, by its SHA-256
"""

from __future__ import annotations

from dataclasses import dataclass

import examples
from core.store import Run

WEIGHTS = (
    *(".pth", ".pt", ".ckpt", ".tar", ".pkl", ".bin", ".pt2", ".safetensors", ".onnx", ".zip"),
    *(".gz", ".tgz", ".bz2", ".xz", ".zst"),
)
# Uploaded together with weights: config.json, preprocessor_config.json; and the files of a folder
# of torch.distributed.checkpoint, which are weights only together.
BESIDE = (".json", ".distcp", ".metadata")

# core.architectures.pretrained_names(), written out so that the page need not load torch for it.
TORCHVISION_NAMES = (
    "deeplabv3_mobilenet_v3_large",
    "deeplabv3_resnet50",
    "deeplabv3_resnet101",
    "fcn_resnet50",
    "fcn_resnet101",
    "lraspp_mobilenet_v3_large",
)


@dataclass(frozen=True)
class Sources:
    """What is open: picture, checkpoint and ground truth ("" for none)."""

    picture: str = f"example:{examples.SCENES[0].stem}"
    checkpoint: str = "example"
    truth: str = f"example:{examples.SCENES[0].stem}"
    part: str = ""  # path of the weights inside the file, where not the first are taken: "ema"
    choices: str = ""  # what keys cannot tell, as a query: "output+stride=8"
    saved: str = ""  # the picture that the user's own script wrote


def sources_of(run: Run) -> Sources:
    """What a run has open; no checkpoint where it came without its weights."""
    snapshot = run.snapshot
    if snapshot.kind == "settings":
        return Sources()
    found = {role: kept.digest for role, kept in run.files.items()}
    return Sources(
        picture=found.get("picture", ""),
        checkpoint=snapshot.pretrained or found.get("checkpoint", ""),
        truth=found.get("truth", ""),
        part=snapshot.part,
        choices=snapshot.choices,
        saved=found.get("saved", ""),
    )
