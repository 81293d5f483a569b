"""What a forward takes: measured on two small inputs, told for a large one before it is begun.

Layers take memory by the pixel, attention by the pair of pixels; both are seen in two sizes.
"""

from __future__ import annotations

import os
import time
import weakref
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch.utils._python_dispatch import TorchDispatchMode

from core import inference
from core.architectures import Network
from core.errors import ForwardError, SettingsError
from core.operators import ForwardTooLongError, check_wanted
from core.preprocess import InputTensor
from core.recent import Recent
from core.settings import CONTROLS, Forwarding, Settings
from core.views import count_pixels, view_size

SMALL, LARGER = 128, 256  # pixels a side of what is measured: 50 ms for most networks
FREE_PIXELS = 1_000_000  # fed at once, below which nothing is measured: 2 KB each are 2 GB
MEMORY_SHARE = 0.5  # of the machine's memory that one forward may take where the host says nothing
DEFAULT_SECONDS = 120.0  # others wait meanwhile; ResNet-50: 15 to 24 for 1 Mpx, two busy cores
UNSEEN = 1.5  # times what is seen; measured: MobileNetV3 1.1, ResNet-50 1.3, SegFormer 1.5
SURELY = 2.0  # times the limit: what is estimated to take more is not begun
STEP = 32  # pixels; sizes that are advised are multiples of it, as most networks want
MOST_KNOWN = 256  # networks whose cost is known, the last ones
CGROUP = Path("/sys/fs/cgroup/memory.max")  # of a container; "max" where it has no limit
Run = Callable[[str, Callable[[], "Measured"]], "Measured"]


@dataclass(frozen=True)
class Cost:
    """Memory and time of one forward of a network, by the pixels that it is given at once."""

    by_pixel: float  # bytes of layers
    by_pair: float  # bytes for each pair of pixels: attention
    seconds_by_pixel: float

    def layers(self, pixels: int) -> float:
        """Bytes that are needed at the same time, without the logits at the picture's size."""
        return UNSEEN * (self.by_pixel * pixels + self.by_pair * pixels**2)


# --- limits ---------------------------------------------------------------------------------------


def memory_limit(environment: Mapping[str, str] = os.environ, cgroup: Path = CGROUP) -> float:
    """Bytes that one forward may take: MASKSCOPE_FORWARD_GB, else half of what there is.

    Raises:
        SettingsError: the host has set what is no number.
    """
    asked = _number(environment, "MASKSCOPE_FORWARD_GB")
    return asked * 1e9 if asked else MEMORY_SHARE * _machine(cgroup)


def time_limit(environment: Mapping[str, str] = os.environ) -> float:
    """Seconds that one forward may take: MASKSCOPE_FORWARD_SECONDS.

    Raises:
        SettingsError: the host has set what is no number.
    """
    return _number(environment, "MASKSCOPE_FORWARD_SECONDS") or DEFAULT_SECONDS


def _number(environment: Mapping[str, str], name: str) -> float | None:
    asked = environment.get(name, "")
    try:
        number = float(asked) if asked else None
    except ValueError:
        number = 0.0
    if number is not None and not number > 0:
        raise SettingsError(
            f"{name} is {asked!r}.", remedy="Have the host write a number above 0, such as 8."
        )
    return number


