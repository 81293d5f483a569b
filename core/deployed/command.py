"""The command that compares: `python -m core compare best.pth model.onnx --image cup.png`."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import Any

from core.settings import Settings
from core.terminal import for_terminal

EPILOG = """exit status:
  0   both give the same mask from the same numbers
  10  a certain cause of the difference   11  a likely one   12  a possible one
  13  they differ, and the cause cannot be told
  1   the files cannot be opened or run

An ONNX graph is run by onnxruntime in a process with limited memory and time. It is native code
that computes what the file says: compare files that you trust as much as a program.
"""


def add_command(commands: Any, settings_of: Any) -> None:
    """Tell the parser of it.

    Args:
        commands: of argparse, which names no type for it.
        settings_of: makes Settings of the options `preset` and `settings`.
    """
    told = commands.add_parser(
        "compare",
        help="say where two programs part: a checkpoint and what was deployed of it",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    told.add_argument("one", type=Path, help="what is right: a checkpoint or a .pt2")
    told.add_argument("other", type=Path, help=".onnx, .pt2, a checkpoint, or logits as .npy, .npz")
    told.add_argument("--image", type=Path, required=True, help="the picture")
    told.add_argument("--preset", default="unit", help="how the checkpoint is fed")
    told.add_argument(
        "--settings",
        default="",
        help='a settings.json, or as in the address of the app: "color=bgr&threshold=0.3"',
    )
    told.add_argument("--json", action="store_true", help="print JSON")
    told.set_defaults(run=lambda options: run(options, settings_of(options)))


def run(options: argparse.Namespace, settings: Settings) -> int:
    """Compare and print; the exit status of `EPILOG`."""
    from core.deployed.compare import compare
    from core.deployed.opening import open_program
    from core.image import picture_of
    from core.terminal import read_bytes

    image = picture_of(read_bytes(options.image), settings.preprocessing)
    one, other = (open_program(path, allowed=True) for path in (options.one, options.other))
    found = compare(image, one, other, settings, progress=_say)
    print(json.dumps(found.to_dict(), indent=1) if options.json else for_terminal(str(found)))
    if found.findings:
        return {"certain": 10, "likely": 11, "possible": 12}[found.findings[0].certainty]
    return 0 if found.agrees else 13


def _say(stage: str) -> None:
    print(f"... {stage}", file=sys.stderr)
