"""The gauge says without a forward what a forward would; a tap leaves the network alone."""

import threading

import numpy as np
import pytest
import torch
from torch import nn

from core.diagnosis.measure.batchnorm_divergence import divergence
from core.diagnosis.measure.sizes import middle
from core.diagnosis.normalization.first_layer import gauge_of
from core.diagnosis.normalization.solve import solve

GAINS, OFFSETS = (1 / 58.4, 1 / 57.1, 1 / 57.4), (-2.1, -2.0, -1.8)
PLAIN = ((1 / 255,) * 3, (0.0,) * 3)


def trained(*layers):
    """A network whose BatchNorms have seen something."""
    torch.manual_seed(0)
    network = nn.Sequential(*layers).train()
    for _ in range(3):
        network(torch.randn(2, 3, 40, 40) + 0.3)
    return network.eval()


def base(height=40, width=48):
    return np.random.default_rng(1).integers(0, 256, (height, width, 3)).astype(np.float32)


def fed(pixels, gain, offset):
    tensor = torch.from_numpy(pixels * np.float32(gain) + np.float32(offset))
    return tensor.permute(2, 0, 1)[None]


NETWORKS = {
    "stride and padding": lambda: trained(nn.Conv2d(3, 8, 7, 2, 3, bias=False), nn.BatchNorm2d(8)),
    "a bias": lambda: trained(nn.Conv2d(3, 9, 3, padding=1), nn.BatchNorm2d(9), nn.ReLU()),
    "dilation": lambda: trained(nn.Conv2d(3, 6, 3, dilation=2), nn.BatchNorm2d(6)),
}


@pytest.mark.parametrize("name", NETWORKS)
@pytest.mark.parametrize("affine", [PLAIN, (GAINS, OFFSETS), ((1.0,) * 3, (0.0,) * 3)])
def test_the_gauge_says_the_divergence_at_the_first_batch_norm(name, affine):
    network, pixels = NETWORKS[name](), base()
    gauge = gauge_of(network, pixels)

    tapped = divergence(network, fed(pixels, *affine), 1)[0]
    assert gauge.divergence(*affine) == pytest.approx(tapped, rel=1e-4)


def test_of_a_large_picture_both_measure_the_middle():
    network, pixels = NETWORKS["a bias"](), base(500, 620)
    pixels[:40] = 255
    tapped = divergence(network, middle(fed(pixels, *PLAIN)), 1)[0]

    assert gauge_of(network, pixels).divergence(*PLAIN) == pytest.approx(tapped, rel=1e-4)


@pytest.mark.parametrize(
    "network",
    [
        nn.Sequential(nn.Conv2d(3, 8, 3), nn.ReLU()),
        nn.Sequential(nn.Conv2d(3, 8, 3), nn.ReLU(), nn.BatchNorm2d(8)),
        nn.Sequential(nn.AvgPool2d(2), nn.Conv2d(3, 8, 3), nn.BatchNorm2d(8)),
        nn.Sequential(nn.Conv2d(3, 8, 3), nn.BatchNorm2d(8, track_running_stats=False)),
        nn.Sequential(nn.Conv2d(3, 9, 3, groups=3), nn.BatchNorm2d(9)),
        nn.Sequential(nn.Conv2d(3, 8, 3), nn.GroupNorm(2, 8)),
    ],
    ids=["no norm", "activation between", "pool before", "no statistics", "groups", "group norm"],
)
def test_where_one_convolution_is_not_all_there_is_no_gauge(network):
    assert gauge_of(network.eval(), base()) is None


def test_an_exported_program_is_tapped_as_the_network_that_it_came_from(tmp_path):
    from core.architectures import build_network
    from core.checkpoint import read_checkpoint

    network = NETWORKS["a bias"]()
    sides = {2: torch.export.Dim("rows", min=8, max=512),
             3: torch.export.Dim("columns", min=8, max=512)}  # fmt: skip
    program = torch.export.export(network, (torch.zeros(1, 3, 32, 40),), dynamic_shapes=(sides,))
    torch.export.save(program, tmp_path / "program.pt2")
    checkpoint = read_checkpoint(
        tmp_path / "program.pt2", name="program.pt2", digest="gauge", folder=tmp_path
    )
    rebuilt = build_network(checkpoint).module

    assert divergence(rebuilt, fed(base(), *PLAIN)) == pytest.approx(
        divergence(network, fed(base(), *PLAIN)), rel=1e-5
    )
    assert gauge_of(rebuilt, base()) is not None


def test_a_tap_stops_at_the_layer_that_is_needed():
    ran = []
    late = nn.ReLU()
    late.register_forward_hook(lambda *_: ran.append(1))
    network = trained(nn.Conv2d(3, 8, 3), nn.BatchNorm2d(8), late)
    ran.clear()

    assert len(divergence(network, fed(base(), *PLAIN), 1)) == 1
    assert ran == []


def test_a_tap_sees_its_own_thread_alone_and_changes_nothing():
    network = trained(nn.Conv2d(3, 8, 3), nn.BatchNorm2d(8), nn.Conv2d(8, 8, 3), nn.BatchNorm2d(8))
    tensor, stop, answers = fed(base(), *PLAIN), threading.Event(), []
    before = {key: value.clone() for key, value in network.state_dict().items()}

    def others() -> None:
        with torch.inference_mode():
            while not stop.is_set():
                answers.append(network(tensor))

    thread = threading.Thread(target=others)
    thread.start()
    try:
        tapped = {divergence(network, tensor) for _ in range(20)}
    finally:
        stop.set()
        thread.join()

    assert len(tapped) == 1
    assert all(torch.equal(answer, answers[0]) for answer in answers)
    assert all(torch.equal(value, before[key]) for key, value in network.state_dict().items())


def test_mean_and_std_are_solved_from_pictures_without_a_catalogue():
    """Trained under numbers of its own; other pictures of the same kind bring them back."""
    mean, std = np.array([0.6, 0.5, 0.3]), np.array([0.15, 0.2, 0.18])
    rng = np.random.default_rng(0)

    def picture():
        common = rng.normal(0, 40, (64, 64, 1)).cumsum(0).cumsum(1)
        common = 45 * (common - common.mean()) / common.std()
        return np.clip(120 + common + rng.normal(0, 15, (64, 64, 3)), 0, 255).astype(np.float32)

    torch.manual_seed(0)
    network = nn.Sequential(nn.Conv2d(3, 24, 5, padding=2), nn.BatchNorm2d(24, momentum=None))
    network.train()
    for _ in range(20):
        network(fed(picture(), tuple(1 / 255 / std), tuple(-mean / std)))
    gauges = [gauge_of(network.eval(), picture()) for _ in range(3)]
    found_mean, found_std = solve(gauges, np.full(3, 0.45), np.full(3, 0.25))

    assert np.abs(found_mean - mean).mean() < 0.05
    assert np.abs(found_std / std - 1).mean() < 0.15
