"""Write the table of first convolutions of published networks; needs their weights.

    python -m scripts.stems             # all: the libraries load them where there is a network
    python -m scripts.stems resnet50 timm:resnet50.a1_in1k
    python -m scripts.stems --file MobileNetV2 imagenet weights.pth     # weights that you have

What cannot be had is said and left out, and rows that are in the table already stay. Only a few
numbers of each filter are kept (`core/diagnosis/normalization/known_stems.py`), no weights.
"""

from __future__ import annotations

import argparse
import hashlib
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path

import torch

from core.checkpoint import read_checkpoint
from core.diagnosis.normalization.known_stems import (
    TABLE,
    KnownStem,
    as_json,
    known_stems,
    stem_row,
)

TORCHVISION = (
    *("resnet18", "resnet34", "resnet50", "resnet101", "resnet152", "resnext50_32x4d"),
    *("resnext101_32x8d", "wide_resnet50_2", "mobilenet_v2", "mobilenet_v3_large"),
    *("mobilenet_v3_small", "vgg11_bn", "vgg13_bn", "vgg16_bn", "vgg19_bn", "densenet121"),
    *("densenet161", "densenet169", "densenet201", "efficientnet_b0", "efficientnet_b1"),
    *("efficientnet_b2", "efficientnet_b3", "efficientnet_b4", "convnext_tiny", "convnext_small"),
)
TIMM = (
    *("resnet18.a1_in1k", "resnet34.a1_in1k", "resnet50.a1_in1k", "resnet101.a1_in1k"),
    *(
        "mobilenetv3_large_100.ra_in1k",
        "mobilenetv3_small_100.lamb_in1k",
        "mobilenetv2_100.ra_in1k",
    ),
    *("efficientnet_b0.ra_in1k", "efficientnet_b3.ra2_in1k", "tf_efficientnet_b0.ns_jft_in1k"),
    *("tf_efficientnetv2_s.in21k_ft_in1k", "convnext_tiny.fb_in22k", "regnety_016.tv2_in1k"),
    *("hrnet_w18.ms_aug_in1k", "res2net50_26w_4s.in1k", "resnest50d.in1k", "seresnet50.ra2_in1k"),
)
IMAGENET, SYMMETRIC = "imagenet", "symmetric"


def main() -> None:
    """Add rows to the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("names", nargs="*", help="of torchvision, or timm:NAME; all where none")
    names = ("NAME", "FEEDS", "PATH")
    words = "a checkpoint that you have"
    parser.add_argument("--file", nargs=3, action="append", default=[], metavar=names, help=words)
    options = parser.parse_args()
    every = () if options.file else (*TORCHVISION, *(f"timm:{name}" for name in TIMM))
    rows = [
        *(row for name in options.names or every for row in _published(name)),
        *(_from_file(*each) for each in options.file),
    ]
    TABLE.write_text(as_json(_together(known_stems(), rows)))
    sys.stdout.write(f"{len(rows)} rows made, {TABLE}\n")


def _together(before: Iterable[KnownStem], rows: Iterable[KnownStem]) -> list[KnownStem]:
    """A row for each stem: networks that share one are told by the first."""
    together = {row.digest: row for row in [*rows, *before]}
    return sorted(together.values(), key=lambda row: row.name)


def _published(name: str) -> Iterator[KnownStem]:
    """The rows of one name, one for each set of its weights; nothing where they cannot be had."""
    library, _, own = name.rpartition(":")
    try:
        yield from _of_timm(own) if library else _of_torchvision(own)
    except (OSError, RuntimeError, ValueError) as error:  # as the libraries report a failed load
        sys.stderr.write(f"{name} is left out: {error}\n")


def _of_torchvision(name: str) -> Iterator[KnownStem]:
    from torchvision.models import get_model, get_model_weights

    for weights in get_model_weights(name):
        network = get_model(name, weights=weights)
        source = f'torchvision.models.get_model("{name}", weights="{weights.name}")'
        yield _row(f"{name}, {weights.name}", source, IMAGENET, network.state_dict())


def _of_timm(name: str) -> Iterator[KnownStem]:
    import timm

    network = timm.create_model(name, pretrained=True)
    fed = timm.get_pretrained_cfg(name)
    feeds = SYMMETRIC if fed and tuple(fed.mean) == (0.5, 0.5, 0.5) else IMAGENET
    source = f'timm.create_model("{name}", pretrained=True)'
    yield _row(f"{name}, timm", source, feeds, network.state_dict())


def _from_file(name: str, feeds: str, path: str) -> KnownStem:
    file = Path(path)
    digest = hashlib.sha256(file.read_bytes()).hexdigest()
    tensors = read_checkpoint(file, name=file.name, digest=digest).tensors
    return _row(name, file.name, feeds, dict(tensors))


def _row(name: str, source: str, feeds: str, tensors: dict[str, torch.Tensor]) -> KnownStem:
    """Raises ValueError where no convolution takes three channels."""
    first = next((t for t in tensors.values() if t.ndim == 4 and t.shape[1] == 3), None)
    if first is None:
        raise ValueError(f"{name} does not begin with a convolution of three channels")
    return stem_row(name, source, feeds, first)


if __name__ == "__main__":
    main()
