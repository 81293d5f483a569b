"""The notebook's end: a thread that runs the shadow for the server, one forward at a time.

Numbers travel as bytes under a key that only this process and its server have; nothing that comes
in is unpickled.
"""

from __future__ import annotations

import json
import os
import socket
import threading
from contextlib import suppress
from multiprocessing.connection import Client, Connection, Listener
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from core.architectures import Network
from core.errors import InspectionError
from core.inference import outputs
from core.settings import Forwarding
from maskscope.errors import LivingModelError

KEY_BYTES = 32
POLL_SECONDS = 0.1  # between two looks at whether this is closed
DTYPES = {"float32": torch.float32, "float16": torch.float16, "bfloat16": torch.bfloat16}


class Answering:
    """Listens until it is closed."""

    def __init__(self, network: Network, own: tuple[nn.Module, ...], folder: Path) -> None:
        """Begin to listen.

        Args:
            network: of the shadow, which is run.
            own: the user's modules, whose numbers have to stay those of the shadow.
            folder: that only this user may read.
        """
        self.key = os.urandom(KEY_BYTES)
        self._network, self._own, self._numbers = network, own, _numbers_of(own)
        self._turn = threading.Lock()
        family = "AF_UNIX" if hasattr(socket, "AF_UNIX") else "AF_PIPE"
        place = str(folder / "living") if family == "AF_UNIX" else None
        self._listener = Listener(place, family, authkey=self.key)
        self.address = str(self._listener.address)  # where it listens
        self.forwards = 0  # how many were run
        self._open = True
        threading.Thread(target=self._listen, daemon=True, name="maskscope-living").start()

    def close(self) -> None:
        """Listen no more; a forward that is running ends by itself, and nobody gets its answer."""
        if not self._open:
            return
        self._open = False
        with suppress(OSError):  # closing alone wakes nobody; no key, whose answer nobody may give
            Client(self.address).close()
        with suppress(OSError):
            self._listener.close()

    def _listen(self) -> None:
        while self._open:
            try:
                line = self._listener.accept()
            except Exception:  # closed, or somebody without the key: the next one may have it
                continue
            threading.Thread(target=self._serve, args=(line,), daemon=True).start()

    def _serve(self, line: Connection) -> None:
        with line, suppress(OSError, EOFError):  # the other end has hung up
            while self._open:
                if line.poll(POLL_SECONDS) and self._open:
                    line.send_bytes(self._answer(line.recv_bytes()))

    def _answer(self, question: bytes) -> bytes:
        head, _, numbers = question.partition(b"\n")
        asked = json.loads(head)
        x = torch.from_numpy(np.frombuffer(numbers, "<f4").reshape(asked["shape"]).copy())
        try:
            with self._turn:
                logits = self._run(x.to(DTYPES[asked["dtype"]]), asked["mode"])
        except InspectionError as error:
            told = {"error": error.message, "remedy": error.remedy, "changes": error.changes}
            return json.dumps(told).encode() + b"\n"
        values = np.ascontiguousarray(logits.float().numpy())
        return json.dumps({"shape": values.shape}).encode() + b"\n" + values.tobytes()

    def _run(self, x: torch.Tensor, mode: Any) -> torch.Tensor:
        if _numbers_of(self._own) != self._numbers:
            raise LivingModelError(
                "The model was changed since maskscope.show(...), and these weights are not its "
                "weights any more.",
                remedy="Call maskscope.show(...) again: it shows the model as it is then.",
            )
        self.forwards += 1
        with torch.inference_mode():
            return outputs(self._network, x, Forwarding(mode=mode))


def _numbers_of(own: tuple[nn.Module, ...]) -> list[tuple[int, int]]:
    """What changes when a step of an optimizer, a load or a forward in train mode changes one."""
    return [
        (each.data_ptr(), each._version)
        for module in own
        for each in (*module.parameters(), *module.buffers())
    ]
