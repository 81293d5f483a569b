"""What is measured, one part after the other, and how the document says it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from benchmarks.performance import crowd, drag, forwards, opening, slider, stages, start
from benchmarks.performance.effort import Effort, Said


@dataclass(frozen=True)
class Part:
    """One thing that is measured."""

    title: str
    how: str  # it is measured
    measure: Callable[[Effort], Said]


FORWARD = """
One 520 x 520 picture (544 x 544 for the U-Net, whose sides 32 must divide). "notebook" is
`model(x)` under `torch.no_grad()`, "ours" what answers while a slider moves; the other ways are
written anew in `benchmarks/performance/candidates.py`.
"""
SLIDER = """
DeepLabV3-MobileNetV3. Page Up or Page Down on the focused slider, which moves it by a tenth of its
range on all sides; from the event's own time to the task behind the frame in which a small copy of
the visible mask differs. "mean/std" are positions that nobody visited, "visited" goes back and
forth between the last two. The peers (`benchmarks/peers/`) keep their last 32 answers too, and send
their pictures as WebP, which is Gradio's own choice.
"""
DRAG = """
One position each 50 ms, then the slider is let go. Exact is what the viewer does not mark as a
preview; the plain forward is float32, channels last.
"""
EIGHT = """
Each has a profile of its own and drags for a minute, one drag after the other. Wrong is a final
label map that differs in any pixel from the plain forward under the settings of its page.
"""
START = """
`make run` on a machine that is set up; a browser is open and asks until somebody answers. First
paint is the app's own text, first mask the painted viewer.
"""
OPENING = """
DeepLabV3-ResNet-50 with both moments of Adam. The peak of Pss over the server and its reader, above
a server that showed another network before; of `torch.load` in a process of its own.
"""
PARTS = {
    "forward": Part("The forward alone", FORWARD, forwards.measure),
    "slider": Part("From a key to the changed mask", SLIDER, slider.measure),
    "drag": Part("A drag of 20 positions", DRAG, drag.measure),
    "eight_browsers": Part("Eight browsers on one server", EIGHT, crowd.measure_eight),
    "growth": Part("Memory over many moves", "Pss of the server and all its processes.",
                   crowd.measure_growth),
    "start": Part("Start", START, start.measure),
    "open_500mb": Part("A training checkpoint of 500 MB", OPENING, opening.measure),
    "stages": Part("Single stages", "On the example's small network and a 256 x 256 picture.",
                   stages.measure),
}  # fmt: skip
