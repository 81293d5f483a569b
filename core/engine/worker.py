"""What computes forwards on a worker of a cluster: it holds the networks that were asked for last.

Ray makes it an actor and starts it anew where its process or machine ends; it then knows nothing,
and takes each network from the cluster's memory again.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import torch

from core import inference
from core.architectures import Network
from core.architectures.program.program_module import ProgramModule
from core.engine.paths import Elsewhere, MainHead, accelerator
from core.errors import InspectionError
from core.inference import Logits
from core.operators import ForwardAbandoned, while_wanted
from core.preprocess import InputTensor
from core.recent import Recent
from core.settings import Forwarding

HELD_BYTES = 2 * 2**30  # of networks: eight of ResNet-101


def weight(network: Network) -> int:
    """Bytes of its tensors."""
    return sum(tensor.nbytes for tensor in network.module.state_dict().values())


class Holder:
    """Holds networks and runs them; two calls at once, so that a forward can be given up."""

    def __init__(self) -> None:
        """Nothing held."""
        self._held: Recent[Network] = Recent(HELD_BYTES, weight)
        self._wanted: set[int] = set()
        torch.backends.cudnn.allow_tf32 = False  # exact forwards are float32 there too

    def forward(
        self,
        number: int,
        network: list[Any],
        tensor: InputTensor,
        how: Forwarding,
        size: tuple[int, int],
    ) -> Logits | InspectionError | None:
        """As `inference.forward`.

        Args:
            number: of this forward.
            network: its digest, and where Ray has it.
            tensor: what is fed.
            how: the forward.
            size: h, w of the picture.

        Returns:
            The logits; what `inference.forward` raises; None where it was given up.
        """
        self._wanted.add(number)
        try:
            with while_wanted(lambda: number in self._wanted):
                held = self._network(*network)
                placed = on_device(held, accelerator(), how.head)
                return inference.forward(placed, tensor, how, size=size)
        except InspectionError as error:
            return error
        except ForwardAbandoned:
            return None
        finally:
            self._wanted.discard(number)

    def give_up(self, number: int) -> None:
        """End a forward before its next layer."""
        self._wanted.discard(number)

    def process(self) -> int:
        """Its number on its machine; the first answer says that it has started."""
        import os

        return os.getpid()

    def _network(self, digest: str, where: Any) -> Network:
        import ray

        return self._held.get_or_make(digest, lambda: ray.get(where))


def on_device(network: Network, device: torch.device | None, head: str) -> Network:
    """The network with its numbers on a device; itself where there is none.

    An exported program says itself where each of its values lies, and stays on the processor.

    Args:
        network: its module is moved, not copied.
        device: of an accelerator.
        head: that is asked for.
    """
    if device is None or isinstance(network.module, ProgramModule):
        return network
    return replace(network, module=Elsewhere(MainHead(network.module, head), device))
