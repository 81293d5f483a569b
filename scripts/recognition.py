"""Write docs/checkpoints.md: what is recognized, printed from what is really saved, read and run.

Call it as `python -m scripts.recognition`.
"""

from __future__ import annotations

import math
import tempfile
import warnings
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path

import torch
from torch import nn
from torchvision.models import segmentation

from core.architectures import Network, build_network
from core.checkpoint import read_checkpoint
from scripts.reference_logits import VARIANTS, picture, pixels, unpacked, weights
from tests.conftest import zipped
from tests.core.architectures import (
    test_background,
    test_families,
    test_mmseg,
    test_mmseg_backbones,
    test_monai,
    test_nnunet,
    test_realtime,
    test_smp,
    test_transformers,
    test_transformers_today,
    test_yolo_semantic,
)
from tests.support import nnunet
from tests.support.five import apart
from tests.support.networks import NETWORKS, seeded
from tests.support.savings import SAVINGS, Back, read_back

OUT = Path(__file__).resolve().parent.parent / "docs" / "checkpoints.md"

HEAD = """# What is opened, and what is recognized

Written by `python -m scripts.recognition`: each line below was saved, read, rebuilt and run when
the page was made. Nothing in a file is executed (`docs/decisions/0005-symbolic-reader.md`).

*bit-equal* means that every tensor came out of the file with the bits it had. The number is the
largest absolute difference between the logits of the rebuilt network and those of the original, on
the same picture. *weights only* means that the tensors are read and shown, and no network is known
for them; a `.pt2` of the same network runs, because it brings its graph.
"""

FAMILIES = """
## Families of networks

A network is recognized by its tensors' names and shapes. *Choice* is what no tensor shows, with
the default that is taken. The difference is that of the logits, relative to the largest one where
it is over 1, to the library's own network or to numbers that the original code gave
(`scripts/reference_logits.py`, `reference_realtime.py`, `reference_background.py`,
`reference_mmseg.py`); *by parts*: each part is tested against another library. *Keys alone* means
without config.json; what is compared of query networks are class scores, and choices are made.
Ultralytics' blocks are compared with a second writing of them (decision 49), not with its code.

Beside these: any exported program (`.pt2`) runs, whatever its architecture; ONNX files run where
the host allows it (`ALLOW_ONNX=1`); classes of the host's own are named by it (`own-models.md`).
Files packed with gzip, bzip2, xz, tar or Zstandard (with the package `zstandard`), in a ZIP under
any name or in a ZIP within a ZIP, and folders of torch.distributed.checkpoint in a ZIP open as they
are. 8-bit floats, quantized and packed weights,
pruned weights, weight_norm and spectral_norm are turned into the float32 that the network had, and
that is said. Files of other libraries and weights of other kinds (adapters, shards, YOLO, SAM, an
encoder alone, ...) are named, each with its way in: `core/checkpoint/around/foreign.py` and
`core/architectures/strangers.py` list them. A fork that has further layers between those of a known
network is refused, not built without them (`docs/decisions/0046-what-only-looks-alike.md`).
Anything else is *weights only*: its tensors, heads and health are shown, and the
page shows the two lines that write a `.pt2`.

| source | recognized as | tensors | choice (default) | difference |
|---|---|---|---|---|
"""


@dataclass(frozen=True)
class Row:
    """One network of one family, as it was recognized."""

    source: str
    network: Network
    difference: float

    def __str__(self) -> str:
        choices = ", ".join(f"{c.name} ({c.options[0]})" for c in self.network.choices)
        account = self.network.account
        of = len(account.matched) + len(account.unexpected)
        apart = "by parts" if math.isnan(self.difference) else f"{self.difference:.1e}"
        return (
            f"| {self.source} | {self.network.architecture} | {len(account.matched)} of {of} "
            f"| {choices or '-'} | {apart} |"
        )


def main() -> None:
    """Measure, and write the page."""
    warnings.simplefilter("ignore")  # tracing and exporting warn about the networks
    parts = [HEAD, ways(), FAMILIES, *(f"{row}\n" for row in families())]
    OUT.write_text("".join(parts), encoding="utf-8")
    print(OUT.read_text(encoding="utf-8"))


# --- ways of saving -------------------------------------------------------------------------------


