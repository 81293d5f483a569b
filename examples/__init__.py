"""The built-in example: a small DeepLabV3 trained on rendered desks, and scenes it never saw."""

import json
from pathlib import Path

FOLDER = Path(__file__).resolve().parent
CHECKPOINT = FOLDER / "deeplabv3_desk.pth"
SCENES = tuple(sorted(FOLDER.glob("scenes/scene_??.png")))
CLASS_NAMES: tuple[str, ...] = tuple(json.loads((FOLDER / "classes.json").read_text()))
TRAINED_WITH = "imagenet"  # name of the preset in core/presets.py


def mask_of(scene: Path) -> Path:
    """Where the ground truth of a scene is: an 8-bit PNG of class ids."""
    return scene.with_name(f"{scene.stem}_mask.png")
