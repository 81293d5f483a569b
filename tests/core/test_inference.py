"""One forward: its precision, its mode, its heads, its sizes, and what stops it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from types import SimpleNamespace

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import nn

from core.architectures import Account, Network, build_network
from core.architectures.sizes import only
from core.checkpoint import Checkpoint
from core.errors import ChannelMismatchError, ForwardError
from core.image import decode_image
from core.inference import forward
from core.orientation import TURNS
from core.preprocess import preprocess
from core.settings import Forwarding, Preprocessing
from examples.network import build_network as build_example
from tests.conftest import png

OUT = Forwarding()


@dataclass(frozen=True, eq=False)
class Input:
    """As much of an InputTensor as the forward uses."""

    tensor: torch.Tensor
    content: tuple[int, int]
    corner: tuple[int, int] = (0, 0)
    orientation: str = "none"


def picture(height=4, width=6, channels=3, dtype=torch.float32, content=None):
    generator = torch.Generator().manual_seed(0)
    tensor = torch.randn(1, channels, height, width, generator=generator).to(dtype)
    return Input(tensor, content or (height, width))


class Wrapped(nn.Module):
    """A 1x1 convolution whose output is shaped by `wrap`."""

    def __init__(self, wrap=lambda x: x, channels=3, classes=2):
        super().__init__()
        torch.manual_seed(0)
        self.conv = nn.Conv2d(channels, classes, 1)
        self.wrap = wrap

    def forward(self, x):
        return self.wrap(self.conv(x))


def network_of(module, *, classes=2, channels=3, aux=None):
    account = Account((), (), (), ())
    return Network(module.eval(), "toy", classes, channels, aux, account, "d")


def deeplab(*, aux=False, classes=5):
    """The narrow example network, and the same with an aux head, through `build_network`."""
    torch.manual_seed(0)
    state = dict(build_example(classes).state_dict())
    if aux:
        from torchvision.models.segmentation.fcn import FCNHead

        head = FCNHead(16, 3)  # channels of block 6 at a quarter of the width
        state |= {f"aux_classifier.{key}": value for key, value in head.state_dict().items()}
    return build_network(Checkpoint("w", "d", "zip pickle", 1, state, (), "", {}, ()))


def snapshot(module):
    return {key: value.clone() for key, value in module.state_dict().items()}


# --- what comes out -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "wrap",
    [
        *(lambda x: x, lambda x: {"out": x}, lambda x: {"aux": -x, "out": x}),
        *(lambda x: {"logits": x}, lambda x: (x, -x), lambda x: [x], lambda x: ({"out": x},)),
        lambda x: SimpleNamespace(logits=x),
    ],
)
def test_the_logits_are_found_in_whatever_the_network_returns(wrap):
    module = Wrapped(wrap)
    logits = forward(network_of(module), picture(), OUT, size=(4, 6))
    wanted = F.conv2d(picture().tensor, module.conv.weight, module.conv.bias)[0]
    np.testing.assert_allclose(logits.values, wanted.detach().numpy(), atol=1e-6)
    assert logits.values.dtype == np.float32
    assert logits.values.flags.c_contiguous
    assert (logits.head, logits.mode, logits.notes) == ("out", "eval", ())
    assert logits.output_size == (4, 6)
    assert logits.seconds > 0


@pytest.mark.parametrize("wrap", [lambda x: {"out": x, "aux": -x}, lambda x: (x, -x)])
def test_the_aux_head_is_found_there_too(wrap):
    network = network_of(Wrapped(wrap), aux=2)
    out = forward(network, picture(), OUT, size=(4, 6)).values
    aux = forward(network, picture(), Forwarding(head="aux"), size=(4, 6))
    np.testing.assert_array_equal(aux.values, -out)
    assert aux.head == "aux"


@pytest.mark.parametrize(
    ("wrap", "said"),
    [
        (lambda x: x[0], "a tensor of shape (2, 4, 6)"),
        (lambda x: x.mean((2, 3)), "a tensor of shape (1, 2)"),
        (lambda x: torch.cat([x, x]), "a tensor of shape (2, 2, 4, 6)"),
        (lambda x: x[:, :0], "a tensor of shape (1, 0, 4, 6)"),
        (lambda x: None, "NoneType"),
        (lambda x: (), "tuple"),
        (lambda x: {"boxes": x}, "a dict with boxes"),
        (lambda x: "mask", "str"),
    ],
)
def test_an_output_that_is_no_logits_is_told_with_its_shape(wrap, said):
    with pytest.raises(ForwardError) as caught:
        forward(network_of(Wrapped(wrap)), picture(), OUT, size=(4, 6))
    assert f"returns {said} for an input of shape (1, 3, 4, 6)" in caught.value.message


# --- sizes ----------------------------------------------------------------------------------------


def halved(x):
    return F.avg_pool2d(x, 2)


def test_smaller_logits_are_enlarged_bilinearly_without_aligned_corners():
    network = network_of(Wrapped(halved))
    logits = forward(network, picture(), OUT, size=(4, 6))
    small = halved(network.module.conv(picture().tensor))
    wanted = F.interpolate(small, size=(4, 6), mode="bilinear", align_corners=False)[0]
    np.testing.assert_allclose(logits.values, wanted.detach().numpy(), atol=1e-6)
    assert logits.output_size == (2, 3)


def test_nearest_repeats_every_logit():
    network = network_of(Wrapped(halved))
    values = forward(network, picture(), Forwarding(upsampling="nearest"), size=(4, 6)).values
    small = halved(network.module.conv(picture().tensor))[0].detach().numpy()
    np.testing.assert_allclose(values, small.repeat(2, axis=1).repeat(2, axis=2), atol=1e-6)


def test_the_padding_at_the_right_and_at_the_bottom_is_cut_off():
    network = network_of(Wrapped())
    whole = forward(network, picture(8, 8), OUT, size=(8, 8)).values
    part = forward(network, picture(8, 8, content=(5, 3)), OUT, size=(5, 3)).values
    np.testing.assert_array_equal(part, whole[:, :5, :3])


def test_the_padding_is_cut_off_after_enlarging():
    network = network_of(Wrapped(halved))
    whole = forward(network, picture(8, 8), OUT, size=(8, 8)).values
    part = forward(network, picture(8, 8, content=(5, 3)), OUT, size=(5, 3)).values
    np.testing.assert_array_equal(part, whole[:, :5, :3])


@pytest.mark.parametrize("size", [(1, 1), (3, 5), (9, 7)])
def test_the_logits_have_the_picture_s_size_whatever_the_tensor_s(size):
    logits = forward(network_of(Wrapped()), picture(8, 8), OUT, size=size)
    assert logits.values.shape == (2, *size)


def test_a_picture_of_one_pixel_goes_through():
    logits = forward(deeplab(), picture(1, 1), OUT, size=(1, 1))
    assert logits.values.shape == (5, 1, 1)


# --- precision ------------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_a_half_precision_tensor_runs_the_network_in_that_precision(dtype):
    network = deeplab()
    before = snapshot(network.module)
    full = forward(network, picture(32, 32), OUT, size=(32, 32)).values
    half = forward(network, picture(32, 32, dtype=dtype), OUT, size=(32, 32)).values
    assert half.dtype == np.float32
    assert 0 < abs(half - full).max() < 0.1 * abs(full).max()
    after = network.module.state_dict()
    assert all(torch.equal(after[key], value) for key, value in before.items())


def test_float16_overflows_where_float32_does_not():
    module = Wrapped()
    nn.init.constant_(module.conv.weight, 3e4)
    network = network_of(module)
    tensor = Input(torch.full((1, 3, 2, 2), 10.0), (2, 2))
    assert np.isfinite(forward(network, tensor, OUT, size=(2, 2)).values).all()
    half = replace(tensor, tensor=tensor.tensor.half())
    assert np.isinf(forward(network, half, OUT, size=(2, 2)).values).all()


def test_numbers_that_are_not_finite_go_through_to_be_found_later():
    tensor = Input(torch.full((1, 3, 2, 2), float("nan")), (2, 2))
    assert np.isnan(forward(network_of(Wrapped()), tensor, OUT, size=(2, 2)).values).all()


# --- mode -----------------------------------------------------------------------------------------


class Normed(nn.Module):
    """BatchNorm behind dropout: with stored statistics of mean 100."""

    def __init__(self, pool=False):
        super().__init__()
        self.dropout = nn.Dropout(0.5)
        self.pool = nn.AdaptiveAvgPool2d(1) if pool else nn.Identity()
        self.bn = nn.BatchNorm2d(3)
        self.bn.running_mean += 100

    def forward(self, x):
        return self.bn(self.pool(self.dropout(x)))


def test_eval_uses_the_stored_statistics():
    values = forward(network_of(Normed()), picture(16, 16), OUT, size=(16, 16)).values
    np.testing.assert_allclose(values.mean(axis=(1, 2)), -100, atol=0.5)


def test_train_uses_the_statistics_of_this_picture_and_no_dropout():
    logits = forward(network_of(Normed()), picture(16, 16), Forwarding(mode="train"), size=(16, 16))
    x = picture(16, 16).tensor[0].numpy()
    wanted = (x - x.mean((1, 2), keepdims=True)) / x.std((1, 2), keepdims=True)
    np.testing.assert_allclose(logits.values, wanted, atol=1e-4)
    assert (logits.mode, logits.notes) == ("train", ())


def test_train_changes_nothing_in_the_shared_module():
    network = network_of(Normed())
    before = snapshot(network.module)
    forward(network, picture(16, 16), Forwarding(mode="train"), size=(16, 16))
    after = network.module.state_dict()
    assert all(torch.equal(after[key], value) for key, value in before.items())
    assert not any(part.training for part in network.module.modules())
    assert not any(part._forward_pre_hooks for part in network.module.modules())


def test_a_norm_that_sees_one_value_keeps_its_statistics_and_this_is_said():
    network = network_of(Normed(pool=True))
    logits = forward(network, picture(16, 16), Forwarding(mode="train"), size=(1, 1))
    np.testing.assert_allclose(logits.values, -100, atol=1)
    assert logits.notes == ("bn sees one value per channel and keeps its stored statistics",)


def test_deeplab_s_pooling_branch_is_such_a_norm():
    notes = forward(deeplab(), picture(64, 64), Forwarding(mode="train"), size=(64, 64)).notes
    assert notes == (
        "classifier.0.convs.4.2 sees one value per channel and keeps its stored statistics",
    )


# --- heads ----------------------------------------------------------------------------------------


def count_calls(module):
    calls = []
    module.register_forward_hook(lambda *arguments: calls.append(1))
    return calls


@pytest.mark.parametrize(("head", "out_calls", "aux_calls"), [("out", 1, 0), ("aux", 0, 1)])
def test_only_the_head_that_is_looked_at_is_computed(head, out_calls, aux_calls):
    network = deeplab(aux=True)
    out, aux = (
        count_calls(network.module.get_submodule(n)) for n in ("classifier", "aux_classifier")
    )
    logits = forward(network, picture(32, 32), Forwarding(head=head), size=(32, 32))
    assert (len(out), len(aux)) == (out_calls, aux_calls)
    assert len(logits.values) == {"out": 5, "aux": 3}[head]


def test_the_aux_head_of_a_checkpoint_without_one_is_refused():
    with pytest.raises(ForwardError, match="no aux head"):
        forward(deeplab(), picture(32, 32), Forwarding(head="aux"), size=(32, 32))


def test_the_forward_runs_channels_last_and_without_gradients():
    seen = []

    def look(x):
        seen.append((x.is_contiguous(memory_format=torch.channels_last), torch.is_inference(x)))
        return x

    forward(network_of(Wrapped(look)), picture(), OUT, size=(4, 6))
    assert seen == [(True, True)]


# --- what stops it --------------------------------------------------------------------------------


@pytest.mark.parametrize(("expected", "got"), [(3, 1), (1, 3), (4, 3)])
def test_another_number_of_channels_is_told_before_anything_runs(expected, got):
    module = Wrapped(channels=expected)
    calls = count_calls(module)
    with pytest.raises(ChannelMismatchError, match=f"expects {expected} .* has {got}"):
        forward(network_of(module, channels=expected), picture(channels=got), OUT, size=(4, 6))
    assert calls == []


def raising(error):
    def wrap(x):
        raise error

    return wrap


@pytest.mark.parametrize(
    ("error", "sentence"),
    [
        (RuntimeError("sizes 3 and 4 differ"), r"stops on .*\(1, 3, 4, 6\): sizes 3 and 4 differ"),
        (RuntimeError(""), "stops on .*: RuntimeError"),
        (KeyError("out"), "stops on"),
        (MemoryError(), r"not enough memory .*\(1, 3, 4, 6\)"),
        (RuntimeError("DefaultCPUAllocator: can't allocate memory"), "not enough memory"),
    ],
)
def test_whatever_the_network_raises_is_wrapped(error, sentence):
    with pytest.raises(ForwardError, match=sentence) as caught:
        forward(network_of(Wrapped(raising(error))), picture(), OUT, size=(4, 6))
    assert caught.value.__cause__ is error
    assert caught.value.remedy


# --- turned, and in a letterbox -------------------------------------------------------------------


class OfOneSize(nn.Module):
    def __init__(self, size):
        super().__init__()
        self.conv = nn.Conv2d(3, 2, 1)
        self.positions = nn.Parameter(torch.zeros(1, 2, *size))

    def forward(self, x):
        return self.conv(x) + self.positions


def test_a_network_of_one_size_says_which_and_that_one_goes_through():
    network = replace(network_of(OfOneSize((32, 64))), sizes=only(32, 64))
    with pytest.raises(ForwardError, match="cannot be run on 40 x 50 pixels") as told:
        forward(network, picture(40, 50), Forwarding(), size=(40, 50))

    assert "32 x 64" in told.value.remedy
    assert told.value.changes == {"resize": "fixed", "height": 32, "width": 64}
    fitting = forward(network, picture(32, 64), Forwarding(), size=(40, 50))
    assert fitting.values.shape[1:] == (40, 50)


@pytest.mark.parametrize("orientation", TURNS)
def test_the_logits_of_a_turned_picture_are_turned_back(orientation):
    image = decode_image(png(np.random.default_rng(0).integers(0, 256, (5, 7, 3))))
    network = network_of(Wrapped())
    plain, other = (
        forward(network, preprocess(image, chosen), OUT, size=(5, 7)).values
        for chosen in (Preprocessing(), Preprocessing(orientation=orientation))
    )
    np.testing.assert_allclose(other, plain, atol=1e-6)


def test_the_bars_of_a_letterbox_are_cut_off_before_the_logits_are_enlarged():
    image = decode_image(png(np.random.default_rng(0).integers(0, 256, (6, 8, 3))))
    network = network_of(Wrapped())
    boxed = Preprocessing(resize="letterbox", height=8, width=4, orientation="90")
    small = Preprocessing(resize="fixed", height=5, width=4, orientation="90")
    left, right = (
        forward(network, preprocess(image, chosen), OUT, size=(6, 8)).values
        for chosen in (boxed, small)
    )
    np.testing.assert_allclose(left, right, atol=1e-6)


def test_a_network_of_two_or_four_channels_is_told_what_is_fed_here():
    assert "One or three channels are fed" in ChannelMismatchError(expected=4, got=3).remedy
    assert "color mode" in ChannelMismatchError(expected=1, got=3).remedy
