"""The command `maskscope`: `run` and `serve` start the app, all else is what `python -m core` does.

maskscope run [--port N]
maskscope inspect --image cup.png --checkpoint best.pth
"""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from collections.abc import Callable, Sequence

from maskscope.place import APP, open_rooms

DEFAULT_PORT = 8501  # Streamlit's own default
PORTS = 20  # that are tried from there on
HELP = f"""usage: maskscope command ...

  run [--port N]     open the app in this machine's browser, on the built-in example
  serve ...          the same for a team, behind a token or a login: maskscope serve --help
  {{others}}
                     what `python -m core` does: maskscope COMMAND --help

Maskscope {{version}}; its files: {APP}
"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Do what was asked; the return value is the exit status."""
    name, *rest = (sys.argv[1:] if arguments is None else list(arguments)) or ["--help"]
    open_rooms(first=True)  # the process is ours
    if name in OWN:
        return OWN[name](rest)
    from core.__main__ import main as core_main
    from core.__main__ import silence_libraries

    silence_libraries()
    return core_main([name, *rest], prog="maskscope")


def _help(_: Sequence[str]) -> int:
    from core.__main__ import commands
    from core.version import VERSION

    print(HELP.format(version=VERSION, others=", ".join(commands())), end="")
    return 0


def _version(_: Sequence[str]) -> int:
    from core.version import VERSION

    print(f"maskscope {VERSION}")
    return 0


def _run(rest: Sequence[str]) -> int:
    port = _port(rest)
    if port is None:
        sys.stderr.write("maskscope: --port is followed by a number from 1 to 65535\n")
        return 2
    print(f"maskscope: open http://localhost:{port}", flush=True)
    command = (sys.executable, "-m", "streamlit", "run", "serving/local.py")
    return _call(*command, "--server.port", str(port))


def _port(rest: Sequence[str]) -> int | None:
    """The port asked for, else the first free one from 8501 on; None where it is none."""
    if "--port" in rest:
        given = [*rest, ""][rest.index("--port") + 1]
        return int(given) if given.isdigit() and 0 < int(given) < 2**16 else None
    return next(filter(_is_free, range(DEFAULT_PORT, DEFAULT_PORT + PORTS)), DEFAULT_PORT)


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) != 0


def _serve(rest: Sequence[str]) -> int:
    return _call(sys.executable, "serve.py", *rest)


def _call(*command: str) -> int:
    """Become this program, in the app's folder, where its configuration is.

    The folder is the first of its path, so that no package of the same name comes before. Windows
    cannot replace a process: there it is a child, and Ctrl+C ends it quietly.
    """
    path = os.pathsep.join(filter(None, (str(APP), os.environ.get("PYTHONPATH"))))
    environment = {**os.environ, "PYTHONPATH": path}
    if os.name != "nt":
        os.chdir(APP)
        os.execve(command[0], command, environment)
    try:
        return subprocess.run(command, cwd=APP, env=environment, check=False).returncode
    except KeyboardInterrupt:
        return 130


OWN: dict[str, Callable[[Sequence[str]], int]] = {
    "run": _run,
    "serve": _serve,
    "-h": _help,
    "--help": _help,
    "--version": _version,
}
