"""The five stages in Gradio: `python -m benchmarks.peers.gradio_app PORT`, with .cache/peers.

What a change does not touch is neither computed nor sent: each control lists its own outputs.
"""

from __future__ import annotations

import os
import sys
from typing import Any

import gradio as gr  # type: ignore[import-not-found, unused-ignore]
import numpy as np

from benchmarks.peers import stages
from benchmarks.peers.stages import IMAGENET, PALETTES, PRESETS

FORMAT = os.environ.get("PEER_FORMAT", "webp")  # Gradio's own; a PNG takes three times as long


def _decided(fed: tuple[float, ...], threshold: float, palette: str, opacity: float) -> list[Any]:
    """Labels and mask."""
    colored = PALETTES[palette][stages.labels(_answer(fed), threshold)]
    return [colored, stages.overlaid(colored, opacity)]


def _answer(fed: tuple[float, ...]) -> stages.Answer:
    return stages.answer(fed[:3], fed[3:6])


def see(*values: Any) -> list[np.ndarray]:
    """Mean, std, class, threshold, palette and opacity to the four pictures that they change."""
    fed, (channel, *rest) = values[:6], values[6:]
    found = _answer(fed)
    return [found.normalized, stages.heat(found.logits[channel]), *_decided(fed, *rest)]


def decide(*values: Any) -> list[np.ndarray]:
    """Labels and mask, which are all that threshold and palette change."""
    return _decided(values[:6], *values[7:])


def lay_over(*values: Any) -> np.ndarray:
    """The mask, which is all that the opacity changes."""
    return decide(*values)[1]


def show_logits(*values: Any) -> np.ndarray:
    """The logits of one class."""
    return stages.heat(_answer(values[:6]).logits[values[6]])


def choose(name: str) -> Any:
    """Put a preset into the sliders, and show what it does."""

    def chosen(*values: Any) -> list[Any]:
        fed = [value for part in PRESETS[name] for value in part]
        return [*fed, *see(*fed, *values[6:])]

    return chosen


def build() -> gr.Blocks:
    """Draw the page."""
    with gr.Blocks(title="Five stages") as page:
        with gr.Row():
            pictures = [
                gr.Image(label=name, elem_id=name.lower(), format=FORMAT, interactive=False)
                for name in ("Raw", "Normalized", "Logits", "Argmax", "Mask")
            ]
        _, normalized, logits, argmax, mask = pictures
        with gr.Row():
            buttons = {
                name: gr.Button(name, elem_id=f"preset{k}") for k, name in enumerate(PRESETS)
            }
        fed = [
            gr.Slider(0, 1, IMAGENET[k][c], step=0.001, label=f"{kind} {name}",
                      elem_id=f"{kind}-{name}")
            for k, kind in enumerate(("mean", "std")) for c, name in enumerate("RGB")
        ]  # fmt: skip
        channel = gr.Slider(0, stages.CLASSES - 1, 0, step=1, label="class")
        threshold = gr.Slider(0, 1, 0.3, step=0.01, label="threshold", elem_id="threshold")
        palette = gr.Dropdown(list(PALETTES), value="Pascal VOC", label="palette",
                              elem_id="palette")  # fmt: skip
        opacity = gr.Slider(0, 1, 0.6, step=0.01, label="opacity", elem_id="opacity")
        all_values = [*fed, channel, threshold, palette, opacity]
        common = {"inputs": all_values, "show_progress": "hidden", "trigger_mode": "always_last",
                  "queue": os.environ.get("PEER_QUEUE", "1") == "1"}  # fmt: skip
        answered = [normalized, logits, argmax, mask]
        gr.on([one.input for one in fed], see, outputs=answered, **common)
        gr.on([threshold.input, palette.input], decide, outputs=[argmax, mask], **common)
        opacity.input(lay_over, outputs=mask, **common)
        channel.input(show_logits, outputs=logits, **common)
        for name, button in buttons.items():
            button.click(choose(name), outputs=[*fed, *answered], **common)
        page.load(lambda *values: [stages.pixels(), *see(*values)], all_values, pictures)
    return page


if __name__ == "__main__":
    build().launch(server_name="127.0.0.1", server_port=int(sys.argv[1]), quiet=True)
