"""Network and tensor to logits: one forward or the mean of several, at the picture's size."""

from __future__ import annotations

import copy
import time
from collections.abc import Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
import torch.nn.functional as F

from core.architectures import Network
from core.architectures.families.living_model import LivingModule
from core.architectures.program.program_module import ProgramModule
from core.errors import ChannelMismatchError, ForwardError
from core.operators import Stoppable, stopped
from core.orientation import TURNS
from core.settings import Forwarding, Orientation, Upsampling
from core.views import Run, averaged

if TYPE_CHECKING:
    from core.preprocess import InputTensor

BATCH_NORMS = torch.nn.modules.batchnorm._BatchNorm  # of 1, 2 and 3 dimensions, and synchronized
HEADS = {"out": "classifier", "aux": "aux_classifier"}  # torchvision's names for the parts
LOGIT_KEYS = ("out", "logits", "pred", "output")  # of dicts and objects, torchvision's first


@dataclass(frozen=True, eq=False)
class Logits:
    """What the network says about every pixel, before any decision."""

    values: np.ndarray  # Float32[num_classes h w], at the picture's size
    output_size: tuple[int, int]  # h, w of what the network returned, before resizing
    head: str
    mode: str
    seconds: float  # the forwards alone
    notes: tuple[str, ...] = ()  # what was done otherwise than asked
    views: int = 1  # how many forwards were averaged


def forward(
    network: Network, tensor: InputTensor, forwarding: Forwarding, *, size: tuple[int, int]
) -> Logits:
    """Run the network on each view, without gradients; the shared module is never changed.

    Args:
        network: the rebuilt network.
        tensor: [1 c h w] in float32, float16 or bfloat16; the network runs in that precision.
        forwarding: mode, head, views, and how the logits are enlarged.
        size: h, w of the picture.

    Raises:
        ChannelMismatchError: the first convolution expects another number of channels.
        ForwardError: the network stops, or returns something else than [1 C h w].
        SettingsError: there would be too many windows.

    A network of one convolution that gives the sum of its three channels, and its negative:

    >>> from core.architectures import Account
    >>> from core.colors import encode_png
    >>> from core.image import decode_image
    >>> from core.preprocess import preprocess
    >>> from core.settings import Preprocessing
    >>> module = torch.nn.Conv2d(3, 2, 1, bias=False).requires_grad_(False).eval()
    >>> _ = module.weight.copy_(torch.tensor([1.0, -1.0]).view(2, 1, 1, 1).expand(2, 3, 1, 1))
    >>> nothing = Account(matched=(), missing=(), unexpected=(), wrong_shape=())
    >>> network = Network(module, "one convolution", 2, 3, None, nothing, "digest")
    >>> white = decode_image(encode_png(np.full((4, 6, 3), 255, np.uint8)))
    >>> tensor = preprocess(white, Preprocessing(mean=(0, 0, 0), std=(1, 1, 1)))
    >>> logits = forward(network, tensor, Forwarding(), size=(4, 6))
    >>> logits.values.shape, logits.values[:, 0, 0].tolist()
    ((2, 4, 6), [3.0, -3.0])
    """
    notes: list[str] = []
    module = prepared(network, tensor.tensor, forwarding, notes)
    seconds: list[float] = []
    sizes: list[tuple[int, int]] = []

    def run(view: torch.Tensor) -> torch.Tensor:
        start = time.perf_counter()
        try:
            output = _run(module, view, forwarding.head)
        except ForwardError as error:
            _tell_size(error, network, tuple(view.shape[2:]))
            raise
        seconds.append(time.perf_counter() - start)
        sizes.append((output.shape[2], output.shape[3]))
        return resized(output.float(), tuple(view.shape[2:]), forwarding.upsampling)

    with torch.inference_mode():
        logits = _averaged(tensor.tensor, forwarding, run)
        values = at_picture(logits, tensor, forwarding.upsampling, size)[0].float().contiguous()
    return Logits(
        values.numpy(),
        sizes[0],
        forwarding.head,
        forwarding.mode,
        sum(seconds),
        tuple(dict.fromkeys(notes)),
        len(sizes),
    )


