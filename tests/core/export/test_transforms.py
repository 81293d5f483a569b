"""The training-side transforms feed a network what the dashboard feeds it, but for rounding."""

from __future__ import annotations

import ast
import io

import numpy as np
import pytest
import torch
from PIL import Image as PillowImage
from torchvision import tv_tensors

import examples
from core.export.transforms import albumentations_transform, torchvision_transform
from core.image import decode_image
from core.preprocess import preprocess
from core.presets import PRESETS, apply_preset
from core.settings import Settings, change

SHAPED = (
    {"resize": "fixed", "height": 40, "width": 70},
    {"resize": "shorter", "side": 40, "interpolation": "bicubic"},
    {"resize": "longer", "side": 48, "interpolation": "nearest"},
    {"resize": "multiple", "multiple": 32, "mean": (0.4, 0.5, 0.6)},
    {"resize": "multiple", "multiple": 32, "zscore": True, "color": "bgr"},
    {"resize": "letterbox", "height": 50, "width": 40, "pad_color": 128, "mean": (0.4, 0.5, 0.6)},
    {"resize": "letterbox", "height": 33, "width": 80, "zscore": True, "orientation": "270"},
    {"orientation": "90", "resize": "fixed", "height": 40, "width": 70},
    {"orientation": "transversed", "color": "gray"},
    {"orientation": "mirrored", "resize": "multiple", "multiple": 32},
    {"scale": "max", "std": (0.2, 0.3, 0.4), "divide_again": 2.0},
    {"color": "gray", "mean": (0.5, 0.0, 0.0)},
)
CHOSEN = [apply_preset(Settings(), name) for name in PRESETS]
CHOSEN += [change(Settings(), **changes) for changes in SHAPED]


def picture() -> bytes:
    file = io.BytesIO()
    PillowImage.open(examples.SCENES[0]).resize((90, 60)).save(file, "PNG")
    return file.getvalue()


@pytest.mark.parametrize("settings", CHOSEN, ids=range(len(CHOSEN)))
def test_torchvisions_transform_gives_the_dashboards_tensor(settings):
    image = decode_image(picture())
    wanted = preprocess(image, settings.preprocessing).tensor[0]
    names: dict = {}
    exec(torchvision_transform(settings.preprocessing), names)
    mask = tv_tensors.Mask(torch.arange(60 * 90).reshape(60, 90) % 5)
    x, ids = names["transform"](PillowImage.fromarray(image.pixels), mask)

    level = settings.preprocessing.color == "gray"  # Pillow rounds its luma otherwise
    unit = 1 / (255 if settings.preprocessing.scale == "255" else 1)
    assert x.shape == wanted.shape
    assert x.dtype == torch.float32
    assert torch.allclose(x, wanted, rtol=1e-4, atol=1.01 * unit if level else 2e-4)
    assert ids.shape[-2:] == wanted.shape[-2:]
    assert set(np.unique(ids)) <= set(range(5))


@pytest.mark.parametrize("settings", CHOSEN, ids=range(len(CHOSEN)))
def test_albumentations_transform_is_python_that_ends_with_a_tensor(settings):
    source = albumentations_transform(settings.preprocessing)
    tree = ast.parse(source)

    assert isinstance(tree.body[-1], ast.Assign)
    assert source.rstrip().endswith("ToTensorV2(),\n    ]\n)")
    assert max(map(len, source.splitlines())) <= 100
