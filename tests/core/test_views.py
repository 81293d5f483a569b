"""Windows and flipped views: every pixel is covered, and the logits are averaged where they lie."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import nn

from core import inspection
from core.engine import in_this_thread
from core.errors import ForwardError, SettingsError
from core.image import decode_image
from core.inference import forward
from core.inspection import run_stages
from core.operators import ForwardAbandoned, while_wanted
from core.settings import Forwarding, Settings, change
from core.views import averaged, count_pixels, count_views, view_size, windows
from tests.conftest import png
from tests.core.test_inference import Wrapped, network_of, picture


class Uneven(nn.Module):
    """Knows left from right and up from down, so that flipped views give something else."""

    def __init__(self):
        super().__init__()
        torch.manual_seed(1)
        self.conv = nn.Conv2d(3, 2, 3, padding=1)

    def forward(self, x):
        return self.conv(x)


def ran(forwarding, module, height=10, width=13):
    return forward(network_of(module), picture(height, width), forwarding, size=(height, width))


@pytest.mark.parametrize(
    "chosen",
    [
        Forwarding(window=4, overlap=0.5),
        Forwarding(window=4, overlap=0.0),
        Forwarding(window=11),
        Forwarding(window=99),
        Forwarding(flip="horizontal"),
        Forwarding(window=5, overlap=0.75, flip="both"),
    ],
)
def test_a_network_that_looks_at_single_pixels_says_the_same_in_any_view(chosen):
    module = Wrapped()

    np.testing.assert_allclose(
        ran(chosen, module).values, ran(Forwarding(), module).values, atol=1e-6
    )


def test_windows_that_overlap_are_averaged_and_the_last_is_moved_inside():
    x, module = picture(4, 7).tensor, Uneven()
    logits = ran(Forwarding(window=4, overlap=0.5), module, 4, 7).values

    with torch.no_grad():
        parts = [F.pad(module(x[..., at : at + 4]), (at, 3 - at)) for at in (0, 2, 3)]
    count = np.array([1, 1, 2, 3, 2, 2, 1])
    np.testing.assert_allclose(logits, sum(parts)[0].numpy() / count, atol=1e-6)


@pytest.mark.parametrize(
    ("flip", "axes"), [("horizontal", [(), (3,)]), ("both", [(), (3,), (2,), (2, 3)])]
)
def test_flipped_views_are_flipped_back_before_the_mean(flip, axes):
    x, module = picture(5, 6).tensor, Uneven()
    logits = ran(Forwarding(flip=flip), module, 5, 6)

    with torch.no_grad():
        each = [module(x.flip(a)).flip(a)[0].numpy() for a in axes]
    np.testing.assert_allclose(logits.values, np.mean(each, axis=0), atol=1e-6)
    assert not np.allclose(each[0], each[1])
    assert logits.views == len(axes)


@pytest.mark.parametrize("overlap", [0, 0.25, 0.5, 0.75])
@pytest.mark.parametrize("size", [(1, 1), (6, 6), (7, 25), (31, 8)])
def test_every_pixel_is_in_a_window_of_the_full_side(size, overlap):
    chosen = Forwarding(window=6, overlap=overlap)
    covered = np.zeros(size, int)
    places = windows(*size, chosen)
    for rows, columns in places:
        covered[rows, columns] += 1
        assert covered[rows, columns].shape == view_size(*size, chosen)

    assert covered.min() >= 1
    assert count_views(*size, chosen) == len(places)
    assert count_pixels(*size, chosen) == covered.sum()


def test_what_the_network_returns_in_a_smaller_size_is_enlarged_to_the_window():
    small = Wrapped(lambda x: x[..., ::2, ::2])
    logits = ran(Forwarding(window=4, overlap=0.5), small, 8, 8)

    assert logits.values.shape == (2, 8, 8)
    assert (logits.output_size, logits.views) == ((2, 2), 9)


def test_too_many_windows_are_refused_before_the_first():
    chosen = Forwarding(window=1, overlap=0)

    with pytest.raises(SettingsError, match="1,600 such windows"):
        averaged(torch.zeros(1, 3, 40, 40), chosen, lambda x: pytest.fail("it was run"))


def test_whoever_gives_up_stops_it_before_the_next_window():
    seen = []

    def run(x):
        seen.append(x.shape)
        return x

    with pytest.raises(ForwardAbandoned), while_wanted(lambda: len(seen) < 2):
        averaged(torch.zeros(1, 3, 8, 8), Forwarding(window=2, overlap=0), run)
    assert len(seen) == 2


def test_a_size_that_is_advised_is_not_cut_into_windows_again():
    def wrap(x):
        raise ForwardError("64 only.", remedy="Resize.", changes={"resize": "fixed"})

    with pytest.raises(ForwardError) as caught:
        ran(Forwarding(window=4), Wrapped(wrap))
    assert caught.value.changes == {"resize": "fixed", "window": 0}


def test_logits_that_are_added_up_may_not_be_too_large_either(monkeypatch):
    image = decode_image(png(np.zeros((4, 4, 3))))
    large = change(Settings(), resize="fixed", height=64, width=64)
    monkeypatch.setattr(inspection, "MAX_LOGITS_BYTES", 10_000)
    network = network_of(Wrapped())

    run_stages(image, network, large, forward=in_this_thread)
    with pytest.raises(ForwardError, match="64 x 64 pixels"):
        run_stages(image, network, change(large, window=32), forward=in_this_thread)
