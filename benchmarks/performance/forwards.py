"""Part `forward`: the notebook's way, ours while a slider moves, and every other way we know."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import torch
from torch import nn
from torch.nn import functional as F

from benchmarks.foreign.networks import logits_of
from benchmarks.performance import candidates
from benchmarks.performance.effort import Effort, Said, interleaved, seconds, table
from benchmarks.performance.networks import NETWORKS, Measured, normalized
from benchmarks.performance.pictures import SEEN, SIDE, mosaic
from benchmarks.workers import say
from core.architectures import Network, build_network
from core.checkpoint import read_checkpoint
from core.colors import encode_png
from core.engine import Engine
from core.engine.choice import FastPaths
from core.image import decode_image
from core.preprocess import preprocess
from core.settings import Forwarding, Preprocessing

MATRIX = 2048  # rows and columns of the multiplication that says how fast the machine is
HEAVY = ("resnet50",)  # a third of the rounds: one takes seconds


def measure(effort: Effort) -> Said:
    """Four networks at 520 x 520, every way once a round."""
    figures: dict[str, float] = {"argmax_agreement": 1.0}
    rows: list[tuple[object, ...]] = []
    missing: list[str] = []
    for name, measured in NETWORKS.items():
        rounds = max(1, effort.rounds // 3) if name in HEAVY else effort.rounds
        times, agreement, difference, reasons = _one(measured, rounds)
        say(f"{measured.title}: measured")
        missing += [f"{measured.title}, {reason}" for reason in reasons]
        figures |= _ratios(name, times)
        figures["argmax_agreement"] = min(figures["argmax_agreement"], agreement)
        rows += [
            (measured.title, way, 1e3 * took, times["notebook"] / took)
            for way, took in times.items()
        ]
        rows.append((measured.title, "ours against plain: argmax, logits", agreement, difference))
    rate = 2 * MATRIX**3 / interleaved({"matrix": _product()}, effort.rounds)["matrix"] / 1e9
    text = table(("network", "way", "ms", "x notebook"), rows)
    return Said(figures, f"Matrix multiplication: {rate:.0f} GFLOP/s, float32.\n\n{text}",
                tuple(missing))  # fmt: skip


def _ratios(name: str, times: dict[str, float]) -> dict[str, float]:
    """Notebook by ours (all four: only two have a bar), and the fastest candidate by ours."""
    others = [took for way, took in times.items() if way not in ("ours", "notebook")]
    return {
        f"forward.{name}.ratio": times["notebook"] / times["ours"],
        f"forward.{name}.of_best": min(others) / times["ours"],
    }


def _one(measured: Measured, rounds: int) -> tuple[dict[str, float], float, float, list[str]]:
    """Medians in seconds; agreement of argmax and largest difference of logits; what failed."""
    network, sample = measured.trained(), sample_of(measured)
    ways, reasons = candidates.usable(network, sample)
    plain = candidates.notebook(network, sample)
    fast = fast_path(opened(measured), sample)
    everything = {"notebook": plain, "ours": fast, **ways}
    times = interleaved(everything, rounds)
    expected, got = plain(), fast()
    agreement = float((expected.argmax(1) == got.argmax(1)).float().mean())
    return times, agreement, float((expected - got).abs().max()), reasons


def sample_of(measured: Measured) -> torch.Tensor:
    """The measured picture as its network takes it, Float32[1 3 h w]; zeros beside it."""
    more = measured.side - SIDE
    return F.pad(normalized(mosaic(SEEN)[0][None]), (0, more, 0, more))


def opened(measured: Measured) -> Network:
    """As the app opens its file."""
    measured.trained()  # writes it
    checkpoint = read_checkpoint(measured.path, name=measured.path.name, digest=measured.name)
    return build_network(checkpoint)


def fast_path(network: Network, sample: torch.Tensor) -> Callable[[], torch.Tensor]:
    """The forward that answers while a slider moves."""
    fed, module = sample.to(memory_format=torch.channels_last), _fastest(network, sample)
    with torch.inference_mode():
        size = tuple(logits_of(network.module(fed)).shape[2:])

    def run() -> torch.Tensor:
        with torch.inference_mode():
            return as_large(logits_of(module(fed)), size)

    return run


def as_large(logits: torch.Tensor, size: tuple[int, ...]) -> torch.Tensor:
    """Enlarged as the network itself does it last, where a path leaves that to who takes it."""
    if tuple(logits.shape[2:]) == size:
        return logits
    return F.interpolate(logits, size=size, mode="bilinear", align_corners=False)


def _fastest(network: Network, sample: torch.Tensor) -> nn.Module:
    """As the app chooses it, by its own measurement."""
    image = decode_image(encode_png(mosaic(SEEN)[0]))
    tensor = replace(preprocess(image, Preprocessing()), tensor=sample)
    paths = FastPaths(Engine())
    if (search := paths.search(network, tensor, Forwarding())) is not None:
        search.join()
    module: nn.Module = paths.fastest(network, tensor, Forwarding()).module
    return module


def of_ours(measured: Measured) -> Callable[[], float]:
    """Seconds of one such forward, to be taken beside other measurements."""
    run = fast_path(opened(measured), sample_of(measured))
    run()
    return lambda: seconds(run)


def of_plain(measured: Measured) -> Callable[[], float]:
    """The same of the forward that is exact: plain layers, float32."""
    run = candidates.channels_last(measured.trained(), sample_of(measured))
    run()
    return lambda: seconds(run)


def _product() -> Callable[[], torch.Tensor]:
    a, b = torch.rand(2, MATRIX, MATRIX)
    return lambda: a @ b
