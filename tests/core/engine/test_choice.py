"""The fastest path of a network: measured, checked against the network, and passed over."""

import time
from dataclasses import replace
from types import SimpleNamespace

import pytest
import torch
from torch import nn

from core.engine import Engine
from core.engine.choice import PLAIN, FastPaths
from core.settings import Forwarding


class Slow(nn.Module):
    """Two classes: the first channel, and 0; a forward takes a while."""

    def __init__(self, seconds=0.02, shift=0.0):
        super().__init__()
        self.seconds, self.shift = seconds, shift

    def forward(self, x):
        time.sleep(self.seconds)
        return torch.cat([x[:, :1] + self.shift, torch.zeros_like(x[:, :1])], 1)


def breaks(module, example):
    raise ValueError("this operator is not known")


X = torch.linspace(-1, 1, 3 * 64 * 64).reshape(1, 3, 64, 64)
TENSOR = SimpleNamespace(tensor=X)


def network(**changes):
    """A stand-in with what the paths read of a network."""
    from core.architectures import Account, Network

    nothing = Account(matched=(), missing=(), unexpected=(), wrong_shape=())
    made = Network(Slow().eval(), "slow", 2, 3, None, nothing, "digest")
    return replace(made, **changes)


def searched(**paths):
    found = FastPaths(Engine(), lambda: paths)
    slow = network()
    thread = found.search(slow, TENSOR, Forwarding())
    assert thread is not None
    thread.join()
    return found, slow


def test_the_fastest_path_answers_in_place_of_the_network():
    quick = Slow(0.0)
    found, slow = searched(middling=lambda m, x: Slow(0.01), quick=lambda m, x: quick)
    fast = found.fastest(slow, TENSOR, Forwarding())

    assert fast.module is quick
    assert fast.checkpoint_digest != slow.checkpoint_digest  # so that nothing takes it for plain
    assert found.known(slow, TENSOR, Forwarding()).fastest.agreement == 1.0


class Counted(Slow):
    """Knows how often it ran."""

    runs = 0

    def forward(self, x):
        self.runs += 1
        return super().forward(x)


def test_the_two_that_lead_run_once_more_so_that_noise_does_not_decide():
    paths = [Counted(0.0), Counted(0.002), Counted(0.03)]
    made = {f"path {k}": lambda m, x, path=path: path for k, path in enumerate(paths)}
    searched(**made)
    first, second, last = (path.runs for path in paths)

    assert first == second > last


def test_until_it_is_known_the_network_itself_answers():
    slow = network()

    assert FastPaths(Engine(), dict).fastest(slow, TENSOR, Forwarding()) is slow


def test_a_path_that_says_something_else_is_passed_over():
    found, slow = searched(wrong=lambda m, x: Slow(0.0, shift=0.5))
    (plain, wrong) = found.known(slow, TENSOR, Forwarding()).paths

    assert plain.name == PLAIN
    assert wrong.agreement < 0.9
    assert "of the pixels have its class" in wrong.why
    assert found.fastest(slow, TENSOR, Forwarding()) is slow


def test_a_conversion_that_fails_is_passed_over_with_its_reason():
    found, slow = searched(broken=breaks)

    assert found.known(slow, TENSOR, Forwarding()).paths[1].why == "this operator is not known"
    assert found.fastest(slow, TENSOR, Forwarding()) is slow


def test_a_path_that_is_hardly_faster_is_not_worth_its_memory():
    found, slow = searched(same=lambda m, x: Slow(0.02))

    assert found.fastest(slow, TENSOR, Forwarding()) is slow


def test_a_network_is_searched_once():
    found, slow = searched(quick=lambda m, x: Slow(0.0))

    assert found.search(slow, TENSOR, Forwarding()) is None


def test_a_search_that_fails_is_not_begun_again_and_again():
    class Stops(Slow):
        def forward(self, x):
            raise ValueError("not this size")

    found, broken = FastPaths(Engine(), dict), network(module=Stops())
    found.search(broken, TENSOR, Forwarding()).join()

    assert found.search(broken, TENSOR, Forwarding()) is None
    assert found.fastest(broken, TENSOR, Forwarding()) is broken


@pytest.mark.parametrize(
    ("tensor", "how"),
    [
        (TENSOR, Forwarding(mode="train")),
        (TENSOR, Forwarding(head="aux")),
        (TENSOR, Forwarding(window=32)),
        (SimpleNamespace(tensor=X.half()), Forwarding()),
    ],
    ids=["training mode", "aux head", "windows", "half precision"],
)
def test_what_is_unusual_runs_on_the_network_itself(tensor, how):
    found, slow = searched(quick=lambda m, x: Slow(0.0))

    assert found.fastest(slow, tensor, how) is slow
    assert found.search(slow, tensor, how) is None
