"""ONNX files: run by onnxruntime in a limited process, where the host allows it.

Reading needs nothing of the kind; running is foreign native code on a foreign graph, so the host
decides (`ALLOW_ONNX=1`), and what has no business in a segmentation network is refused first.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import torch

from core.architectures.network import Account, Network
from core.architectures.onnx.onnx_stem import FOLDED, first_layers, is_folded
from core.architectures.sizes import ANY, Dimension, Sizes
from core.checkpoint import Checkpoint
from core.errors import ArchitectureError, ForwardError
from core.onnx_graph.process import ALLOWED, ASK, GraphProcess

LOOPS = {"Loop", "If", "Scan"}  # a loop of 2**62 steps hangs onnxruntime
PROBE = (64, 64)  # rows and columns where the file leaves them free
EXPORT = "or upload the network as .pt2, which is run here without any permission"


def matches(checkpoint: Checkpoint) -> bool:
    """Whether this is an ONNX file, whose graph says how to run it."""
    return checkpoint.container == "ONNX"


def build(checkpoint: Checkpoint, chosen: Mapping[str, str]) -> Network:
    """Start the process, and ask it once for the number of classes.

    Args:
        checkpoint: of an ONNX file that is still there.
        chosen: nothing can be chosen; the graph tells everything.

    Raises:
        ArchitectureError: not allowed here, or the graph is none that is run.
    """
    facts = checkpoint.metadata["onnx"]
    check_allowed()
    check_installed()
    check_graph(facts)
    shape = _input(facts)
    module = OnnxModule(checkpoint.path, shape)
    probe = torch.zeros(1, shape[1], *(size or PROBE[axis] for axis, size in enumerate(shape[2:])))
    try:
        num_classes = module(probe).shape[1]
    except ForwardError as error:
        raise ArchitectureError(error.message, remedy=error.remedy) from error
    near = first_layers(facts, checkpoint.tensors, checkpoint.prefix)
    silent = FOLDED if is_folded(facts) else ""
    return Network(
        module=module,
        architecture=f"ONNX graph ({facts['nodes']} nodes)",
        num_classes=num_classes,
        in_channels=shape[1],
        aux_classes=None,
        account=Account(tuple(checkpoint.tensors), (), (), ()),
        checkpoint_digest=checkpoint.digest,
        notes=(*_notes(shape), *filter(None, [silent])),
        sizes=Sizes(*(Dimension(s, s, s) if s else ANY for s in shape[2:])),
        stem=near.stem if near else None,
        first_layers=near,
        silent_norm=silent,
    )


def check_allowed() -> None:
    """Raises ArchitectureError: graphs may not be run here."""
    if os.environ.get(ALLOWED) == ASK:
        raise ArchitectureError(
            "This ONNX file is read; its graph is run after you have allowed it.",
            remedy=f"Allow it on the page Deployed, {EXPORT}.",
        )
    if os.environ.get(ALLOWED) != "1":
        raise ArchitectureError(
            "This ONNX file is read, but its graph may not be run on this server.",
            remedy=f"Start the app with {ALLOWED}=1 on a machine of your own, {EXPORT}.",
        )


def check_installed() -> None:
    """Raises ArchitectureError: onnxruntime is missing."""
    if find_spec("onnxruntime") is None:
        raise ArchitectureError(
            "Running an ONNX file needs onnxruntime, which is not installed here.",
            remedy=f"Install requirements-more.txt, {EXPORT}.",
        )


def check_graph(facts: Mapping[str, Any]) -> None:
    """Raises ArchitectureError: the graph has operators that are not run here."""
    if strange := [*facts["domains"], *sorted(LOOPS & facts["operators"].keys())]:
        raise ArchitectureError(
            f"The ONNX graph uses {', '.join(strange[:5])}, which is not run here.",
            remedy="Export it with standard operators and without loops or branches.",
        )


def _input(facts: Mapping[str, Any]) -> tuple[int, int, int, int]:
    """Sizes of the one input; 0 where they are free."""
    shapes = list(facts["inputs"].values())
    if len(shapes) != 1 or len(shapes[0]) != 4 or not isinstance(shapes[0][1], int):
        raise ArchitectureError(
            f"The ONNX graph has the inputs {dict(facts['inputs'])}; one picture of the shape "
            "(1, channels, height, width) is what can be given.",
            remedy="Export the network with one picture as its only input.",
        )
    batch, channels, height, width = (size if isinstance(size, int) else 0 for size in shapes[0])
    return batch, channels, height, width


def _notes(shape: tuple[int, ...]) -> tuple[str, ...]:
    if not (shape[2] or shape[3]):
        return ()
    return (f"The graph takes pictures of {shape[2]} x {shape[3]} (rows x columns) only",)


class OnnxModule(torch.nn.Module):
    """The graph as a module: the numbers go to its process and come back."""

    answers_elsewhere = True  # no other path can run it (core/engine/paths.py)

    def __init__(self, path: Path | None, shape: tuple[int, ...]) -> None:
        """Args: path, of the file; shape, of the input, 0 where free."""
        super().__init__()
        self.shape, self.process = shape, GraphProcess(path)
        self.eval()

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Run the graph.

        Args:
            x: Float[1 c h w]; computed in float32.

        Returns:
            The first output of shape [1 C h w].

        Raises:
            ForwardError: another size than the graph takes, or the process stopped.
        """
        self._check(x)
        (output,) = self.process.ask(x.float().contiguous().numpy()).outputs
        return torch.from_numpy(output.values).to(x.dtype)

    def __deepcopy__(self, memo: dict[int, Any]) -> OnnxModule:
        """A changed copy is asked for other precisions and modes, which the graph does not have."""
        return self

    def _check(self, x: torch.Tensor) -> None:
        sizes = zip(self.shape[2:], x.shape[2:], strict=True)
        if any(wanted and wanted != found for wanted, found in sizes):
            raise ForwardError(
                f"The graph takes pictures of {self.shape[2]} x {self.shape[3]} only; "
                f"this one has {x.shape[2]} x {x.shape[3]}.",
                remedy="Resize it to the size of the graph.",
                changes={"resize": "fixed", "height": self.shape[2], "width": self.shape[3]},
            )
