"""Which encoder of segmentation-models-pytorch a file's keys and shapes are."""

from __future__ import annotations

import functools
import hashlib
import json
from collections.abc import Iterator, Mapping
from contextlib import nullcontext
from pathlib import Path

import torch

from core.architectures.nearest import export_lines
from core.architectures.network import Account, Tensors, refuse_unfit
from core.checkpoint import Checkpoint
from core.errors import ArchitectureError

Shapes = Mapping[str, tuple[int, ...]]

ENCODER = "encoder."
TABLE = Path(__file__).with_name("timm_encoders.json")  # by scripts/timm_encoders.py
# timm has 1,300 networks; these are what people put behind the library's "tu-" first.
TIMM = (
    *("resnet18", "resnet34", "resnet50", "resnet101", "efficientnet_b0", "efficientnet_b1"),
    *("efficientnet_b2", "efficientnet_b3", "efficientnet_b4", "mobilenetv3_large_100"),
    *("mobilenetv3_small_100", "mobilenetv2_100", "convnext_tiny", "convnext_small"),
    *("convnext_base", "regnety_016", "regnety_032", "tf_efficientnetv2_s", "hrnet_w18"),
)
UNKNOWN = (
    "Its encoder may be one that is not known here, or the network was changed before training. "
    "Save it with model.save_pretrained(...), whose config.json names the encoder, or export it."
)
OLD_NAMES = ("timm-regnet", "timm-res2", "timm-resnest", "timm-mobilenetv3", "timm-gernet")
OURS = "tf_mobilenetv3"  # what the library means by its own name "timm-mobilenetv3"
MOST_ALIKE = 6  # names to choose from
VITS = (
    *("vit_base_patch16_224", "vit_small_patch16_224", "vit_tiny_patch16_224"),
    *("vit_large_patch16_224", "vit_base_patch16_384", "vit_small_patch16_384"),
    *("vit_tiny_patch16_384", "vit_large_patch16_384"),
)
FIRST = ("resnet34", "resnet50", "resnet18", "mobilenet_v2", "efficientnet-b0")  # the usual ones


def encoder_names(checkpoint: Checkpoint, stated: str = "") -> tuple[str, ...]:
    """The library's names of the encoder; several where tensors cannot tell them apart.

    Args:
        checkpoint: the weights; a pickled network names its encoder itself ("u-resnet34").
        stated: the name in the file's configuration, "" for none.

    Raises:
        ArchitectureError: no encoder has these tensors.
    """
    found = _found(checkpoint.tensors)
    pickled = str(checkpoint.attributes.get("name", "")).partition("-")[2]
    names = [name for name in map(_present, (stated, pickled)) if _is_known(name)]
    alike = _alike_by_table(found)
    for name in (*names, *alike[:1], *_likely(found)):
        if _fits(found, name):
            return (name,) if name not in alike or name in names else alike
    best = max(_likely(found), key=lambda name: _overlap(found, name))
    if _overlap(found, best) >= 0.5:
        return (best,)  # what differs shows in the account
    raise ArchitectureError(
        f"The decoder is one of segmentation-models-pytorch, but no encoder of it has these "
        f"{len(found)} tensors; the nearest is {best}.",
        remedy="Save it with model.save_pretrained(...), whose config.json names the encoder, or "
        "export it with its graph.",
        code=export_lines(checkpoint.tensors),
    )


def refuse_other_encoder(account: Account, title: str, checkpoint: Checkpoint) -> None:
    """Refuse what does not fit; that may be an encoder of timm which is not known here.

    Raises:
        ArchitectureError: tensors are missing or have another shape.
    """
    try:
        refuse_unfit(account, title)
    except ArchitectureError as error:
        lines = export_lines(checkpoint.tensors)
        raise ArchitectureError(error.message, remedy=UNKNOWN, code=lines) from error


def _present(name: str) -> str:
    """A name of before version 0.5 as the library understands it: "timm-regnetx_002"."""
    if not name.startswith(OLD_NAMES):
        return name
    tf = "tf_" if name.startswith("timm-mobilenetv3") else ""
    return f"tu-{tf}{name.removeprefix('timm-')}"


def _alike_by_table(found: Shapes) -> tuple[str, ...]:
    """Encoders of timm with these names and shapes, what people use most first."""
    if not any(key.startswith("model.") for key in found):
        return ()
    names = json.loads(TABLE.read_text(encoding="utf-8")).get(signature(found), [])
    used = [f"tu-{name}" for name in TIMM]
    order = {name: (OURS not in name, name not in used, len(name), name) for name in names}
    return tuple(sorted(names, key=lambda name: order[name]))[:MOST_ALIKE]


def _found(tensors: Tensors) -> Shapes:
    return {
        key.removeprefix(ENCODER): tuple(tensor.shape)
        for key, tensor in tensors.items()
        if key.startswith(ENCODER)
    }


def _is_known(name: str) -> bool:
    """A name comes from the file: only those of the two libraries are built."""
    from segmentation_models_pytorch.encoders import encoders

    if not name.startswith("tu-"):
        return name in encoders
    import timm

    return name.removeprefix("tu-").partition(".")[0] in timm.list_models()


def _likely(found: Shapes) -> Iterator[str]:
    """All names that may fit, the usual ones first."""
    from segmentation_models_pytorch.encoders import encoders

    if "model.pos_embed" in found:
        return (f"tu-{name}" for name in VITS)
    if any(key.startswith("model.") for key in found):
        return (f"tu-{name}" for name in TIMM)
    return iter(dict.fromkeys((*FIRST, *encoders)))


def _fits(found: Shapes, name: str) -> bool:
    return _overlap(found, name) == 1


def _overlap(found: Shapes, name: str) -> float:
    """Share of tensors, of the file's and the encoder's together, that both have alike."""
    wanted = shapes_of(name)
    same = sum(_alike(found.get(key), shape) for key, shape in wanted.items())
    return same / max(1, len(found.keys() | wanted.keys()))


def signature(shapes: Shapes) -> str:
    """Names and shapes as a digest; the input channels of convolutions are free.

    >>> signature({"conv.weight": (8, 3, 3, 3)}) == signature({"conv.weight": (8, 1, 3, 3)})
    True
    """
    listed = sorted(
        (key, [n for axis, n in enumerate(shape) if len(shape) != 4 or axis != 1])
        for key, shape in shapes.items()
    )
    return hashlib.sha256(json.dumps(listed).encode()).hexdigest()[:16]


def _alike(found: tuple[int, ...] | None, wanted: tuple[int, ...]) -> bool:
    """Equal but for the input channels of a first convolution, which are free."""
    if found is None or found == wanted:
        return found is not None
    return len(found) == len(wanted) == 4 and wanted[1] == 3 and found[::2] == wanted[::2]


@functools.lru_cache(maxsize=256)
def shapes_of(name: str) -> Shapes:
    """Of the library's own encoder, for a picture of three channels."""
    module = _encoder(name)
    return {key: tuple(tensor.shape) for key, tensor in module.state_dict().items()}


def _encoder(name: str) -> torch.nn.Module:
    from segmentation_models_pytorch.encoders import TimmViTEncoder, get_encoder

    # Mix vision transformers compute their drop rates with tensors, which need numbers.
    with nullcontext() if name.startswith("mit_") else torch.device("meta"):
        if name.removeprefix("tu-").startswith("vit_"):
            module: torch.nn.Module = TimmViTEncoder(name.removeprefix("tu-"), pretrained=False)
        else:
            depth = 4 if name.startswith("tu-convnext") else 5
            module = get_encoder(name, in_channels=3, depth=depth, weights=None)
    return module
