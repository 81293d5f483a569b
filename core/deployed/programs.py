"""What can be compared: a network, an ONNX graph, or logits that another runtime has saved."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from core.deployed.layers import Layer, Rounded, layers_from, layers_of, rounded_from
from core.engine import Runner, in_this_thread
from core.errors import ForwardError
from core.onnx_graph.process import GraphProcess, Output
from core.settings import Forwarding

if TYPE_CHECKING:
    import torch

    from core.architectures import Network

CHANNELS = (1, 3, 4)  # of a picture; what an input's last axis may have to be one of [1 h w c]


@dataclass(frozen=True, eq=False)
class Given:
    """What a program gave for one input."""

    outputs: tuple[Output, ...]
    layers: tuple[Layer, ...] = ()
    rounded: tuple[Rounded, ...] = ()


class Program(Protocol):
    """One of the two sides."""

    @property
    def name(self) -> str:
        """As it is called on the page: the name of its file."""

    @property
    def size(self) -> tuple[int, int] | None:
        """Rows and columns of its input where they are fixed; None where they are free."""

    @property
    def facts(self) -> Mapping[str, Any]:
        """What its file says of the graph; {} for a network."""

    @property
    def tensors(self) -> Mapping[str, torch.Tensor]:
        """Its weights by name; {} where they are not known."""

    def through(self, forward: Runner) -> Program:
        """The same program behind another door."""

    def give(self, x: np.ndarray, *, tapped: bool = False) -> Given:
        """Run it on Float32[1 c h w].

        Raises:
            ForwardError: it stops on this input.
        """


@dataclass(frozen=True, eq=False)
class NetworkProgram:
    """A checkpoint or a .pt2."""

    name: str
    network: Network
    tensors: Mapping[str, torch.Tensor] = field(default_factory=dict)
    forwarding: Forwarding = field(default_factory=Forwarding)
    forward: Runner = in_this_thread
    facts: Mapping[str, Any] = field(default_factory=dict)

    @property
    def size(self) -> tuple[int, int] | None:
        """Fixed for some exported programs."""
        sizes = self.network.sizes
        if sizes is None or not sizes.is_one:
            return None
        return sizes.height.low, sizes.width.low

    def give(self, x: np.ndarray, *, tapped: bool = False) -> Given:
        """Its main head, and the auxiliary one where it has one, each at its own size."""
        return self.forward("", lambda: self._give(x, tapped))

    def _give(self, x: np.ndarray, tapped: bool) -> Given:
        import torch

        from core.inference import outputs

        tensor = torch.from_numpy(np.ascontiguousarray(x, np.float32))
        heads = ["out"] if self.network.aux_classes is None else ["out", "aux"]
        given = tuple(
            Output(head, outputs(self.network, tensor, self._of(head)).float().numpy())
            for head in heads
        )
        return Given(given, layers_of(self.network, tensor) if tapped else ())

    def through(self, forward: Runner) -> Program:
        """The same program behind another door."""
        return replace(self, forward=forward)

    def _of(self, head: str) -> Forwarding:
        return replace(self.forwarding, head=head)  # type: ignore[arg-type]


@dataclass(frozen=True, eq=False)
class GraphProgram:
    """An ONNX graph, run in its own process."""

    name: str
    facts: Mapping[str, Any]  # see core/checkpoint/containers/onnx_file.py
    process: GraphProcess
    tensors: Mapping[str, torch.Tensor] = field(default_factory=dict)
    forward: Runner = in_this_thread

    @property
    def takes_channels_last(self) -> bool:
        """Whether its input is [1 h w c]."""
        shape = self._shape
        return shape[3] in CHANNELS and shape[1] not in CHANNELS

    @property
    def size(self) -> tuple[int, int] | None:
        """Rows and columns that its input is fixed to."""
        height, width = self._shape[1:3] if self.takes_channels_last else self._shape[2:]
        if isinstance(height, int) and isinstance(width, int):
            return height, width
        return None

    @property
    def _shape(self) -> list[Any]:
        (shape,) = self.facts["inputs"].values()
        return list(shape)

    def give(self, x: np.ndarray, *, tapped: bool = False) -> Given:
        """All outputs, as the graph returns them."""
        fed = x.transpose(0, 2, 3, 1) if self.takes_channels_last else x
        answer = self.forward("", lambda: self.process.ask(fed, every=True, tapped=tapped))
        return Given(answer.outputs, layers_from(answer.layers), rounded_from(answer.layers))

    def through(self, forward: Runner) -> Program:
        """The same program behind another door."""
        return replace(self, forward=forward)


@dataclass(frozen=True, eq=False)
class SavedLogits:
    """Numbers that another runtime has written: it can be looked at, not fed."""

    name: str
    values: np.ndarray
    size: None = None
    facts: Mapping[str, Any] = field(default_factory=dict)
    tensors: Mapping[str, torch.Tensor] = field(default_factory=dict)

    def give(self, x: np.ndarray, *, tapped: bool = False) -> Given:
        """The same, whatever is fed.

        Raises:
            ForwardError: they hold nothing that may be logits or labels.
        """
        if self.values.ndim not in (2, 3, 4) or not self.values.size:
            raise ForwardError(
                f"The saved numbers have the shape {self.values.shape}; logits have (classes, "
                "height, width), labels (height, width).",
                remedy="Save what the runtime returns: np.save('logits.npy', outputs[0]).",
            )
        return Given((Output(self.name, self.values),))

    def through(self, forward: Runner) -> Program:
        """The same: nothing is run."""
        return self