def _machine(cgroup: Path) -> float:
    """Bytes of memory of this machine, or of the container around this process."""
    try:
        whole = float(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"))
    except (ValueError, OSError, AttributeError):  # Windows does not tell
        whole = 16e9
    try:
        return min(whole, float(cgroup.read_text()))
    except (OSError, ValueError):
        return whole


# --- measuring ------------------------------------------------------------------------------------


class Alive(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Counts the bytes that the results of operators hold, and the most at one time."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self._held: dict[int, int] = {}  # by storage: bytes
        self._now = 0
        self.most = 0

    def __torch_dispatch__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: Any = None
    ) -> Any:
        """Let the operator do its work, and see what it made."""
        check_wanted()
        made = func(*args, **(kwargs or {}))
        for each in made if isinstance(made, tuple | list) else (made,):
            if isinstance(each, torch.Tensor):
                self._hold(each.untyped_storage())
        return made

    def _hold(self, storage: torch.UntypedStorage) -> None:
        key = id(storage)
        if key in self._held:
            return
        self._held[key] = storage.nbytes()
        self._now += storage.nbytes()
        self.most = max(self.most, self._now)
        weakref.finalize(storage, self._let_go, key).atexit = False

    def _let_go(self, key: int) -> None:
        self._now -= self._held.pop(key)


def measure(network: Network, how: Forwarding) -> Cost | None:
    """Run two small inputs; None where the network takes no such sizes, or is run elsewhere."""
    sides = [_side(network, side) for side in (SMALL, LARGER)]
    try:
        (small, some, _), (large, more, seconds) = (_tried(network, how, each) for each in sides)
    except (ForwardError, ValueError):
        return None
    if not some or small >= large:
        return None
    by_pair = max(0.0, (more / large - some / small) / (large - small))
    return Cost(more / large - by_pair * large, by_pair, seconds / large)


@dataclass(frozen=True)
class Measured:
    """What came of measuring; that nothing did is known too."""

    cost: Cost | None


_MEASURED: Recent[Measured] = Recent(MOST_KNOWN, lambda _: 1)


def cost_of(network: Network, how: Forwarding, run: Run) -> Cost | None:
    """Measure a network once.

    Args:
        network: the rebuilt network.
        how: mode and head.
        run: the door to it: an engine's, or `in_this_thread`.
    """
    key = f"{network.checkpoint_digest} {how.mode} {how.head}"
    if (known := _MEASURED.get(key)) is None:
        known = run("", lambda: Measured(measure(network, how)))
        _MEASURED.put(key, known)
    return known.cost


def forget() -> None:
    """Know nothing of any network, as at the start."""
    _MEASURED.clear()


def _side(network: Network, side: int) -> tuple[int, int]:
    return network.sizes.nearest(side, side) if network.sizes else (side, side)


def _tried(network: Network, how: Forwarding, size: tuple[int, int]) -> tuple[int, int, float]:
    """Pixels, bytes and seconds of one forward."""
    x = torch.zeros(1, network.in_channels, *size)
    alive, began = Alive(), time.perf_counter()
    with torch.inference_mode(), alive:
        inference.outputs(network, x, how)
    return size[0] * size[1], alive.most, time.perf_counter() - began


# --- what is refused ------------------------------------------------------------------------------


def check(
    network: Network,
    tensor: InputTensor,
    settings: Settings,
    size: tuple[int, int],
    cost: Callable[[], Cost | None],
) -> None:
    """Refuse what would take more memory, or by far more time, than one forward may.

    Args:
        network: that is to be run.
        tensor: what it would be fed.
        settings: under which; with windows each of them is fed alone.
        size: h, w of the logits in the end.
        cost: measures the network, or takes what was measured; asked for large inputs only.

    Raises:
        ForwardError: it is too large; with the size that fits as a change of the settings.
    """
    fed = _fed(tensor)
    if _at_once(fed, settings) <= FREE_PIXELS or (known := cost()) is None:
        return
    need = _needed(network, known, settings, fed, size)
    if need > memory_limit():
        raise _too_large(
            f"The forward of an input of {fed[1]} x {fed[0]} pixels would take about "
            f"{need / 2**30:.2g} GiB of memory; {memory_limit() / 2**30:.2g} GiB are allowed here.",
            network, known, settings, fed, size,
        )  # fmt: skip
    seconds = known.seconds_by_pixel * count_pixels(*fed, settings.forwarding)
    if seconds > SURELY * time_limit():
        raise _too_large(
            f"The forward of an input of {fed[1]} x {fed[0]} pixels would take about "
            f"{seconds:.0f} s; {time_limit():g} s are allowed here.",
            network, known, settings, fed, size,
        )  # fmt: skip


def too_long(
    network: Network,
    tensor: InputTensor,
    settings: Settings,
    size: tuple[int, int],
    cost: Callable[[], Cost | None],
) -> ForwardError:
    """What is said where a forward was ended because of its time; see `check`."""
    fed = _fed(tensor)
    said = (
        f"The forward of an input of {fed[1]} x {fed[0]} pixels was ended after "
        f"{time_limit():g} s, which is all that one may take here."
    )
    known = cost() or Cost(0.0, 0.0, 0.0)
    least = 4 * time_limit() / count_pixels(*fed, settings.forwarding)  # half the sides, at most
    slow = Cost(known.by_pixel, known.by_pair, max(known.seconds_by_pixel, least))
    return _too_large(said, network, slow, settings, fed, size, ForwardTooLongError)


def _fed(tensor: InputTensor) -> tuple[int, int]:
    height, width = tensor.tensor.shape[2:]
    return height, width


def _at_once(fed: tuple[int, int], settings: Settings) -> int:
    height, width = view_size(*fed, settings.forwarding)
    return height * width


def _needed(
    network: Network, cost: Cost, settings: Settings, fed: tuple[int, int], size: tuple[int, int]
) -> float:
    """Bytes of the layers of one view, and of the logits at both sizes."""
    ends = network.num_classes * 4 * (fed[0] * fed[1] + size[0] * size[1])
    return cost.layers(_at_once(fed, settings)) + ends


def _too_large(
    said: str,
    network: Network,
    cost: Cost,
    settings: Settings,
    fed: tuple[int, int],
    size: tuple[int, int],
    kind: type[ForwardError] = ForwardError,
) -> ForwardError:
    fitting = _fitting(network, cost, settings, fed, size)
    if fitting is None:
        return kind(said, remedy="Upload a smaller version of the picture, or a crop of it.")
    height, width = fitting
    box = settings.preprocessing.resize == "letterbox"
    return kind(
        f"{said} {width} x {height} fits.",
        remedy=f"Choose {width} x {height} (width x height) under Resize.",
        changes={"resize": "letterbox" if box else "fixed", "height": height, "width": width},
    )


def _fitting(
    network: Network, cost: Cost, settings: Settings, fed: tuple[int, int], size: tuple[int, int]
) -> tuple[int, int] | None:
    """The largest h, w of about the same shape that is within both limits; None if none is."""
    most = min(max(fed), CONTROLS["height"].limits[1])
    for longer in range(int(most) // STEP * STEP, 0, -STEP):
        scaled = tuple(max(STEP, round(side * longer / max(fed) / STEP) * STEP) for side in fed)
        height, width = network.sizes.at_most(*scaled) if network.sizes else scaled
        seconds = cost.seconds_by_pixel * count_pixels(height, width, settings.forwarding)
        need = _needed(network, cost, settings, (height, width), size)
        smaller = height * width < fed[0] * fed[1]
        if smaller and need <= memory_limit() and seconds <= time_limit():
            return height, width
    return None
