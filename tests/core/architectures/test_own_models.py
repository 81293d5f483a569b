"""The network of docs/own-models.md, exported as that page says, is diagnosed to the end."""

import re
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from core.architectures import build_network
from core.checkpoint import read_checkpoint
from core.colors import encode_png
from core.diagnosis import Case, diagnose
from core.image import decode_image
from core.presets import PRESETS
from core.settings import Settings, change
from tests.support.cases import causes

PAGE = Path(__file__).resolve().parents[3] / "docs" / "own-models.md"
TRAINED = "symmetric"
SIZE = (400, 416)  # h, w: larger than the crop that other networks are given


def blocks():
    """The indented lines of code on the page, one text a block."""
    found = re.findall(r"(?:^    .*\n(?:\n+(?=    ))?)+", PAGE.read_text(), re.M)
    return [re.sub(r"^    ", "", block, flags=re.M) for block in found]


def street(seed, size):
    """A road through fields below the sky: UInt8[h w 3] and its Int64[h w]."""
    rng = np.random.default_rng(seed)
    rows, columns = np.mgrid[: size[0], : size[1]] / np.array(size)[:, None, None]
    horizon, middle = rng.uniform(0.3, 0.45), rng.uniform(0.35, 0.65)
    road = abs(columns - middle) < 0.05 + 0.5 * (rows - horizon)
    ids = np.where(rows < horizon, 2, road.astype(np.int64))
    colors = np.array([[70, 120, 50], [110, 105, 105], [150, 185, 225]]) + rng.normal(0, 12, (3, 3))
    coarse = rng.normal(0, 14, (size[0] // 8 + 1, size[1] // 8 + 1)).repeat(8, 0).repeat(8, 1)
    pixels = colors[ids] * rng.uniform(0.75, 1.15) + coarse[: size[0], : size[1], None]
    return (pixels + rng.normal(0, 6, pixels.shape)).clip(0, 255).astype(np.uint8), ids


@pytest.fixture(scope="module")
def exported(tmp_path_factory):
    """The page's class, trained on streets of -1 to 1, and the page's lines for its export."""
    named = {}
    exec(next(block for block in blocks() if "class Roads" in block), named)
    torch.manual_seed(0)
    model, pictures = named["Roads"](classes=3), [street(seed, (48, 64)) for seed in range(32)]
    x = torch.from_numpy(np.stack([pixels for pixels, _ in pictures])).permute(0, 3, 1, 2)
    x, y = x / 127.5 - 1, torch.from_numpy(np.stack([ids for _, ids in pictures]))
    optimizer = torch.optim.Adam(model.parameters(), 1e-2)
    for _ in range(150):
        some = torch.randint(0, len(x), (6,))
        loss = nn.functional.cross_entropy(model(x[some]), y[some])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    path = tmp_path_factory.mktemp("roads") / "model.pt2"
    lines = next(block for block in blocks() if "torch.export.save" in block)
    lines = lines.replace("512, 512", f"{SIZE[0]}, {SIZE[1]}").replace("model.pt2", str(path))
    exec(lines, {"torch": torch, "model": model})
    checkpoint = read_checkpoint(path, name="model.pt2", digest="roads")
    return Case(
        decode_image(encode_png(street(1000, (300, 420))[0])), checkpoint, build_network(checkpoint)
    )


def told(case, preset, **changes):
    settings = change(Settings(), **PRESETS[preset].changes, **changes)
    return diagnose(Case(case.image, case.checkpoint, case.network, settings))


AT_SIZE = {"resize": "fixed", "height": SIZE[0], "width": SIZE[1]}


@pytest.mark.parametrize("preset", ["unit", "bytes"])
def test_a_wrong_convention_is_named_by_the_one_of_its_training(exported, preset):
    answered = told(exported, preset, **AT_SIZE)

    assert causes(answered)[0] == "P1"
    assert answered.recovered.family == TRAINED
    assert answered.failed == ()


def test_fed_as_in_training_it_has_no_fault(exported):
    assert causes(told(exported, TRAINED, **AT_SIZE)) == []


def test_a_picture_of_another_size_is_diagnosed_at_the_size_of_the_program(exported):
    answered = told(exported, "unit")

    assert set(causes(answered)) == {"S1", "P1"}
    assert answered.recovered.family == TRAINED
    assert answered.failed == ()