def _tell_size(error: ForwardError, network: Network, size: tuple[int, ...]) -> None:
    """Raise with a size that fits, where the network is known not to take this one."""
    if error.changes or network.sizes is None or network.sizes.take(*size):
        return
    height, width = network.sizes.nearest(*size)
    raise ForwardError(
        f"This network cannot be run on {size[0]} x {size[1]} pixels (height x width).",
        remedy=f"Choose {height} x {width} under Resize: the nearest size that it takes.",
        changes={"resize": "fixed", "height": height, "width": width},
    ) from error


def _averaged(x: torch.Tensor, forwarding: Forwarding, run: Run) -> torch.Tensor:
    """As `averaged`; a size that is advised is that of all that is fed, and not of windows."""
    try:
        return averaged(x, forwarding, run)
    except ForwardError as error:
        if forwarding.window and "resize" in error.changes:
            error.changes["window"] = 0
        raise


def outputs(
    network: Network,
    x: torch.Tensor,
    forwarding: Forwarding,
    notes: list[str] | None = None,
    module: torch.nn.Module | None = None,
) -> torch.Tensor:
    """What the network itself returns, [1 C h w] at its own size, before it is enlarged.

    Args:
        network: the rebuilt network.
        x: [1 c h w] in float32, float16 or bfloat16; the network runs in that precision.
        forwarding: mode and head.
        notes: takes what was done otherwise than asked.
        module: what `prepared` gave for such an input before; a copy takes longer than a forward.

    Raises:
        ChannelMismatchError, ForwardError: as `forward`.
    """
    if module is None:
        module = prepared(network, x, forwarding, [] if notes is None else notes)
    return _run(module, x, forwarding.head)


def prepared(
    network: Network, x: torch.Tensor, forwarding: Forwarding, notes: list[str]
) -> torch.nn.Module:
    """The module to run on an input: the shared one, or a changed copy of it.

    Raises:
        ChannelMismatchError, ForwardError: it cannot be run on such an input, or has no such head.
    """
    _check_channels(network, x)
    _check_head(network, forwarding.head)
    return _prepared(network.module, x.dtype, forwarding.mode, notes)


def _check_channels(network: Network, tensor: torch.Tensor) -> None:
    if tensor.shape[1] != network.in_channels:
        raise ChannelMismatchError(expected=network.in_channels, got=tensor.shape[1])


def _check_head(network: Network, head: str) -> None:
    if head == "aux" and network.aux_classes is None:
        raise ForwardError(
            "This checkpoint has no aux head.", remedy='Choose the head "out" in the sidebar.'
        )


# --- the module to run ----------------------------------------------------------------------------


def _prepared(
    shared: torch.nn.Module, dtype: torch.dtype, mode: str, notes: list[str]
) -> torch.nn.Module:
    """The shared module itself, or a changed copy for another precision or mode."""
    if mode == "eval" and dtype == torch.float32:
        return shared
    module = copy.deepcopy(shared).to(dtype)
    if mode == "train":
        _use_batch_statistics(module, notes)
    return module


def _use_batch_statistics(module: torch.nn.Module, notes: list[str]) -> None:
    """Only BatchNorm trains: dropout would make two forwards differ."""
    if isinstance(module, ProgramModule | LivingModule):
        module.own_statistics = True
        return

    def keep_where_single(norm: torch.nn.Module, inputs: tuple[torch.Tensor, ...]) -> None:
        x = inputs[0]  # 1 c h w
        if x.numel() == x.shape[1]:  # one value has no variance: torch raises
            norm.eval()
            notes.append(
                f"{names[norm]} sees one value per channel and keeps its stored statistics"
            )

    names: dict[torch.nn.Module, str] = {
        m: name for name, m in module.named_modules() if isinstance(m, BATCH_NORMS)
    }
    for norm in names:
        norm.train()
        norm.register_forward_pre_hook(keep_where_single)


# --- the forward ----------------------------------------------------------------------------------


