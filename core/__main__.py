"""The command line: `python -m core inspect --image cup.png --checkpoint best.pth`.

The same core as the pages, and the same findings. The exit status tells how sure the first one is.
`python -m core mask` says what a mask's file is, without a network; `sweep` compares settings on
many pictures.
`python -m core check` reads all that a server has stored, and says what is damaged; `export` and
`import` take a shared run from one server to another.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import logging
import os
import sys
import warnings
from collections.abc import Sequence
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl

from core.deployed.command import add_command as add_compare
from core.errors import InspectionError
from core.mask_file.command import add_mask_command
from core.presets import PRESETS, apply_preset
from core.settings import Settings, change, flatten
from core.settings_address import from_query
from core.store.commands import add_commands
from core.sweep.command import add_sweep_command
from core.terminal import for_terminal, read_bytes, write_bytes

if TYPE_CHECKING:  # torch loads when the arguments are understood
    from core.architectures import Network
    from core.checkpoint import Checkpoint
    from core.diagnosis import Case, Diagnosis

HEALTHY, FAILED, UNEXPLAINED = 0, 1, 13
STATUS = {"certain": 10, "likely": 11, "possible": 12}
EPILOG = """exit status:
  0   no problem found
  10  a certain fault   11  a likely one   12  a possible one
  13  no fault found, yet the mask shows nothing or contradicts the ground truth, or a part of
      the diagnosis could not be computed
  1   the files cannot be opened or run
"""


def main(arguments: Sequence[str] | None = None, *, prog: str = "python -m core") -> int:
    """Understand the arguments, inspect, print.

    Args:
        arguments: of the command line; None: this process's.
        prog: how the user called it.
    """
    parser, _ = _parser(prog)
    options = parser.parse_args(arguments)
    try:
        status: int = options.run(options)
    except InspectionError as error:
        print(for_terminal(f"{error.message}\n{error.remedy}"), file=sys.stderr)
        return FAILED
    return status


def commands() -> tuple[str, ...]:
    """The commands that `main` knows."""
    return _parser("")[1]


def _parser(prog: str) -> tuple[argparse.ArgumentParser, tuple[str, ...]]:
    """All commands, and their names."""
    parser = argparse.ArgumentParser(prog, description=__doc__)
    commands = parser.add_subparsers(required=True, metavar="command")
    inspect = commands.add_parser(
        "inspect",
        help="say what is wrong with a mask",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    inspect.add_argument(
        "--image", type=Path, required=True, action="append",
        help="the picture; given several times: the files of its bands, in their order",
    )  # fmt: skip
    inspect.add_argument("--checkpoint", type=Path, required=True, help="of any kind")
    inspect.add_argument(
        "--part", default="", help="which weights of the file, where it holds several: ema"
    )
    inspect.add_argument("--truth", type=Path, help="ground truth of the picture")
    inspect.add_argument("--output", type=Path, help="the picture that your own script wrote")
    inspect.add_argument("--preset", choices=PRESETS, default="unit", help="how you normalize")
    inspect.add_argument(
        "--settings",
        default="",
        help='a settings.json, or as in the address of the app: "color=bgr&threshold=0.3"',
    )
    inspect.add_argument("--json", action="store_true", help="print JSON")
    inspect.add_argument("--report", type=Path, help="write one HTML file with the whole case")
    inspect.add_argument("--script", type=Path, help="write these settings as inference.py")
    inspect.add_argument("--labels", type=Path, help="write the label map: a PNG with a palette")
    inspect.set_defaults(run=_inspect)
    add_compare(commands, _settings)
    add_mask_command(commands)
    add_sweep_command(commands, _settings, tuple(PRESETS))
    add_commands(commands)
    return parser, tuple(commands.choices)


def _inspect(options: argparse.Namespace) -> int:
    from core.diagnosis import diagnose
    from core.export.text import in_words

    case = _case(options)
    answered = diagnose(case, progress=lambda stage: _progress(stage, options.json))
    words = in_words(answered, case.checkpoint, case.network)
    print(_json(answered, case) if options.json else for_terminal(words))
    if options.report or options.script or options.labels:
        _write(options, case, answered)
    return _status(answered)


def _status(answered: Diagnosis) -> int:
    if answered.faults:
        return STATUS[answered.faults[0].certainty]
    return UNEXPLAINED if answered.unexplained else HEALTHY


def _write(options: argparse.Namespace, case: Case, answered: Diagnosis) -> None:
    from core.engine import in_this_thread
    from core.export.label_map import label_png
    from core.export.report import html_report
    from core.export.script import inference_script
    from core.inspection import run_stages

    if case.network is None:
        return  # _case has raised before
    seen = run_stages(case.image, case.network, answered.settings, forward=in_this_thread)
    if options.report:
        now = datetime.now().astimezone()
        write_bytes(options.report, html_report(case, seen, answered, written=now).encode())
    if options.script and case.checkpoint is not None:
        write_bytes(options.script, inference_script(seen, case.checkpoint).encode())
    if options.labels:
        write_bytes(options.labels, label_png(seen.labels, case.settings.display))


def _progress(stage: str, silent: bool) -> None:
    if not silent:
        print(f"... {stage}", file=sys.stderr)


def _picture(paths: Sequence[Path]) -> bytes:
    """The picture's file; of several, which are its bands, one that holds them."""
    if len(paths) == 1:
        return read_bytes(paths[0])
    from core.image.stack import pack

    return pack([(path.name, read_bytes(path)) for path in paths])


