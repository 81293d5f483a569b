"""The same app for a team, behind an access token (docs/deploy.md): `python serve.py --help`."""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent


def main(arguments: list[str]) -> int:
    """Serve until ended; the return value is the exit code."""
    from core.errors import StoreError
    from core.store import data_folder, open_store
    from serving import tokens
    from serving.application import build
    from serving.quiet_log import keep_quiet, write_access_log

    asked = read_options(arguments)
    try:
        given = tokens.given_token(os.environ)
        store = open_store(data_folder())  # a wrong address is told now, not to the first visitor
    except tokens.TokenError as error:
        return _stop(str(error))
    except StoreError as error:
        return _stop(f"{error.message} {error.remedy}")
    token = given or tokens.new_token()
    keep_quiet(token)
    write_access_log()
    base = f"/{asked.base_path.strip('/')}".rstrip("/")
    if not given:
        link = f"http://{asked.address}:{asked.port}{base}/"
        tokens.announce(token, link, data_folder(), sys.stdout)
    build(ROOT / "app.py", token=token, base=base, data=data_folder(), store=store).run(
        config={
            "server.address": asked.address,
            "server.port": asked.port,
            "server.baseUrlPath": base,
            "server.headless": True,
            "server.enableXsrfProtection": True,
        }
    )
    return 0


def _stop(sentence: str) -> int:
    sys.stderr.write(f"maskscope: {sentence}\n")
    return 2


def read_options(arguments: list[str]) -> argparse.Namespace:
    """Read address, port and sub-path."""
    parser = argparse.ArgumentParser(prog="serve.py", description=__doc__)
    parser.add_argument("--address", default="localhost", help="0.0.0.0 for the whole network")
    parser.add_argument("--port", type=int, default=8501)
    parser.add_argument("--base-path", default="", help="behind a proxy: /tools/maskscope")
    return parser.parse_args(arguments)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
