"""The same app for a team, behind a token or a login (docs/deploy.md): `python serve.py --help`."""

from __future__ import annotations

import argparse
import errno
import os
import signal
import socket
import sys
import threading
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

if TYPE_CHECKING:
    from serving.gate import Door

ROOT = Path(__file__).resolve().parent


def main(arguments: list[str]) -> int:
    """Serve until ended; the return value is the exit code."""
    from streamlit.web.bootstrap import load_config_options

    from core.errors import StoreError
    from core.store import data_folder, open_store
    from serving.application import build
    from serving.by_login import LoginError
    from serving.tokens import TokenError

    options = read_options(arguments)
    if is_taken(options.address, options.port):  # before the link of whoever listens is replaced
        return _stop(f"Port {options.port} is taken. End what listens there, or choose a --port.")
    base = f"/{options.base_path.strip('/')}".rstrip("/")
    config = {
        "server.address": options.address,
        "server.port": options.port,
        "server.baseUrlPath": base,
        "server.headless": True,
        "server.enableXsrfProtection": True,
    }
    load_config_options(config)  # the door asks Streamlit for logins
    try:
        store = open_store(data_folder())  # a wrong address is told now, not to the first visitor
        door = _door(link_of(options, base), base, data_folder())
    except (TokenError, LoginError) as error:
        return _stop(str(error))
    except StoreError as error:
        return _stop(f"{error.message} {error.remedy}")
    if options.with_stdin:
        end_with(sys.stdin.buffer)
    app = build(ROOT / "app.py", door=door, base=base, data=data_folder(), store=store)
    app.run(config=config)
    return 0


def end_with(stream: BinaryIO) -> None:
    """End when whoever started this is gone, however it went: its end of the stream is closed."""

    def wait() -> None:
        stream.read()
        os.kill(os.getpid(), signal.SIGTERM)

    threading.Thread(target=wait, daemon=True).start()


def is_taken(address: str, port: int) -> bool:
    """Whether somebody listens there already."""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    with socket.socket(family) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((address, port))
        except OSError as error:
            return error.errno == errno.EADDRINUSE
    return False


def link_of(options: argparse.Namespace, base: str) -> str:
    """Write the address that others open."""
    everywhere = options.address in ("0.0.0.0", "::")
    host = socket.gethostname() if everywhere else options.address
    return f"http://{host}:{options.port}{base}/"


def _door(link: str, base: str, data: Path) -> Door:
    """Login where it is configured, else the host's token, else a new one; no log has any of it."""
    from serving import quiet_log, tokens
    from serving.by_login import login_door
    from serving.by_token import TokenDoor

    given = tokens.given_token(os.environ)
    token = given or tokens.new_token()
    quiet_log.keep_quiet(token)
    quiet_log.write_access_log()
    login = login_door(base, given, os.environ.get("MASKSCOPE_GUESTS", ""))
    if not given and login is None:
        tokens.announce(token, link, data, sys.stdout)
    return login or TokenDoor(token, base)


def _stop(sentence: str) -> int:
    sys.stderr.write(f"maskscope: {sentence}\n")
    return 2


def read_options(arguments: list[str]) -> argparse.Namespace:
    """Read address, port and sub-path."""
    parser = argparse.ArgumentParser(
        prog="serve.py",
        description="The same app for a team, behind a token or a login (docs/deploy.md).",
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    parser.add_argument("--address", default="localhost", help="0.0.0.0 for the whole network")
    parser.add_argument("--port", type=int, default=8501, help="where it listens")
    parser.add_argument(
        "--base-path",
        default=os.environ.get("MASKSCOPE_BASE_PATH", ""),
        help="behind a proxy: /tools/maskscope",
    )
    parser.add_argument(
        "--with-stdin", action="store_true", help="end as soon as standard input does"
    )
    return parser.parse_args(arguments)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
