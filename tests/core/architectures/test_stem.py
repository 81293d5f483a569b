"""The first convolution of a program and its BatchNorm: found by what feeds what, not by order."""

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from core.architectures import build_network
from core.checkpoint import read_checkpoint
from core.diagnosis.normalization.memory import read_memory

MEAN, STD = (-0.4, 0.3, 0.1), 0.8  # of the input that the network was trained on


class Plain(nn.Module):
    """Convolution, BatchNorm; heads before and after them in the file's order."""

    def __init__(self, bias=True, groups=1):
        super().__init__()
        self.a_head = nn.Conv2d(16, 4, 1)
        self.stem = nn.Conv2d(3, 16, 3, padding=1, bias=bias, groups=groups)
        self.norm = nn.BatchNorm2d(16)

    def forward(self, x):
        return self.a_head(self.first(x).relu())

    def first(self, x):
        return self.norm(self.stem(x))


class Padded(Plain):
    def first(self, x):
        return self.norm(self.stem(F.pad(x, (1, 1, 1, 1))).contiguous())[..., 1:-1, 1:-1]


class TwoBranches(Plain):
    """The first convolution has no BatchNorm, the second has one."""

    def __init__(self):
        super().__init__()
        self.detail = nn.Conv2d(3, 16, 1)

    def first(self, x):
        return self.detail(x) + self.norm(self.stem(x))


class NormalizesItself(Plain):
    def first(self, x):
        return self.norm(self.stem(x / 255 - 0.5))


class NormalizesInPlace(Plain):
    def first(self, x):
        x = x.clone()
        x.sub_(0.5).div_(0.2)
        return self.norm(self.stem(x))


class ActivatesBefore(Plain):
    def first(self, x):
        return self.norm(self.stem(x).relu())


class ActivatesInPlace(Plain):
    def first(self, x):
        y = self.stem(x)
        y.relu_()
        return self.norm(y)


def lived(model):
    """With the BatchNorm statistics of smooth pictures of this mean and spread."""
    torch.manual_seed(0)
    coarse = torch.randn(8, 1, 6, 6) + 0.2 * torch.randn(8, 3, 6, 6)
    x = F.interpolate(coarse, size=(48, 48), mode="bicubic")
    x = (x - x.mean()) / x.std() * STD + torch.tensor(MEAN)[None, :, None, None]
    model.norm.momentum = None  # the plain average
    model.train()(x)
    return model.eval()


def network_of(model, tmp_path, decomposed=False):
    program = torch.export.export(lived(model), (torch.zeros(1, 3, 40, 48),))
    if decomposed:
        program = program.run_decompositions()
    torch.export.save(program, tmp_path / "model.pt2")
    return build_network(read_checkpoint(tmp_path / "model.pt2", name="model.pt2", digest="d"))


@pytest.mark.parametrize("decomposed", [False, True], ids=["as exported", "decomposed"])
@pytest.mark.parametrize("model", [Plain, Padded, TwoBranches, lambda: Plain(bias=False)])
def test_the_pair_is_found_in_the_graph_and_remembers_the_training(model, decomposed, tmp_path):
    network = network_of(model(), tmp_path, decomposed)
    known = read_memory(network.stem)

    assert network.stem.name == "stem.weight"
    assert known.mean == pytest.approx(MEAN, abs=0.08)
    assert known.std == pytest.approx(STD, rel=0.25)


@pytest.mark.parametrize(
    "model", [NormalizesItself, NormalizesInPlace, ActivatesBefore, ActivatesInPlace]
)
def test_no_pair_is_found_where_something_lies_before_or_between(model, tmp_path):
    assert network_of(model(), tmp_path).stem is None
