"""Which encoder of segmentation-models-pytorch a file's keys and shapes are."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from typing import Any

import torch
from torch.overrides import TorchFunctionMode

from core.architectures.families.smp.encoder_names import nearest_to, table, with_these
from core.architectures.nearest import export_lines
from core.architectures.network import Tensors
from core.checkpoint import Checkpoint
from core.errors import ArchitectureError

Shapes = Mapping[str, tuple[int, ...]]

ENCODER = "encoder."
# timm has 1,300 networks; these are what people put behind the library's "tu-" first.
TIMM = (
    *("resnet18", "resnet34", "resnet50", "resnet101", "efficientnet_b0", "efficientnet_b1"),
    *("efficientnet_b2", "efficientnet_b3", "efficientnet_b4", "mobilenetv3_large_100"),
    *("mobilenetv3_small_100", "mobilenetv2_100", "convnext_tiny", "convnext_small"),
    *("convnext_base", "regnety_016", "regnety_032", "tf_efficientnetv2_s", "hrnet_w18"),
)
VITS = (
    *("vit_base_patch16_224", "vit_small_patch16_224", "vit_tiny_patch16_224"),
    *("vit_large_patch16_224", "vit_base_patch16_384", "vit_small_patch16_384"),
    *("vit_tiny_patch16_384", "vit_large_patch16_384"),
)
FIRST = ("resnet34", "resnet50", "resnet18", "mobilenet_v2", "efficientnet-b0")  # the usual ones


def encoder_name(checkpoint: Checkpoint, stated: str = "") -> str:
    """The library's name of the encoder.

    Args:
        checkpoint: the weights; a pickled network names its encoder itself ("u-resnet34").
        stated: the name in the file's configuration, "" for none.

    Raises:
        ArchitectureError: no encoder has these tensors.
    """
    found = _found(checkpoint.tensors)
    pickled = str(checkpoint.attributes.get("name", "")).partition("-")[2]
    names = [name for name in (stated, pickled) if _is_known(name)]
    for name in (*names, *_likely(found)):
        if _fits(found, name):
            return name
    best = max(nearest_to(found) or FIRST[:1], key=lambda name: _overlap(found, name))
    if _overlap(found, best) >= 0.5:
        return best  # what differs shows in the account
    raise ArchitectureError(
        f"The decoder is one of segmentation-models-pytorch, but no encoder of it has these "
        f"{len(found)} tensors; the nearest is {best}.",
        remedy="Save it with model.save_pretrained(...), whose config.json names the encoder, or "
        "export it with its graph.",
        code=export_lines(checkpoint.tensors),
    )


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
    return [*sorted(known, key=lambda name: name not in FIRST), *new]


def _fits(found: Shapes, name: str) -> bool:
    return _overlap(found, name) == 1


def _overlap(found: Shapes, name: str) -> float:
    """Share of tensors, of the file's and the encoder's together, that both have alike."""
    wanted = _shapes(name)
    same = sum(_alike(found.get(key), shape) for key, shape in wanted.items())
    return same / max(1, len(found.keys() | wanted.keys()))


def _alike(found: tuple[int, ...] | None, wanted: tuple[int, ...]) -> bool:
    """Equal but for the input channels of a first convolution, which are free."""
    if found is None or found == wanted:
        return found is not None
    return len(found) == len(wanted) == 4 and wanted[1] == 3 and found[::2] == wanted[::2]


@functools.lru_cache(maxsize=256)
def _shapes(name: str) -> Shapes:
    """Of the library's own encoder, for a picture of three channels."""
    module = _encoder(name)
    return {key: tuple(tensor.shape) for key, tensor in module.state_dict().items()}


class _RatesWithNumbers(TorchFunctionMode):
    """Mix vision transformers compute their drop rates with tensors, which need numbers."""

    def __torch_function__(
        self, func: Any, types: Any, args: Any = (), kwargs: Any = None
    ) -> torch.Tensor:
        """Make those on the processor, whatever the device is."""
        where = {"device": "cpu"} if func is torch.linspace else {}
        result: torch.Tensor = func(*args, **{**(kwargs or {}), **where})
        return result


def _encoder(name: str) -> torch.nn.Module:
    from segmentation_models_pytorch.encoders import TimmViTEncoder, get_encoder

    with torch.device("meta"), _RatesWithNumbers():
        if name.removeprefix("tu-").startswith("vit_"):
            module: torch.nn.Module = TimmViTEncoder(name.removeprefix("tu-"), pretrained=False)
        else:
            depth = 4 if name.startswith("tu-convnext") else 5
            module = get_encoder(name, in_channels=3, depth=depth, weights=None)
    return module
