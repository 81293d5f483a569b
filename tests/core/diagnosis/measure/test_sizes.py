"""Which sizes a network takes; whatever is made smaller, cut out or made up has one of them."""

from dataclasses import replace

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import nn
from torch.export import Dim

from core.architectures import Account, Network, build_network
from core.architectures.sizes import ANY, Dimension, Sizes, only
from core.checkpoint import read_checkpoint
from core.colors import encode_png
from core.diagnosis import Case, diagnose
from core.diagnosis.measure.measurements import measure
from core.diagnosis.measure.reference_picture import reference_picture
from core.diagnosis.measure.sizes import middle
from core.diagnosis.normalization.agreement import reduced
from core.image import decode_image
from core.settings import Settings, change

NOTHING = Account(matched=(), missing=(), unexpected=(), wrong_shape=())
SIXTEENS = Sizes(*(Dimension(64, 32, 512, 16),) * 2)


class Steps(nn.Module):
    """Skips without padding: sides have to divide by 2 as often as it goes down."""

    def __init__(self, depth):
        super().__init__()
        self.depth = depth
        self.stem = nn.Sequential(nn.Conv2d(3, 8, 3, padding=1), nn.BatchNorm2d(8), nn.ReLU())
        self.head = nn.Conv2d(8, 3, 1)

    def forward(self, x):
        y = x = self.stem(x)
        for _ in range(self.depth):
            y = F.max_pool2d(y, 2)
        y = F.interpolate(y, scale_factor=2.0**self.depth) if self.depth else y
        return self.head(x + y)


def picture(height, width):
    pixels = np.random.default_rng(0).integers(0, 256, (height // 8, width // 8, 3), np.uint8)
    return decode_image(encode_png(pixels.repeat(8, axis=0).repeat(8, axis=1)))


def network_of(module, sizes=None):
    return Network(module.eval(), "steps", 3, 3, None, NOTHING, f"{module}", sizes=sizes)


def measured_of(network, size=(400, 656), **settings):
    return measure(Case(picture(*size), None, network, change(Settings(), **settings)))


def exported(tmp_path, size, dynamic=None, depth=4):
    torch.manual_seed(0)
    module = Steps(depth).train()
    module(torch.rand(2, 3, *size))
    options = {"dynamic_shapes": (dynamic,)} if dynamic else {}
    program = torch.export.export(module.eval(), (torch.zeros(1, 3, *size),), **options)
    torch.export.save(program, tmp_path / "model.pt2")
    return build_network(read_checkpoint(tmp_path / "model.pt2", name="model.pt2", digest="d"))


@pytest.mark.parametrize(
    ("sizes", "asked", "near", "inside"),
    [
        (Sizes(), (101, 57), (101, 57), (101, 57)),
        (SIXTEENS, (250, 410), (256, 416), (240, 400)),
        (SIXTEENS, (8, 1000), (32, 512), (32, 512)),
        (only(512, 640), (100, 900), (512, 640), (512, 640)),
        (Sizes(*(Dimension(64, 32, None, 32, "s"),) * 2), (100, 160), (128, 128), (96, 96)),
    ],
)
def test_a_size_is_rounded_to_the_nearest_that_is_taken_and_a_crop_to_one_inside(
    sizes, asked, near, inside
):
    assert sizes.nearest(*asked) == near
    assert sizes.at_most(*asked) == inside
    assert sizes.take(*near)


@pytest.mark.parametrize(("depth", "steps"), [(0, 1), (3, 32), (5, 32)])
def test_multiples_are_found_by_two_small_trials_at_most(depth, steps):
    measured = measured_of(network_of(Steps(depth)))

    assert measured.sizes.height.step == steps
    assert measured.forwards.spent < 0.2
    before = measured.forwards.spent
    assert measured.sizes.width.step == steps
    assert measured.forwards.spent == before


def test_where_no_trial_succeeds_only_what_is_fed_is_left():
    assert measured_of(network_of(Steps(6)), (448, 640)).sizes == only(448, 640)


def test_a_graph_tells_its_sizes_without_a_trial(tmp_path):
    fixed = exported(tmp_path, (96, 128)).sizes
    sixteens = {2: 16 * Dim("h", min=2, max=32), 3: 16 * Dim("w", min=2, max=32)}
    dynamic = exported(tmp_path, (96, 128), sixteens).sizes

    assert fixed.is_one
    assert fixed.nearest(1, 1) == (96, 128)
    assert dynamic.nearest(250, 410) == (256, 416)


def test_multiples_that_a_graph_does_not_tell_are_found_without_computing_a_number(tmp_path):
    network = exported(tmp_path, (96, 128), {2: Dim.AUTO, 3: Dim.AUTO})
    measured = measured_of(network)

    assert network.sizes.height.step == 1
    assert measured.sizes.nearest(250, 410) == (256, 416)
    assert measured.forwards.spent == 0


@pytest.mark.parametrize("depth", [0, 4])
def test_what_is_only_compared_is_reduced_to_a_size_that_is_taken(depth):
    measured = measured_of(network_of(Steps(depth)), (800, 1296), resize="multiple", multiple=16)
    small = measured.under(reduced(measured)).input.tensor

    assert small.shape[2] == 256
    assert measured.sizes.take(*small.shape[2:])


def test_a_program_of_fixed_size_is_never_reduced_and_its_crop_is_the_whole(tmp_path):
    network = exported(tmp_path, (416, 640))
    measured = measured_of(network, resize="fixed", height=416, width=640)
    whole = measured.tensor.tensor

    assert reduced(measured) == {}
    assert middle(whole, measured.sizes).shape == whole.shape
    assert len(measured.batchnorm.input_kl_by_layer({})) == 1
    assert measured.batchnorm.reference_kl([{}]) > 0


def test_a_crop_is_cut_from_the_middle():
    x = torch.arange(500.0).expand(1, 3, 400, 500)

    assert middle(x).shape[2:] == (384, 384)
    assert middle(x)[0, 0, 0, 0] == 58
    assert middle(x, Sizes(ANY, Dimension(64, 100, None, 100))).shape[2:] == (384, 300)


def test_the_reference_picture_has_the_spread_of_photographs_at_every_size():
    first, second = reference_picture(), reference_picture(96, 160)

    assert first.pixels.shape == (256, 256, 3)
    assert second.pixels.shape == (96, 160, 3)
    assert first.pixels.std() == pytest.approx(second.pixels.std(), rel=0.1)
    assert first.digest != second.digest


def test_no_check_of_a_diagnosis_meets_a_size_that_is_not_taken(tmp_path, monkeypatch):
    network = exported(tmp_path, (96, 128))
    refused = []
    asked = type(network.module).forward

    def forward(self, x, *rest):
        if tuple(x.shape[2:]) != (96, 128):
            refused.append(tuple(x.shape))
        return asked(self, x, *rest)

    monkeypatch.setattr(type(network.module), "forward", forward)
    settings = change(Settings(), resize="fixed", height=96, width=128)
    diagnose(replace(Case(picture(200, 304), None, network), settings=settings))

    assert refused == []
