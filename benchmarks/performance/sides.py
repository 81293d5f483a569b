"""Where each page has its controls, and which key moves them: the same key on all sides.

Page Up and Page Down move a slider by a tenth of its range, in the browser's own sliders and in
Streamlit's. A list needs other keys before the one that decides.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import urlencode

CHANNELS = "RGB"
IMAGENET = {"mean": "0.485,0.456,0.406", "std": "0.229,0.224,0.225"}


@dataclass(frozen=True)
class Side:
    """One page that is measured."""

    name: str
    mask: str  # selector of what shows the mask
    controls: Mapping[str, str]  # name to selector
    idle: str = "true"  # JavaScript: the server has nothing more to say
    before: Mapping[str, tuple[str, ...]] = field(default_factory=dict)  # keys that open a list
    decides: Mapping[str, str] = field(default_factory=dict)  # the key, where it is another


_STREAMLIT_IDLE = """document.querySelector(
    '[data-testid="stApp"][data-test-script-state="notRunning"]') !== null"""

OURS = Side(
    "ours",
    '[data-stage="mask"] canvas.panel',
    {
        **{f"mean {c}": f'input[aria-label="mean of channel {c}"]' for c in CHANNELS},
        "threshold": ".threshold input",
        "opacity": "input.alpha",
        "palette": "select.palette",
        "preset 0": ".st-key-preset_imagenet button",
        "preset 1": ".st-key-preset_unit button",
    },
    idle=_STREAMLIT_IDLE,
    decides={"palette": "ArrowDown", "preset 0": "Enter", "preset 1": "Enter"},
)
GRADIO = Side(
    "gradio",
    "#mask img",
    {
        **{f"mean {c}": f"#mean-{c} input[type=range]" for c in CHANNELS},
        "threshold": "#threshold input[type=range]",
        "opacity": "#opacity input[type=range]",
        "palette": "#palette input",
        "preset 0": "#preset0",
        "preset 1": "#preset1",
    },
    before={"palette": ("ArrowDown",)},
    decides={"palette": "Enter", "preset 0": "Enter", "preset 1": "Enter"},
)
PLOTLY = Side(
    "plotly",
    ".st-key-panel4 image",
    {
        **{f"mean {c}": f'input[aria-label="mean {c}"]' for c in CHANNELS},
        "threshold": 'input[aria-label="threshold"]',
        "opacity": 'input[aria-label="opacity"]',
        "palette": 'input[aria-label="palette"]',
        "preset 0": ".st-key-preset0 button",
        "preset 1": ".st-key-preset1 button",
    },
    idle=_STREAMLIT_IDLE,
    before={"palette": ("ArrowDown", "ArrowDown")},
    decides={"palette": "Enter", "preset 0": "Enter", "preset 1": "Enter"},
)


def query_of(network: str, picture: str, **settings: str) -> str:
    """The address of the app that opens a trained network on the measured picture.

    Args:
        network: a key of NETWORKS.
        picture: digest of the picture in the store.
        settings: further ones, as the address bar carries them.
    """
    opened = {"picture": picture, "truth": "", "checkpoint": f"folder:{network}.pth"}
    return urlencode({**opened, "preset": "imagenet", "palette": "voc", **IMAGENET, **settings})


def walk(count: int) -> list[tuple[str, str]]:
    """Steps to positions that were never visited: control and key, one step of one channel each.

    A snake through 5 x 5 x 5 places, upwards from where ImageNet's mean is.

    >>> walk(5)[-2:]
    [('mean R', 'PageUp'), ('mean G', 'PageUp')]
    >>> walk(6)[-1]
    ('mean R', 'PageDown')
    """
    steps = []
    for number in range(1, count + 1):
        moved = [b - a for a, b in zip(_place(number - 1), _place(number), strict=True)]
        axis = next(k for k, by in enumerate(moved) if by)
        steps.append((f"mean {CHANNELS[axis]}", "PageUp" if moved[axis] > 0 else "PageDown"))
    return steps


def _place(number: int) -> tuple[int, int, int]:
    row, red = divmod(number, 5)
    blue, green = divmod(row, 5)
    return (4 - red if row % 2 else red), (4 - green if blue % 2 else green), blue


OPPOSITE = {"PageUp": "PageDown", "PageDown": "PageUp"}
