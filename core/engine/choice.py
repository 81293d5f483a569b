"""Which path is the fastest for a network and a size: measured here, in the background, once.

A path is taken where its answer is that of the network on the user's own input: the same class in
all but one pixel of a thousand. While that is not known, and where none is faster, the network
itself answers. What was measured stays to be seen.
"""

from __future__ import annotations

import logging
import statistics
import time
from collections.abc import Callable, Collection
from dataclasses import dataclass, replace
from threading import Lock, Thread

import torch
from torch import nn

from core import inference
from core.architectures import Network
from core.engine.engine import Engine
from core.engine.paths import Convert, candidates
from core.engine.queue import Lane
from core.preprocess import InputTensor
from core.recent import Recent
from core.settings import Forwarding

PLAIN = "plain float32"
ROUNDS = 3  # forwards of each path, in turn, and again of the two fastest; the median counts
SAME_CLASS = 0.999  # of the pixels, at least
FASTER = 0.95  # of the plain time, at most: else a copy is not worth its memory
KEPT_BYTES = 2**30  # of copies
Paths = Callable[[], dict[str, Convert]]
log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Path:
    """One way to run a network, and what was measured of it."""

    name: str
    seconds: float = 0.0  # of one forward, the median
    agreement: float = 1.0  # share of pixels with the class of the plain path, 0..1
    largest: float = 0.0  # difference of logits
    why: str = ""  # it was passed over; "" where it was not


@dataclass(frozen=True, eq=False)
class Choice:
    """What was found for one network and one size of input."""

    paths: tuple[Path, ...]  # the plain one first; () where nothing could be measured
    fastest: Path
    module: nn.Module | None  # of the fastest; None where that is the network itself


class FastPaths:
    """Finds the fastest path of each network that is looked at, beside everything else."""

    def __init__(self, engine: Engine, convert: Paths = candidates) -> None:
        """Args: engine, whose idle moments are used; convert, the paths by name."""
        self._engine, self._convert = engine, convert
        self._found: Recent[Choice] = Recent(KEPT_BYTES, _bytes)
        self._searched: set[str] = set()  # now, by key
        self._lock = Lock()

    def fastest(self, network: Network, tensor: InputTensor, how: Forwarding) -> Network:
        """The network as its fastest path; itself where that is not known, or is no other one."""
        found = self.known(network, tensor, how)
        if found is None or found.module is None:
            return network
        digest = f"{network.checkpoint_digest} by {found.fastest.name}"
        return replace(network, module=found.module, checkpoint_digest=digest)

    def known(self, network: Network, tensor: InputTensor, how: Forwarding) -> Choice | None:
        """What was found; None where nothing was yet, or where only the plain path fits."""
        return self._found.get(_key(network, tensor)) if is_usual(tensor, how) else None

    def search(self, network: Network, tensor: InputTensor, how: Forwarding) -> Thread | None:
        """Begin to look for the fastest path, where nobody has; returns at once."""
        key = _key(network, tensor)
        if not is_usual(tensor, how) or self._found.get(key) is not None:
            return None
        with self._lock:
            if key in self._searched:
                return None
            self._searched.add(key)
        thread = Thread(target=self._search, args=(key, network, tensor.tensor), daemon=True)
        thread.start()
        return thread

    def _search(self, key: str, network: Network, x: torch.Tensor) -> None:
        try:
            self._found.put(key, self._chosen(network, x))
        except Exception:  # the plain path is left, and this is not tried again and again
            self._found.put(key, Choice((), Path(PLAIN), None))
            log.exception("no fast path was found for %s", network.architecture)
        finally:
            with self._lock:
                self._searched.discard(key)

    def _chosen(self, network: Network, x: torch.Tensor) -> Choice:
        x = x.contiguous(memory_format=torch.channels_last)
        modules, refused = self._converted(network.module, x)
        times: dict[str, list[float]] = {name: [] for name in modules}
        logits: dict[str, torch.Tensor] = {}

        def middle(name: str) -> float:
            return statistics.median(times[name][1:])  # the first one warms up

        def run_in_turn(names: Collection[str], rounds: int) -> None:
            for _ in range(rounds):
                for name in names:
                    seconds, logits[name] = self._timed(modules[name], x)
                    times[name].append(seconds)

        run_in_turn(modules, ROUNDS + 1)
        run_in_turn(sorted(modules, key=middle)[:2], ROUNDS)  # the two nearest once more
        paths = [_path(name, middle(name), logits[name], logits[PLAIN]) for name in modules]
        plain, *others = paths
        good = [path for path in others if not path.why and path.seconds < FASTER * plain.seconds]
        fastest = min(good, key=lambda path: path.seconds, default=plain)
        module = modules[fastest.name] if fastest is not plain else None
        return Choice((*paths, *refused), fastest, module)

    def _converted(
        self, shared: nn.Module, x: torch.Tensor
    ) -> tuple[dict[str, nn.Module], list[Path]]:
        modules: dict[str, nn.Module] = {PLAIN: shared}
        refused = []
        for name, convert in self._convert().items():
            try:
                modules[name] = convert(shared, x)
                self._timed(modules[name], x)
            except Exception as error:  # border to foreign code: this path is passed over
                modules.pop(name, None)
                line = (str(error).strip().splitlines() or [type(error).__name__])[0]
                refused.append(Path(name, why=line[:120]))
        return modules, refused

    def _timed(self, module: nn.Module, x: torch.Tensor) -> tuple[float, torch.Tensor]:
        """One forward in an idle moment of the engine: its seconds, and the logits."""

        def compute() -> tuple[float, torch.Tensor]:
            with torch.inference_mode():
                began = time.perf_counter()
                logits = inference.call(module, x, "out")
                return time.perf_counter() - began, logits.float()

        return self._engine.run("", compute, person=f"path {id(module)}", lane=Lane.IDLE)


def is_usual(tensor: InputTensor, how: Forwarding) -> bool:
    """Whether paths are for it: float32, evaluation mode, the main head, the whole at once."""
    plain = how.mode == "eval" and how.head == "out" and not how.window
    return plain and tensor.tensor.dtype == torch.float32


def _key(network: Network, tensor: InputTensor) -> str:
    return f"{network.checkpoint_digest} {tuple(tensor.tensor.shape)}"


def _path(name: str, seconds: float, logits: torch.Tensor, plain: torch.Tensor) -> Path:
    if logits.shape != plain.shape:
        return Path(name, seconds, 0.0, why="its logits have another shape")
    if name == PLAIN:
        return Path(name, seconds)
    decided = _decided(logits) == _decided(plain)
    agreement = float(decided.float().mean())
    largest = float((logits - plain).abs().nan_to_num().max())
    why = "" if agreement >= SAME_CLASS else f"only {agreement:.2%} of the pixels have its class"
    return Path(name, seconds, agreement, largest, why)


def _decided(logits: torch.Tensor) -> torch.Tensor:
    """[1 h w], as the decoding does without any setting."""
    return logits.argmax(1) if logits.shape[1] > 1 else logits[:, 0] > 0


def _bytes(choice: Choice) -> int:
    """What a copy weighs; what OpenVINO keeps is not seen, and taken to be the network again."""
    module = choice.module
    own = sum(each.nbytes for each in module.state_dict().values()) if module else 0
    return max(own, 2**20)
