"""Write the colors of common color maps for `core/mask_file/`: `python -m scripts.colormaps`.

They are published tables; matplotlib and cv2 are asked once, so that the app needs neither.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import cv2
import matplotlib
import numpy as np

TABLE = Path(__file__).resolve().parent.parent / "core" / "mask_file" / "colormaps.json"
OF_MATPLOTLIB = (
    *("viridis", "plasma", "inferno", "magma", "cividis", "jet", "turbo", "hot", "rainbow"),
    *("nipy_spectral", "gist_ncar", "Spectral", "coolwarm", "Blues", "hsv", "tab10", "tab20"),
)
OF_CV2 = ("JET", "HOT", "RAINBOW", "HSV", "VIRIDIS", "INFERNO")


def main() -> int:
    """Write each as one line of hex colors, in RGB."""
    tables = {name: _of_matplotlib(name) for name in OF_MATPLOTLIB}
    tables |= {f"cv2.COLORMAP_{name}": _of_cv2(name) for name in OF_CV2}
    TABLE.write_text(json.dumps(tables, indent=0) + "\n")
    return 0


def _of_matplotlib(name: str) -> str:
    table = matplotlib.colormaps[name]
    return str(table(np.arange(table.N), bytes=True)[:, :3].tobytes().hex())


def _of_cv2(name: str) -> str:
    gray = np.arange(256, dtype=np.uint8)[:, None]
    colored = cv2.applyColorMap(gray, getattr(cv2, f"COLORMAP_{name}"))
    return str(colored[:, 0, ::-1].tobytes().hex())


if __name__ == "__main__":
    sys.exit(main())
