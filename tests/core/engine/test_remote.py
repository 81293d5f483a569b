"""Forwards on a cluster, as far as they need none: what is said where it cannot be reached."""

from __future__ import annotations

import pickle
import socket
from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import nn

from core.engine import Engine, in_this_thread
from core.engine.remote import Remote, of_host
from core.engine.worker import Holder, on_device
from core.errors import ChannelMismatchError, ForwardError
from core.image import decode_image
from core.inference import forward
from core.inspection import run_stages
from core.preprocess import preprocess
from core.settings import Forwarding, Preprocessing, Settings
from examples import SCENES
from tests.support.sweeps import tiny_network

SIZE = (24, 32)


@pytest.fixture(scope="module")
def image():
    return decode_image(SCENES[0].read_bytes())


@pytest.fixture(scope="module")
def fed(image):
    height, width = SIZE
    how = Preprocessing(resize="fixed", height=height, width=width)
    return preprocess(image, how)


def nobody() -> str:
    """An address where nobody listens."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return f"ray://127.0.0.1:{free.getsockname()[1]}"


def test_only_an_address_of_ray_client_takes_the_dashboards_forwards():
    assert of_host({}) is None
    assert of_host({"RAY_ADDRESS": "10.0.0.5:6379"}) is None
    assert of_host({"RAY_ADDRESS": "ray://10.0.0.5:10001"}).address == "ray://10.0.0.5:10001"


def test_a_cluster_that_nobody_answers_for_is_told_and_the_forward_is_computed_here(image):
    place = Remote(nobody())
    place.connected(60.0)
    here = run_stages(image, tiny_network(), Settings(), forward=in_this_thread)
    made = run_stages(
        image, tiny_network(), Settings(), forward=Engine(place=lambda: place).runner()
    )

    assert np.array_equal(made.logits.values, here.logits.values)
    assert here.logits.notes == ()
    assert made.logits.notes == (
        f"Computed on this machine: {place.address} cannot be used (Connection refused)",
    )
    assert "cannot be used: Connection refused" in place.in_words


def test_a_holder_takes_each_network_once_and_returns_what_stops_it(fed, monkeypatch):
    import ray

    asked = []
    monkeypatch.setattr(ray, "get", lambda where: asked.append(where) or tiny_network())
    holder = Holder()
    answers = [holder.forward(k, ["tiny", "ref"], fed, Forwarding(), SIZE) for k in range(2)]
    other = holder.forward(2, ["tiny", "ref"], fed, Forwarding(head="aux"), SIZE)

    assert asked == ["ref"]
    assert np.array_equal(answers[0].values, answers[1].values)
    assert isinstance(other, ForwardError)


class TwoHeads(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.norm = nn.BatchNorm2d(3)

    def forward(self, x: torch.Tensor) -> dict[str, torch.Tensor]:
        return {"out": self.norm(x), "aux": -self.norm(x)}


@pytest.mark.parametrize("how", [Forwarding(), Forwarding(head="aux"), Forwarding(mode="train")])
def test_a_network_that_was_moved_says_the_same(fed, how):
    network = replace(tiny_network(), module=TwoHeads().eval(), aux_classes=3)
    moved = on_device(network, torch.device("cpu"), how.head)

    assert moved.module is not network.module
    plain, there = (forward(each, fed, how, size=SIZE).values for each in (network, moved))
    assert np.array_equal(plain, there)


def test_errors_travel_with_all_that_they_say():
    error = ChannelMismatchError(expected=1, got=3)
    again = pickle.loads(pickle.dumps(error))

    assert type(again) is ChannelMismatchError
    assert (again.message, again.remedy, again.changes, str(again)) == (
        error.message,
        error.remedy,
        {"color": "gray"},
        str(error),
    )
