"""Which encoder of segmentation-models-pytorch a file's keys and shapes are."""

from __future__ import annotations

import functools

import torch

from core.architectures.families.smp.encoder_names import Shapes, nearest_to, table, with_these
from core.architectures.nearest import export_lines
from core.architectures.network import Account, Tensors, refuse_unfit
from core.architectures.shapes import size
from core.architectures.skeleton import without_numbers
from core.checkpoint import Checkpoint
from core.errors import ArchitectureError

ENCODER = "encoder."
FIRST = ("resnet34", "resnet50", "resnet18", "mobilenet_v2", "efficientnet-b0")  # the usual ones
OURS = "tf_mobilenetv3"  # what the library means by its own name "timm-mobilenetv3"
OLD_NAMES = ("timm-regnet", "timm-res2", "timm-resnest", "timm-mobilenetv3", "timm-gernet")
MOST_ALIKE = 6  # names to choose from
UNKNOWN = (
    "Its encoder may be one that is not known here, or the network was changed before training. "
    "Save it with model.save_pretrained(...), whose config.json names the encoder, or export it."
)


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
    for name in map(_present, (stated, pickled)):
        if _is_known(name) and _fits(found, name):
            return (name,)
    if alike := [name for name in _likely(found)[:MOST_ALIKE] if _fits(found, name)]:
        return tuple(alike)
    best = max(nearest_to(found) or FIRST[:1], key=lambda name: _overlap(found, name))
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


def _likely(found: Shapes) -> list[str]:
    """All names that may fit, the usual ones first; of encoders that the table lacks all."""
    from segmentation_models_pytorch.encoders import encoders

    known = [name for name in with_these(found) if name.startswith("tu-") or name in encoders]
    new = [name for name in encoders if name not in table()]
    return [*sorted(known, key=lambda name: (OURS not in name, name not in FIRST)), *new]


def _fits(found: Shapes, name: str) -> bool:
    return _overlap(found, name) == 1


def _overlap(found: Shapes, name: str) -> float:
    """Share of tensors, of the file's and the encoder's together, that both have alike."""
    wanted = shapes_of(name)
    same = sum(_alike(found.get(key), shape) for key, shape in wanted.items())
    return same / max(1, len(found.keys() | wanted.keys()))


def _alike(found: tuple[int, ...] | None, wanted: tuple[int, ...]) -> bool:
    """Equal but for the input channels of a first convolution, which are free."""
    if found is None or found == wanted:
        return found is not None
    return len(found) == len(wanted) == 4 and wanted[1] == 3 and found[::2] == wanted[::2]


def in_channels(tensors: Tensors, name: str) -> int:
    """Of the first convolution in the library's own order; a file may have any, as safetensors."""
    convs = (key for key, shape in shapes_of(name).items() if len(shape) == 4)
    return size(tensors, ENCODER + next(convs, ""), 1, 3)


@functools.lru_cache(maxsize=256)
def shapes_of(name: str) -> Shapes:
    """Of the library's own encoder, for a picture of three channels."""
    module = _encoder(name)
    return {key: tuple(tensor.shape) for key, tensor in module.state_dict().items()}


def _encoder(name: str) -> torch.nn.Module:
    from segmentation_models_pytorch.encoders import TimmViTEncoder, get_encoder

    with without_numbers():
        if name.removeprefix("tu-").startswith("vit_"):
            module: torch.nn.Module = TimmViTEncoder(name.removeprefix("tu-"), pretrained=False)
        else:
            depth = 4 if name.startswith("tu-convnext") else 5
            module = get_encoder(name, in_channels=3, depth=depth, weights=None)
    return module
