"""A forward that is too large is refused before it takes the memory, with the size that fits."""

import time

import numpy as np
import pytest
import torch
from torch import nn

from core import cost, inspection
from core.architectures.sizes import only
from core.cost import Cost, measure, memory_limit, time_limit
from core.engine import in_this_thread
from core.errors import ForwardError, SettingsError
from core.image import decode_image
from core.inspection import run_stages
from core.operators import ForwardTooLongError, check_wanted, within
from core.settings import Forwarding, Settings, change
from tests.conftest import png
from tests.core.test_inference import Wrapped, network_of


@pytest.fixture(autouse=True)
def afresh():
    cost.forget()
    yield
    cost.forget()


class Attention(nn.Module):
    """Every eighth pixel looks at every other one, as in a transformer."""

    def forward(self, x):
        small = x[:, :2, ::8, ::8].flatten(2)
        return (small.transpose(1, 2) @ small).mean(-1).view(1, 1, x.shape[2] // 8, -1)


class Sleeper(nn.Module):
    """Layers that take 20 ms each, whatever they are given."""

    def __init__(self, layers=50):
        super().__init__()
        self.layers = nn.Sequential(*(Nap() for _ in range(layers)))

    def forward(self, x):
        return self.layers(x)[:, :2]


class Nap(nn.Module):
    def forward(self, x):
        time.sleep(0.02)
        return x


def large(monkeypatch, gib=1.0, seconds=60.0):
    """A host with little memory, where every size is looked at."""
    monkeypatch.setattr(cost, "FREE_PIXELS", 0)
    monkeypatch.setenv("MASKSCOPE_FORWARD_GB", str(gib * 2**30 / 1e9))
    monkeypatch.setenv("MASKSCOPE_FORWARD_SECONDS", str(seconds))


def stages(network, **changes):
    picture = decode_image(png(np.zeros((256, 512, 3))))
    return run_stages(picture, network, change(Settings(), **changes), forward=in_this_thread)


def test_what_layers_hold_at_the_same_time_is_measured_by_the_pixel():
    found = measure(network_of(Wrapped(classes=8), classes=8), Forwarding())

    assert found.by_pair == 0
    assert 8 * 4 <= found.by_pixel <= 2 * (3 + 8) * 4  # float32: the 8 channels, and a copied input


def test_attention_is_seen_to_grow_with_pairs_of_pixels():
    found = measure(network_of(Attention(), classes=1), Forwarding())

    assert found.by_pair == pytest.approx(4 / 64**2, rel=0.2)


def test_what_takes_one_size_only_is_not_measured():
    network = network_of(Wrapped())
    object.__setattr__(network, "sizes", only(64, 64))

    assert measure(network, Forwarding()) is None


def test_an_input_that_takes_too_much_memory_is_refused_with_the_largest_size_that_fits(
    monkeypatch,
):
    network, ran = network_of(Wrapped()), []
    large(monkeypatch, gib=0.004)
    monkeypatch.setattr(inspection.remote, "forward", lambda *_, **__: ran.append(1))
    with pytest.raises(ForwardError, match="512 x 256 pixels would take about") as caught:
        stages(network)
    advised = caught.value.changes

    assert not ran
    assert advised["resize"] == "fixed"
    assert advised["width"] < 512
    assert abs(advised["width"] - 2 * advised["height"]) <= cost.STEP
    assert f"{advised['width']} x {advised['height']} fits." in caught.value.message
    assert f"{advised['width']} x {advised['height']}" in caught.value.remedy


def test_the_size_that_is_advised_is_taken(monkeypatch):
    network = network_of(Wrapped())
    large(monkeypatch, gib=0.004)
    with pytest.raises(ForwardError) as caught:
        stages(network)

    assert stages(network, **caught.value.changes).logits.values.shape == (2, 256, 512)


def test_windows_are_fed_one_at_a_time_so_that_a_large_input_may_fit(monkeypatch):
    network = network_of(Wrapped(lambda x: x.repeat(1, 40, 1, 1)[:, :2]))
    large(monkeypatch, gib=0.02)
    with pytest.raises(ForwardError):
        stages(network)

    assert stages(network, window=64, overlap=0).logits.views == 32


@pytest.mark.parametrize("found", [Cost(1.0, 0.0, 0.0), None])
def test_a_network_is_measured_once_also_where_that_tells_nothing(monkeypatch, found):
    network, measured = network_of(Wrapped()), []
    large(monkeypatch)
    monkeypatch.setattr(cost, "measure", lambda *_: measured.append(1) or found)
    for _ in range(2):
        stages(network)

    assert measured == [1]


def test_a_letterbox_stays_one(monkeypatch):
    large(monkeypatch, gib=0.004)
    with pytest.raises(ForwardError) as caught:
        stages(network_of(Wrapped()), resize="letterbox", height=512, width=512)

    assert caught.value.changes["resize"] == "letterbox"


def test_what_would_take_far_too_long_is_not_begun(monkeypatch):
    large(monkeypatch, seconds=1)
    monkeypatch.setattr(cost, "measure", lambda *_: Cost(1.0, 0.0, 1e-4))
    with pytest.raises(ForwardError, match="would take about 13 s; 1 s are allowed") as caught:
        stages(network_of(Wrapped()))

    assert caught.value.changes["height"] * caught.value.changes["width"] <= 1e4


def test_a_forward_that_takes_too_long_ends_between_layers_with_a_size_that_is_faster(monkeypatch):
    monkeypatch.setenv("MASKSCOPE_FORWARD_SECONDS", "0.2")
    monkeypatch.setattr(cost, "measure", lambda *_: None)
    began = time.monotonic()
    with pytest.raises(ForwardTooLongError, match=r"was ended after 0\.2 s") as caught:
        stages(network_of(Sleeper()))

    assert time.monotonic() - began < 0.8  # all layers take 1 s
    assert caught.value.changes == {"resize": "fixed", "height": 128, "width": 256}


def test_the_time_of_one_forward_is_not_that_of_the_next():
    with within(0):
        time.sleep(0.001)
        with pytest.raises(ForwardTooLongError):
            check_wanted()

    check_wanted()


def test_small_inputs_are_not_measured(monkeypatch):
    monkeypatch.setattr(cost, "measure", lambda *_: pytest.fail("it was measured"))

    assert stages(network_of(Wrapped())).logits.views == 1


def test_a_network_that_runs_out_of_memory_is_told_a_size_as_well():
    def wrap(_):
        raise MemoryError

    with pytest.raises(ForwardError, match="not enough memory") as caught:
        stages(network_of(Wrapped(wrap)))

    assert caught.value.changes == {"resize": "fixed", "height": 128, "width": 256}


def test_logits_that_are_too_large_at_the_pictures_size_ask_for_a_smaller_picture(monkeypatch):
    monkeypatch.setattr(inspection, "MAX_LOGITS_BYTES", 2 * 4 * 128 * 256)
    with pytest.raises(ForwardError, match="256 x 128 fits") as caught:
        stages(network_of(Wrapped()))

    assert caught.value.smaller == (256, 128)


# --- limits ---------------------------------------------------------------------------------------


def test_the_host_sets_the_limits(tmp_path):
    host = {"MASKSCOPE_FORWARD_GB": "2.5", "MASKSCOPE_FORWARD_SECONDS": "30"}

    assert (memory_limit(host), time_limit(host)) == (2.5e9, 30)


def test_where_the_host_says_nothing_half_of_the_containers_memory_is_taken(tmp_path):
    (limit := tmp_path / "memory.max").write_text(f"{2**28}\n")

    assert memory_limit({}, limit) == 2**27
    limit.write_text("max\n")
    assert memory_limit({}, limit) == memory_limit({}, tmp_path / "none") > 2**28


@pytest.mark.parametrize("asked", ["much", "0", "-1", "nan"])
def test_a_limit_that_is_no_number_is_told(asked):
    with pytest.raises(SettingsError, match="MASKSCOPE_FORWARD_GB is"):
        memory_limit({"MASKSCOPE_FORWARD_GB": asked})


def test_measuring_leaves_the_network_as_it_was():
    network = network_of(Wrapped())
    before = network.module.conv.weight.clone()
    measure(network, Forwarding())

    assert torch.equal(network.module.conv.weight, before)