def _case(options: argparse.Namespace) -> Case:
    from core.architectures import build_network
    from core.checkpoint import read_checkpoint
    from core.colors import palette_colors
    from core.diagnosis import Case, others_in
    from core.image import picture_of, read_guarded
    from core.scores import as_two_classes, decode_truth

    settings = _settings(options)
    content = _picture(options.image)
    image = picture_of(content, settings.preprocessing)
    path = options.checkpoint
    digest = hashlib.sha256(read_bytes(path)).hexdigest()

    def opened(part: str) -> tuple[Checkpoint, Network]:
        checkpoint = read_checkpoint(path, name=path.name, digest=digest, choice=part)
        return checkpoint, build_network(checkpoint)

    checkpoint, network = opened(options.part)
    marked = read_bytes(options.truth) if options.truth else None
    written = read_bytes(options.output) if options.output else None
    if written is not None:
        read_guarded(written)  # what is no picture is reported, not passed over
    colors = palette_colors(settings.display, network.num_classes)
    size = image.pixels.shape[:2]
    read = partial(read_guarded, cut=settings.preprocessing.cut)
    truth, refused = None, None
    if marked is not None:
        read(marked)  # what is no picture is reported
        try:
            truth = decode_truth(marked, colors, size, read=read)
        except InspectionError as error:  # its file may tell why, so the search goes on without it
            refused = error
    return Case(
        image=image,
        checkpoint=checkpoint,
        network=network,
        settings=settings,
        truth=as_two_classes(truth, max(2, network.num_classes)),
        saved=written,
        picture_file=content,
        error=refused,
        truth_file=marked,
        others=others_in(checkpoint, opened),
    )


def _settings(options: argparse.Namespace) -> Settings:
    """A settings.json as it is; else the preset, with what the address says on top."""
    if options.settings.endswith(".json"):
        from core.export.settings_file import settings_of

        return settings_of(read_bytes(Path(options.settings)))
    start = apply_preset(Settings(), options.preset)
    asked = dict(parse_qsl(options.settings))
    given, unusable = from_query(asked)
    if wrong := [*unusable, *sorted(asked.keys() - flatten(given).keys())]:
        listed = ", ".join(f"{name}={asked[name]}" for name in wrong)
        raise InspectionError(
            f"These settings cannot be used: {listed}.",
            remedy="Copy them from the address of the app.",
        )
    return change(start, **{name: flatten(given)[name] for name in asked})


# --- what is printed ------------------------------------------------------------------------------


def _json(answered: Diagnosis, case: Case) -> str:
    about: dict[str, Any] = {}
    if case.checkpoint is not None:
        about["checkpoint"] = case.checkpoint.contents()
    if case.network is not None:
        about["network"] = list(case.network.in_words())
    return json.dumps({**answered.to_dict(), **about}, indent=1)


def silence_libraries() -> None:
    """Of a program people read what it says itself; `python -W` brings the warnings back."""
    os.environ.setdefault("TORCH_CPP_LOG_LEVEL", "ERROR")
    if not sys.warnoptions:
        warnings.simplefilter("ignore")
        logging.disable(logging.WARNING)


if __name__ == "__main__":
    silence_libraries()
    sys.exit(main())
