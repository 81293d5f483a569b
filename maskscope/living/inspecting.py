"""`maskscope.inspect`: a living model and a picture to a diagnosis, in the notebook's process."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from core.diagnosis import Case, Diagnosis, diagnose
from core.engine import in_this_thread
from core.errors import InspectionError
from core.inspection import Inspection, run_stages
from core.settings import Settings
from maskscope.living.answer import Answer
from maskscope.living.callables import modules_of
from maskscope.living.case import open_case
from maskscope.living.untouched import untouched


def inspect(
    model: Any,
    image: Any,
    *,
    preprocess: Any = None,
    truth: Any = None,
    settings: Settings | str | Mapping[str, Any] | None = None,
    class_names: Sequence[str] | None = None,
    progress: Callable[[str], None] | None = None,
) -> Answer:
    """Say why the mask of a picture is black or wrong, with evidence and a fix.

    Args:
        model: an `nn.Module`, or a function from a tensor [1 c h w] to logits. It is never
            changed, and never run itself: a shadow of it over the same weights is, in float32 and
            on the CPU. In which mode it is (`train()` or `eval()`) is a part of what is diagnosed.
        image: path, PIL picture, array UInt8[h w 3] in RGB, or tensor [3 h w] of 0..255 or 0..1.
        preprocess: your own function from the picture to the tensor. It is called on this picture
            and on a few colored ones, and what it does is measured.
        truth: the ground truth: path, PIL picture, or ids Int[h w]; 255 is ignored.
        settings: what is fed where there is no `preprocess`: the name of a preset ("imagenet"),
            choices by their names, or `Settings`; pixels of 0 to 1 if None. `slice_axis` and
            `slice_index` say which slice of a NIfTI volume is meant: the middle one if not given.
        class_names: by id.
        progress: called with each stage in words.

    Returns:
        The diagnosis with all it is about; a notebook draws it, `print` writes it.

    Raises:
        InspectionError: the model cannot be run, or a picture cannot be read; it says what to do.
    """
    tell = progress or _say_nothing
    with untouched(modules_of(model)):
        opened = open_case(
            model, image, preprocess=preprocess, truth=truth, settings=settings,
            class_names=class_names,
        )  # fmt: skip
        answered = diagnose(opened.case, progress=tell)
        return Answer(answered, opened.case, *_seen(opened.case, answered), opened.feeding)


def _seen(case: Case, answered: Diagnosis) -> tuple[Inspection | None, str]:
    """What the stages made under the settings that were diagnosed; else why there is nothing."""
    if case.network is None:
        return None, ""
    try:
        return run_stages(case.image, case.network, answered.settings, forward=in_this_thread), ""
    except InspectionError as error:
        return None, f"{error.message} {error.remedy}"


def _say_nothing(stage: str) -> None:
    """Progress that nobody reads."""
