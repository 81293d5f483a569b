"""The walk-through of docs/own-models.md: its own lines add a family, and it answers rightly."""

from __future__ import annotations

import pytest
import torch

from core.architectures import build_network
from core.architectures.recognize import FAMILIES
from core.errors import ArchitectureError
from scripts.reference_logits import picture, pixels, weights
from tests.core.architectures.test_families import checkpoint_of
from tests.core.architectures.test_own_models import blocks


def block(mark):
    (found,) = [text for text in blocks() if mark in text]
    return found


class Module:
    """A family as the page writes it."""

    def __init__(self, source):
        exec(compile(source, "lane_net.py", "exec"), self.__dict__)


@pytest.fixture(scope="module")
def original():
    """What the page's third block does with the original, by name."""
    names = {}
    exec(block("# the original"), names)
    with torch.inference_mode():
        exec(block("commit these"), names)
    return names


@pytest.fixture
def with_the_row(monkeypatch):
    (name, _) = block('"lane net"').strip().rstrip(",").split(": ")
    lane_net = Module(block("lane_net.py"))
    monkeypatch.setitem(FAMILIES, name.strip('"'), lane_net)
    return lane_net


def test_the_family_of_the_page_is_recognized_and_answers_as_the_original(original, with_the_row):
    network = build_network(checkpoint_of(weights(original["shapes"])))
    with torch.inference_mode():
        found = pixels(network.module(picture((64, 96))))

    assert network.architecture == "LaneNet" and network.num_classes == 3
    assert not network.account.missing + network.account.unexpected
    assert torch.allclose(torch.tensor(found), torch.tensor(original["told"]), atol=1e-4)
    assert network.source.lines == ("network = LaneNet(n_class=3)",)


def test_without_the_row_nothing_is_known_and_a_missing_tensor_is_named(original, monkeypatch):
    state = weights(original["shapes"])
    with pytest.raises(ArchitectureError, match="No network is known"):
        build_network(checkpoint_of(state))

    monkeypatch.setitem(FAMILIES, "lane net", Module(block("lane_net.py")))
    del state["coarse.0.weight"]
    with pytest.raises(ArchitectureError, match=r"coarse\.0\.weight"):
        build_network(checkpoint_of(state))


def test_the_module_of_the_page_has_about_forty_lines():
    lines = [line for line in block("lane_net.py").splitlines() if line.strip()]

    assert len(lines) <= 45