def ways() -> str:
    """The table of containers: one row a way of saving, one column a network."""
    lines = [f"\n## Ways of saving\n\n| saved as | {' | '.join(NETWORKS)} |\n"]
    lines.append("|---" * (len(NETWORKS) + 1) + "|\n")
    with tempfile.TemporaryDirectory() as folder:
        for way in SAVINGS:
            cells = [_cell(read_back(name, way, Path(folder))) for name in NETWORKS]
            lines.append(f"| {way} | {' | '.join(cells)} |\n")
            print(lines[-1], end="", flush=True)
    return "".join(lines)


def _cell(back: Back) -> str:
    equal = f"{len(back.differing)} tensors differ" if back.differing else "bit-equal"
    return f"{equal}, {back.difference:.0e}" if back.built else f"{equal}, weights only"


# --- families -------------------------------------------------------------------------------------


def families() -> Iterator[Row]:
    """Every network that the tests rebuild."""
    yield from _live("torchvision", _torchvision())
    yield from _live("segmentation-models-pytorch", _smp())
    yield from _originals()
    yield from _realtime()
    yield from _yolo()
    yield from _background()
    yield from _live("nnU-Net v2", _nnunet())
    yield from _live("MONAI", _monai())
    yield from _mmseg()
    yield from _mmseg_backbones()
    yield from _transformers()
    yield from _transformers_today()
    yield from _upernets()


Makers = Mapping[str, tuple[Callable[[], nn.Module], torch.Tensor]]


def _torchvision() -> Makers:
    names = [name for name in dir(segmentation) if name.startswith(("deeplab", "fcn_", "lraspp_"))]
    makers = {name: getattr(segmentation, name) for name in names}
    plain = {"weights": None, "weights_backbone": None, "num_classes": 5}
    return {
        name: (lambda make=make: make(**plain), torch.randn(1, 3, 64, 96))
        for name, make in makers.items()
        if callable(make)
    }


def _smp() -> Makers:
    return {
        f"{decoder}, {encoder}{_said(options)}": (
            lambda case=(decoder, encoder, options): test_smp.network(*case[:2], **case[2]),
            test_smp.picture(decoder, options.get("in_channels", 3)),
        )
        for decoder, encoder, options in test_smp.CASES
    }


def _nnunet() -> Makers:
    x = torch.randn(1, 1, 64, 96)
    return {kind: (lambda kind=kind: nnunet.network(kind), x) for kind in test_nnunet.KINDS}


def _monai() -> Makers:
    return {
        name: (
            lambda name=name: test_monai.model_of(name),
            torch.randn(1, options["in_channels"], 64, 96),
        )
        for name, (_, options) in test_monai.CASES.items()
    }


def _said(options: Mapping[str, object]) -> str:
    return "".join(f", {name}={value}" for name, value in options.items())


def _live(library: str, makers: Makers) -> Iterator[Row]:
    """Networks that a library makes: saved as a state_dict and compared on the spot."""
    with tempfile.TemporaryDirectory() as folder:
        for name, (make, x) in makers.items():
            torch.manual_seed(0)
            model, path = seeded(make()), Path(folder) / "weights.pth"
            torch.save(model.state_dict(), path)
            network = build_network(read_checkpoint(path, name="weights.pth", digest="d"))
            yield Row(f"{library}: {name}", network, _difference(network.module, model, x))


def _difference(ours: nn.Module, theirs: nn.Module, x: torch.Tensor) -> float:
    with torch.inference_mode():
        found, wanted = _main(ours(x)), _main(theirs(x))
    return float((found - wanted).abs().max() / max(1.0, float(wanted.abs().max())))


def _main(output: object) -> torch.Tensor:
    return output["out"] if isinstance(output, dict) else output  # type: ignore[return-value]


def _originals() -> Iterator[Row]:
    """Networks of repositories whose code is not here: compared with what their code answered."""
    told = test_families.told()
    shapes = unpacked(told["shapes"])
    by_layout = groupby(VARIANTS.items(), key=lambda item: item[1].layout)
    for layout, variants in by_layout:
        name, variant = next(variants)
        checkpoint = test_families.checkpoint_of(weights(shapes[layout]))
        chosen = {test_families.OUTPUT_STRIDE: str(variant.stride)} if variant.stride else {}
        network = build_network(checkpoint, chosen)
        yield Row(layout, network, _distance(network, told["logits"][name]))


def _realtime() -> Iterator[Row]:
    """The same for real-time networks, narrow where their class takes a width."""
    told = test_realtime.told()
    for name, logits in told["logits"].items():
        network = test_realtime.network_of(name)
        yield Row(f"real-time: {name}", network, _relative(network, logits))


