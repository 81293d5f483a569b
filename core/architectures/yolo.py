"""YOLO networks of Ultralytics that are not built, told apart by the task that their file names.

Semantic ones are built in `families/yolo` where their layers are known. Their code is under the
AGPL and is not used here.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from core.architectures.strangers import OBJECTS
from core.checkpoint import Checkpoint
from core.errors import ArchitectureError

OWNER = "ultralytics."
WAY_IN = (
    "It gives one class for each pixel. Export it where it was trained, and upload the .onnx; it "
    "runs where the host allows ONNX:"
)
EXPORT = "yolo export model={name} format=onnx"
TASKS: Mapping[str, tuple[str, str, bool]] = {  # task -> name with its article, way in, exports
    "semantic": ("a semantic YOLO network of Ultralytics (-sem)", WAY_IN, True),
    "segment": (
        "an instance YOLO network of Ultralytics (-seg): boxes, and a mask for each object",
        OBJECTS,
        False,
    ),
    "detect": ("a detection YOLO network of Ultralytics: boxes, and no masks", OBJECTS, False),
    "pose": ("a pose YOLO network of Ultralytics (-pose)", OBJECTS, False),
    "obb": ("a YOLO network of Ultralytics for turned boxes (-obb)", OBJECTS, False),
    "classify": (
        "a classification YOLO network of Ultralytics (-cls): one class for the whole picture",
        "Upload the checkpoint of a semantic network (-sem).",
        False,
    ),
}
CLASSES = {  # of its pickled modules
    "SegmentationModel": "segment",
    "DetectionModel": "detect",
    "PoseModel": "pose",
    "OBBModel": "obb",
    "ClassificationModel": "classify",
}


def yolo(checkpoint: Checkpoint) -> ArchitectureError | None:
    """The error that says which YOLO network this is; None where the file names no task.

    Args:
        checkpoint: its class and `train_args` tell the task.
    """
    task = _task(checkpoint)
    if task not in TASKS:
        return None
    kind, way_in, exports = TASKS[task]
    return ArchitectureError(
        f"These are the weights of {kind}, which is not rebuilt from its tensors here.",
        remedy=way_in,
        code=EXPORT.format(name=checkpoint.name) if exports else "",
    )


def _task(checkpoint: Checkpoint) -> str:
    """What the training was told, else what the class says, else the name that they give files."""
    if not checkpoint.kind.startswith(OWNER) and "train_args" not in checkpoint.metadata:
        return ""
    args: Any = checkpoint.metadata.get("train_args")
    told = str(args.get("task", "")) if isinstance(args, Mapping) else ""
    last = checkpoint.kind.rpartition(".")[2]
    named = CLASSES.get(last, "semantic" if "Semantic" in last else "")
    return told if told in TASKS else named