def _run(module: torch.nn.Module, x: torch.Tensor, head: str) -> torch.Tensor:
    """Border to foreign code: [1 C h w] as the network returns it, or a ForwardError."""
    x = x.contiguous(memory_format=torch.channels_last)
    try:
        with torch.inference_mode(), _stoppable(module):
            output = call(module, x, head)
    except ForwardError:  # an exported program says itself why it stops
        raise
    except Exception as exc:
        raise stopped(exc, tuple(x.shape)) from exc
    return checked(output, x)


def _stoppable(module: torch.nn.Module) -> AbstractContextManager[object]:
    """Modules are asked before each layer (core/operators.py); a program has none."""
    layerless = isinstance(module, ProgramModule | LivingModule)
    return Stoppable() if layerless else nullcontext()  # type: ignore[no-untyped-call]


def call(module: torch.nn.Module, x: torch.Tensor, head: str) -> Any:
    """What a module returns, its logits unwrapped.

    Only the head that is looked at is run; torchvision's own forward computes both and enlarges.
    """
    from torchvision.models.segmentation import LRASPP
    from torchvision.models.segmentation._utils import _SimpleSegmentationModel

    if isinstance(module, LRASPP):
        return module.classifier(module.backbone(x))
    if isinstance(module, _SimpleSegmentationModel):
        layers = module.backbone(x)
        return module.get_submodule(HEADS[head])(layers[head])
    return _unwrapped(module(x), head)


def _unwrapped(output: Any, head: str) -> Any:
    """The logits in a tensor, a dict, a tuple, a list, or an object with `.logits`."""
    if isinstance(output, torch.Tensor):
        return output
    if isinstance(output, Mapping):
        keys = ("aux",) if head == "aux" else LOGIT_KEYS
        return next((output[key] for key in keys if key in output), output)
    if hasattr(output, "logits"):
        return output.logits
    if isinstance(output, tuple | list) and output:
        return _unwrapped(output[head == "aux" and len(output) > 1], head)
    return output


def checked(output: Any, x: torch.Tensor) -> torch.Tensor:
    """The logits [1 C h w] as they are; a ForwardError where the output is something else."""
    if (
        isinstance(output, torch.Tensor)
        and output.ndim == 4
        and len(output) == 1
        and output.numel()
    ):
        return output
    what = type(output).__name__
    if isinstance(output, torch.Tensor):
        what = f"a tensor of shape {tuple(output.shape)}"
    elif isinstance(output, Mapping):
        what = f"a dict with {', '.join(str(key) for key in list(output)[:5])}"
    raise ForwardError(
        f"The network returns {what} for an input of shape {tuple(x.shape)}; "
        "logits have the shape (1, classes, height, width).",
        remedy="Choose the checkpoint of a segmentation network that gives one score per pixel.",
    )


# --- back to the picture --------------------------------------------------------------------------


def at_picture(
    logits: torch.Tensor, tensor: InputTensor, upsampling: Upsampling, size: tuple[int, int]
) -> torch.Tensor:
    """Cut the padding off, turn back, and resize to the picture's size.

    Args:
        logits: Float32[1 C h w] at the tensor's size.
        tensor: what was fed.
        upsampling: how they are resized.
        size: h, w of the picture.
    """
    (top, left), (height, width) = tensor.corner, tensor.content
    values = logits[:, :, top : top + height, left : left + width]
    return resized(_turned_back(values, tensor.orientation), size, upsampling)


def _turned_back(values: torch.Tensor, orientation: Orientation) -> torch.Tensor:
    """[1 C h w] as the picture lies."""
    turn = TURNS[orientation]
    if turn.reversed_axes:
        values = values.flip([2 + axis for axis in turn.reversed_axes])
    return values.transpose(2, 3) if turn.transposed else values


def resized(values: torch.Tensor, size: tuple[int, ...], upsampling: Upsampling) -> torch.Tensor:
    """[1 C h w] at another size; the same values where they have it.

    Made contiguous while they are small: what is enlarged in the order of channels-last has to be
    transposed at the picture's size, which takes longer than the enlarging.
    """
    if tuple(values.shape[2:]) == tuple(size):
        return values
    values = values.contiguous()
    if upsampling == "nearest":
        return F.interpolate(values, size=size, mode="nearest")
    return F.interpolate(values, size=size, mode="bilinear", align_corners=False)
