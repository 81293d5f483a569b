"""A living model: its weights are a file, its forwards are asked of the process that has it.

`maskscope.show` of a notebook starts a server of its own, and names in MASKSCOPE_LIVING the file
with all that this server has to know: which weights it is about, and where the notebook listens. No
upload can be taken for it: the weights are known by their digest. Numbers travel as bytes, and
nothing that comes in is ever unpickled.
"""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Mapping
from contextlib import suppress
from multiprocessing import AuthenticationError
from multiprocessing.connection import Client, Connection
from pathlib import Path
from typing import Any

import numpy as np
import torch

from core.architectures.network import Account, Network
from core.architectures.onnx.onnx_stem import first_layers
from core.checkpoint import Checkpoint
from core.errors import ArchitectureError, ForwardError

SETTING = "MASKSCOPE_LIVING"
LIVING = ", living in a notebook"  # how the architecture of each ends
POLL_SECONDS = 0.02  # between two looks at whether somebody still waits
GONE = "The notebook that has this model does not answer any more."
AGAIN = "What was computed stays to be seen. Call maskscope.show(...) again to go on."


def matches(checkpoint: Checkpoint) -> bool:
    """Whether these are the weights that a notebook shows."""
    return is_here(checkpoint.digest)


def is_here(digest: str) -> bool:
    """Whether the notebook that shows the weights of this digest has started this server."""
    return _told().get("digest") == digest


def build(checkpoint: Checkpoint, chosen: Mapping[str, str]) -> Network:
    """A network whose forwards are those of the notebook.

    Raises:
        ArchitectureError: what the notebook wrote cannot be read any more.
    """
    told = _told()
    if not told:
        raise ArchitectureError(GONE, remedy=AGAIN)
    near = first_layers(told, checkpoint.tensors, checkpoint.prefix)
    return Network(
        module=LivingModule(told["address"], bytes.fromhex(told["key"])),
        architecture=f"{told['name']}{LIVING}",
        num_classes=told["classes"],
        in_channels=told["channels"],
        aux_classes=None,
        account=Account(tuple(checkpoint.tensors), (), (), ()),
        checkpoint_digest=checkpoint.digest,
        class_names=tuple(told["class_names"]),
        notes=("Its forwards are computed by the notebook that has it, one at a time",),
        stem=near.stem if near else None,
        first_layers=near,
    )


def _told() -> dict[str, Any]:
    """What the notebook wrote; {} where this server is nobody's."""
    place = os.environ.get(SETTING, "")
    try:
        told: dict[str, Any] = json.loads(Path(place).read_text(encoding="utf-8")) if place else {}
    except (OSError, ValueError):
        return {}
    return told


class LivingModule(torch.nn.Module):
    """The notebook's model as a module: an input goes there, its logits come back."""

    answers_elsewhere = True  # no other path can run it (core/engine/paths.py)

    def __init__(self, address: str, key: bytes) -> None:
        """Args: address, where the notebook listens; key, by which both know each other."""
        super().__init__()
        self.own_statistics = False  # BatchNorm by the picture's statistics, as in train()
        self._address, self._key = address, key
        self._turn = threading.Lock()
        self._line: Connection[bytes, bytes] | None = None
        self.eval()

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Ask the notebook.

        Args:
            x: Float[1 c h w]; the model runs in its precision.

        Returns:
            The logits [1 C h w].

        Raises:
            ForwardError: the model stops, was changed, or the notebook is gone.
            ForwardAbandoned: nobody waits for the answer any more.
        """
        with self._turn:
            try:
                return self._asked(x).to(x.dtype)
            except (OSError, EOFError, ValueError, AuthenticationError) as error:
                self._hang_up()
                raise ForwardError(GONE, remedy=AGAIN) from error
            except BaseException:  # half an answer may be on the line
                self._hang_up()
                raise

    def __deepcopy__(self, memo: dict[int, Any]) -> LivingModule:
        """A changed copy is asked for other precisions and modes; it has a line of its own."""
        copied = LivingModule(self._address, self._key)
        copied.own_statistics = self.own_statistics
        return copied

    def _asked(self, x: torch.Tensor) -> torch.Tensor:
        line = self._line = self._line or Client(self._address, authkey=self._key)
        line.send_bytes(_question(x, own_statistics=self.own_statistics))
        while not line.poll(POLL_SECONDS):
            torch.empty(0)  # an operator: it raises where nobody waits (core/operators.py)
        return _answered(line)

    def _hang_up(self) -> None:
        if self._line is not None:
            with suppress(OSError):
                self._line.close()
        self._line = None


def _question(x: torch.Tensor, *, own_statistics: bool) -> bytes:
    dtype = str(x.dtype).removeprefix("torch.")
    head = {"shape": tuple(x.shape), "dtype": dtype, "mode": "train" if own_statistics else "eval"}
    return json.dumps(head).encode() + b"\n" + x.float().contiguous().numpy().tobytes()


def _answered(line: Connection[bytes, bytes]) -> torch.Tensor:
    head, _, numbers = line.recv_bytes().partition(b"\n")
    said = json.loads(head)
    if "error" in said:
        raise ForwardError(said["error"], remedy=said["remedy"], changes=said["changes"])
    values = np.frombuffer(numbers, "<f4").reshape(said["shape"]).copy()
    return torch.from_numpy(values)