def _yolo() -> Iterator[Row]:
    """The layout of Ultralytics' semantic networks, against a second writing of its blocks."""
    for name, options in test_yolo_semantic.VARIANTS.items():
        with tempfile.TemporaryDirectory() as folder:
            model = test_yolo_semantic.original(**options)
            network = build_network(test_yolo_semantic.read(model, Path(folder)))
            x = picture(test_yolo_semantic.SIZE)
            yield Row(f"Ultralytics: {name}", network, _difference(network.module, model, x))


def _background() -> Iterator[Row]:
    """The same for background removal; the map is the default one."""
    told = test_background.told()
    for name, sizes in told.maps.items():
        network = test_background.network_of(name)
        logits = {size: maps[0] for size, maps in sizes.items()}
        yield Row(f"background removal: {name}", network, _distance(network, logits))


def _mmseg_backbones() -> Iterator[Row]:
    """Whole networks of mmsegmentation, compared with what its own code answered."""
    for name, logits in test_mmseg_backbones.told()["logits"].items():
        network = test_mmseg_backbones.network_of(name)
        yield Row(f"mmsegmentation: {name}", network, _relative(network, logits))
    network = test_mmseg_backbones.convnext_network("UPerNet")
    yield Row("mmsegmentation: UPerNet, ConvNeXt", network, math.nan)


def _transformers_today() -> Iterator[Row]:
    """Networks of transformers from a state_dict alone; what is compared are class scores."""
    today = test_transformers_today
    with tempfile.TemporaryDirectory() as folder:
        for name in today.CONFIGS:
            path = Path(folder) / "weights.pth"
            torch.save(today.model_of(name).state_dict(), path)
            checkpoint = read_checkpoint(path, name=path.name, digest="d")
            network = build_network(checkpoint, today.CHOSEN)
            worst = apart(today.answer_of(network), today.wanted_of(today.model_of(name)))
            yield Row(f"transformers, keys alone: {name}", network, worst)


def _upernets() -> Iterator[Row]:
    """UPerNet of transformers on the backbones that only a config tells."""
    today = test_transformers_today
    for name in today.BACKBONES:
        with tempfile.TemporaryDirectory() as folder:
            model, path = today.upernet_on(name), Path(folder) / "saved.zip"
            path.write_bytes(zipped(test_transformers.folder_of(model, Path(folder) / "saved")))
            network = build_network(read_checkpoint(path, name=path.name, digest="d"))
            worst = apart(today.answer_of(network), today.wanted_of(model))
            yield Row(f"transformers: UPerNet, {name}", network, worst)


def _relative(network: Network, logits: Mapping[str, list[list[float]]]) -> float:
    """The distance, relative to the largest logit where that is over 1."""
    worst = max(abs(v) for size in logits.values() for pixel in size for v in pixel)
    return _distance(network, logits) / max(1.0, worst)


def _distance(network: Network, logits: Mapping[str, list[list[float]]]) -> float:
    worst = 0.0
    for size, wanted in logits.items():
        h, w = map(int, size.split("x"))
        with torch.inference_mode():
            found = torch.tensor(pixels(network.module(picture((h, w)))))
        worst = max(worst, float((found - torch.tensor(wanted)).abs().max()))
    return worst


def _mmseg() -> Iterator[Row]:
    """Networks of mmsegmentation: what they answer is held part by part in test_mmseg.py."""
    for kind in test_mmseg.KINDS:
        body, channels = test_mmseg.resnet((3, 4, 6, 3))
        tensors = body | test_mmseg.head(kind, channels)
        network = build_network(test_mmseg.checkpoint_of(tensors))
        yield Row(f"mmsegmentation: {kind}", network, math.nan)


def _transformers() -> Iterator[Row]:
    """Networks that transformers saves as a folder, opened as a ZIP of it."""
    for name in test_transformers.CONFIGS:
        with tempfile.TemporaryDirectory() as folder:
            model, path = test_transformers.model_of(name), Path(folder) / "saved.zip"
            files = test_transformers.folder_of(model, Path(folder) / "saved")
            path.write_bytes(zipped(files))
            network = build_network(read_checkpoint(path, name=path.name, digest="d"))
            yield Row(f"transformers: {name}", network, test_transformers.differ(network, model))


if __name__ == "__main__":
    main()
