"""Find the PostgreSQL that the tests start; `python -m scripts.postgres` says where it is."""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path

DEBIAN = Path("/usr/lib/postgresql")  # <version>/bin, which is not on the PATH


def find_postgres() -> Path | None:
    """Folder of initdb and postgres: `POSTGRES`, that of the PATH, or Debian's; None if none is."""
    if named := os.environ.get("POSTGRES"):
        return _folder(Path(named) / "initdb")
    on_path = shutil.which("initdb")
    newest_last = sorted(DEBIAN.glob("*/bin/initdb"), key=lambda path: float(path.parts[-3]))
    found = [Path(on_path)] if on_path else newest_last[-1:]
    return _folder(found[0]) if found else None


def _folder(initdb: Path) -> Path | None:
    """Links followed: postgres looks for its parts beside itself."""
    folder = initdb.resolve().parent
    return folder if (folder / "initdb").exists() and (folder / "postgres").exists() else None


if __name__ == "__main__":
    where = find_postgres()
    sys.stdout.write(f"{where or 'no PostgreSQL'}\n")
    sys.exit(0 if where else 1)
