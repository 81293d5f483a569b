"""The cases of the benchmark, and what the comparison says of each."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch

from benchmarks.cases import Part, pictures, scene
from benchmarks.deployed.exports import RIGHT, WRONG, Recipe, with_large_numbers
from benchmarks.foreign.networks import MEMBERS
from benchmarks.foreign.scenes import render
from benchmarks.workers import say
from core.deployed.compare import compare
from core.deployed.comparison import Comparison
from core.deployed.opening import open_program
from core.deployed.programs import NetworkProgram
from core.image import Image, decode_image
from core.onnx_graph.process import ALLOWED
from core.preprocess import preprocess
from core.settings import Settings
from examples.materials import picture_file
from examples.zoo import ZOO, load

NETWORKS: dict[Part, tuple[str, ...]] = {  # a narrow DeepLabV3, a U-Net, a SegFormer
    "tune": ("deeplab_clip", "unet_zscore", "mask_imagenet", "segformer_b"),
    "held-out": ("fcn_bgr", "unet_caffe", "unet_odd", "segformer_wide"),
}
PICTURES = 2  # of each network
CHANGED = 1e-4  # of a resize's spread: another mode has changed it at all


@dataclass(frozen=True)
class Trial:
    """One export of one network before one picture."""

    network: str
    seed: int
    export: str  # a key of RIGHT or WRONG


@dataclass(frozen=True)
class Outcome:
    """What was said of it."""

    trial: Trial
    said: tuple[str, ...]  # causes, the first one first
    certainty: str
    layer: str  # the first that differs, "" for none
    expected_layer: str
    harmless: bool  # mask and numbers are the same: there is nothing to be told
    verdict: str

    @property
    def cause(self) -> str:
        """The right one, "" for a faithful export."""
        return "" if self.trial.export in RIGHT else WRONG[self.trial.export].cause


def trials(part: Part) -> Iterator[Trial]:
    """Every export of every network that has weights, two pictures each."""
    for name in NETWORKS[part]:
        if name in MEMBERS and not MEMBERS[name].path.exists():
            say(f"{name} has no weights: python -m benchmarks.foreign --train {name}")
            continue
        for seed in pictures(part)[:PICTURES]:
            for export in (*RIGHT, *WRONG):
                yield Trial(name, seed, export)


def outcome(trial: Trial) -> Outcome | None:
    """Export, compare; None where the fault changes nothing that a network has."""
    os.environ[ALLOWED] = "1"
    one, image, settings = opened(trial)
    how = settings.preprocessing
    x = preprocess(image, how).tensor
    if trial.export == "float16 overflow":
        one = replace(
            one, network=replace(one.network, module=with_large_numbers(one.network.module))
        )
    has_none = how.zscore or (trial.export == "normalized inside" and set(how.mean) == {0.0})
    if has_none and "normalized" in trial.export:  # there is no mean and std to be put inside
        return None
    recipe = Recipe(one.network.module, x, how.mean, how.std)
    write = RIGHT.get(trial.export) or WRONG[trial.export].write
    with tempfile.TemporaryDirectory() as folder:
        found = compare(image, one, open_program(write(recipe, Path(folder) / "m.onnx")), settings)
    return Outcome(
        trial,
        tuple(finding.cause for finding in found.findings),
        found.findings[0].certainty if found.findings else "",
        found.parting.one.name if found.parting else "",
        expected_layer(trial, one, found),
        bool(found.agrees and not found.findings),
        found.verdict,
    )


def opened(trial: Trial) -> tuple[NetworkProgram, Image, Settings]:
    """The checkpoint, its picture and how it is fed."""
    if trial.network in MEMBERS:
        member = MEMBERS[trial.network]
        pixels, _ = render(member.world, trial.seed)
        path, settings = member.path, member.settings
    else:
        zoo = ZOO[trial.network]
        pixels, _ = scene(trial.seed)
        path, settings = load(zoo.name), zoo.settings
    one = open_program(path)
    if not isinstance(one, NetworkProgram):
        raise TypeError(path)
    return one, decode_image(picture_file(np.asarray(pixels))), settings


def expected_layer(trial: Trial, one: NetworkProgram, found: Comparison) -> str:
    """Where the programs part by construction; "" where no layer differs, or none is known."""
    place = "" if trial.export in RIGHT else WRONG[trial.export].layer
    if found.alignment is None or not place:
        return ""
    names = [pair.one.name for pair in found.alignment.pairs]
    if place == "first":
        return names[0]
    if place == "first norm":
        return _before_norm(one.network.module, names, 0)
    if place == "resize":  # one to the same size gives the same in every mode
        pairs = found.alignment.pairs
        return next(p.one.name for p in pairs if p.one.kind == "resize" and p.apart > CHANGED)
    return _weighted(one.network.module, place, names)


def _weighted(module: torch.nn.Module, place: str, names: list[str]) -> str:
    """The layer before the last BatchNorm, or the first that has a disturbed weight."""
    if place == "last norm":
        return _before_norm(module, names, -1)
    weights = [n.removesuffix(".weight") for n, p in module.named_parameters() if p.ndim > 1]
    return next((n for n in names if n in weights[len(weights) // 2 :]), "")


def _before_norm(module: torch.nn.Module, names: list[str], which: int) -> str:
    """The layer in front of the first (0) or the last (-1) BatchNorm."""
    norm = [n for n, m in module.named_modules() if isinstance(m, torch.nn.BatchNorm2d)][which]
    order = [n for n, _ in module.named_modules()]
    return [n for n in names if n in order and order.index(n) < order.index(norm)][-1]
