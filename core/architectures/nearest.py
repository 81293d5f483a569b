"""Weights that fit no family: say what they are, or what they are nearest to and what differs."""

from __future__ import annotations

import torch

from core.architectures.network import Account, Candidate, Tensors
from core.architectures.shapes import resnet_name
from core.errors import ArchitectureError

# Family -> the keys by which it is recognized, where they are not laid out as the family's own
# module knows them, or where nothing is built yet.
FOREIGN = {
    "DeepLabV3+ by VainF": ("classifier.aspp.convs.", "classifier.classifier.0.convs."),
    "DeepLabV3+ by jfzhang95": ("aspp.aspp1.atrous_conv", "decoder.last_conv."),
    "DeepLabV3+ by bubbliiiing": ("aspp.branch1.", "cat_conv.0."),
    "U-Net by milesial": ("inc.double_conv.", "outc.conv."),
    "SegFormer of transformers": ("segformer.encoder.", "decode_head.linear_c."),
    "mmsegmentation network": ("decode_head.conv_seg.",),
    "nnU-Net": ("decoder.seg_layers.", "encoder.stages."),
    "Mask2Former": ("sem_seg_head.", "model.pixel_level_module."),
    "segmentation-models-pytorch network": ("segmentation_head.0.",),
}
SHOWN = 3  # names in a message
EXPORT = (
    "Export the network with its graph where it was trained, and upload that .pt2 file: it runs "
    "here whatever the architecture is."
)
LINES = """program = torch.export.export(model.eval(), (torch.zeros(1, {channels}, 512, 512),))
torch.export.save(program, "model.pt2")"""


def export_lines(tensors: Tensors) -> str:
    """The two lines that write a .pt2, with the channels of the first convolution."""
    first = next((t for t in tensors.values() if t.ndim == 4), None)
    return LINES.format(channels=3 if first is None else first.shape[1])


def explain(tensors: Tensors) -> ArchitectureError:
    """The error to raise: the first thing that is recognized."""
    return _classifier(tensors) or _foreign(tensors) or _nearest(tensors)


def _classifier(tensors: Tensors) -> ArchitectureError | None:
    """A network with one answer per picture: its last layer is a matrix."""
    name, last = "", ""
    if "layer1.0.conv1.weight" in tensors:
        name, last = f"ResNet-{resnet_name(tensors)}", "fc.weight"
    elif "features.0.0.weight" in tensors:
        name, last = (
            "MobileNet",
            max((k for k in tensors if k.startswith("classifier.")), default=""),
        )
        last = last.replace(".bias", ".weight")
    head = tensors.get(last)
    if head is None or head.ndim != 2:
        return None
    return ArchitectureError(
        f"This is a classification {name} with {head.shape[0]} classes: it gives one class for "
        "the whole picture, no mask.",
        remedy="Upload the checkpoint of a segmentation network; the backbone alone is not one.",
    )


def _foreign(tensors: Tensors) -> ArchitectureError | None:
    for family, starts in FOREIGN.items():
        if any(key.startswith(starts) for key in tensors):
            return ArchitectureError(
                f"These look like the weights of a {family}, but its network cannot be rebuilt "
                "from these names.",
                remedy=EXPORT,
                code=export_lines(tensors),
            )
    return None


def nearest(tensors: Tensors) -> tuple[Candidate, ...]:
    """The known networks with the most names in common with the file, at most `SHOWN`."""
    known, own = _known_keys(), set(tensors)
    by_share = sorted(known, key=lambda n: len(known[n] & own) / len(known[n] | own), reverse=True)
    return tuple(
        Candidate("torchvision", name, _account(tensors, known[name]), "Tensors are missing.")
        for name in by_share[:SHOWN]
        if known[name] & own
    )


def _account(tensors: Tensors, wanted: set[str]) -> Account:
    return Account(
        matched=tuple(key for key in tensors if key in wanted),
        missing=tuple(sorted(wanted - tensors.keys())),
        unexpected=tuple(key for key in tensors if key not in wanted),
        wrong_shape=(),
    )


def _nearest(tensors: Tensors) -> ArchitectureError:
    """Compare the names with those of every network that can be built."""
    found = nearest(tensors)
    if not found or found[0].account is None:
        return ArchitectureError(
            f"No network is known for these {len(tensors)} tensors "
            f"({_some(list(tensors))}): no name of theirs is in one that can be built.",
            remedy=EXPORT,
            code=export_lines(tensors),
        )
    account = found[0].account
    extra = _some(list(account.unexpected)) or "nothing"
    absent = _some(list(account.missing)) or "nothing"
    share = len(account.matched) / len(tensors)
    return ArchitectureError(
        f"No network is known for these {len(tensors)} tensors. The nearest is torchvision's "
        f"{found[0].architecture}, which has {share:.0%} of their names; only the file has "
        f"{extra}; only the network has {absent}.",
        remedy=EXPORT,
        code=export_lines(tensors),
    )


def _known_keys() -> dict[str, set[str]]:
    from torchvision.models import get_model

    from core.architectures.families.pretrained import pretrained_names

    with torch.device("meta"):  # no numbers: names are all that is asked
        return {
            name: set(get_model(name, weights=None, weights_backbone=None).state_dict())
            for name in pretrained_names()
        }


def _some(names: list[str]) -> str:
    return ", ".join(names[:SHOWN]) + (", ..." if len(names) > SHOWN else "")
