"""The same app for a team, behind an access token (docs/deploy.md): `python serve.py --help`."""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent


def main(arguments: list[str]) -> int:
    """Serve until ended; the return value is the exit code."""
    from serving import tokens
    from serving.application import build
    from serving.quiet_log import keep_quiet, write_access_log

    asked = _asked(arguments)
    try:
        given = tokens.given_token(os.environ)
    except tokens.TokenError as error:
        sys.stderr.write(f"maskscope: {error}\n")
        return 2
    token = given or tokens.new_token()
    keep_quiet(token)
    write_access_log()
    base = f"/{asked.base_path.strip('/')}".rstrip("/")
    data = Path(os.environ.get("MASKSCOPE_DATA", Path.home() / ".cache" / "maskscope"))
    if not given:
        tokens.announce(token, f"http://{asked.address}:{asked.port}{base}/", data, sys.stdout)
    build(ROOT / "app.py", token=token, base=base, data=data).run(
        config={
            "server.address": asked.address,
            "server.port": asked.port,
            "server.baseUrlPath": base,
            "server.headless": True,
            "server.enableXsrfProtection": True,
        }
    )
    return 0


def _asked(arguments: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="serve.py", description=__doc__)
    parser.add_argument("--address", default="localhost", help="0.0.0.0 for the whole network")
    parser.add_argument("--port", type=int, default=8501)
    parser.add_argument("--base-path", default="", help="behind a proxy: /tools/maskscope")
    return parser.parse_args(arguments)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
