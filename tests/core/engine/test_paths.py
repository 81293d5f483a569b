"""Faster copies of a network: they say the same, and the network itself stays as it is."""

import pytest
import torch
from torch import nn

from core.engine.paths import Compiled, MainHead, NotFasterError, folded, openvino
from core.operators import ForwardAbandoned, while_wanted
from core.preprocess import preprocess
from tests.support.cases import TRAINED, healthy


@pytest.fixture(scope="module")
def example():
    case = healthy()
    tensor = preprocess(case.image, TRAINED.preprocessing).tensor
    return case.network.module, tensor.contiguous(memory_format=torch.channels_last)


def numbers(module):
    return {name: tensor.clone() for name, tensor in module.state_dict().items()}


def test_a_folded_network_gives_the_same_logits(example):
    module, x = example
    before = numbers(module)
    with torch.inference_mode():
        fast, plain = folded(module, x)(x), MainHead(module)(x)

    assert torch.allclose(fast, plain, atol=1e-3)
    assert torch.equal(fast.argmax(1), plain.argmax(1))
    assert numbers(module).keys() == before.keys()
    assert all(torch.equal(tensor, before[name]) for name, tensor in numbers(module).items())


class Twice(nn.Module):
    """One convolution, called twice; only the first answer goes through the BatchNorm."""

    def __init__(self):
        super().__init__()
        self.convolution, self.norm = nn.Conv2d(3, 3, 1), nn.BatchNorm2d(3)

    def forward(self, x):
        return self.convolution(self.norm(self.convolution(x)))


@pytest.mark.parametrize(
    "module",
    [
        Twice(),
        nn.Sequential(nn.Conv2d(3, 3, 1), nn.ReLU(), nn.BatchNorm2d(3)),
        nn.Sequential(nn.Conv2d(3, 3, 1)),
    ],
    ids=["called twice", "not directly behind", "no BatchNorm"],
)
def test_what_cannot_be_folded_is_left_alone(module):
    with pytest.raises(NotFasterError):
        folded(module.eval(), torch.zeros(1, 3, 8, 8))


def test_openvino_gives_the_same_classes_and_tells_nobody(example):
    module, x = example
    with torch.inference_mode():
        fast, plain = openvino(module, x)(x), MainHead(module)(x)
    from openvino.tools.ovc import telemetry_utils

    assert torch.allclose(fast, plain, atol=1e-3)
    assert torch.equal(fast.argmax(1), plain.argmax(1))
    assert telemetry_utils.tm.__name__ == "openvino.tools.ovc.telemetry_stub"


class NeverDone:
    """A request of OpenVINO that takes for ever."""

    def __init__(self):
        self.ended = False

    def create_infer_request(self):
        return self

    def start_async(self, inputs):
        pass

    def wait_for(self, milliseconds):
        return False

    def cancel(self):
        self.ended = True

    def wait(self):
        assert self.ended


def test_a_compiled_forward_ends_where_nobody_waits_for_it():
    request = NeverDone()
    with pytest.raises(ForwardAbandoned), while_wanted(lambda: False):
        Compiled(request).forward(torch.zeros(1, 3, 8, 8))

    assert request.ended
