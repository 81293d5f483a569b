"""`maskscope.compare`: a living model beside what was deployed of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from core.deployed.compare import compare as compare_programs
from core.deployed.comparison import Comparison
from core.deployed.opening import open_program
from core.deployed.programs import NetworkProgram, Program, SavedLogits
from core.settings import Settings
from maskscope.living.callables import modules_of
from maskscope.living.case import open_case
from maskscope.living.untouched import untouched


def compare(
    model: Any,
    deployed: Any,
    image: Any,
    *,
    preprocess: Any = None,
    settings: Settings | str | Mapping[str, Any] | None = None,
    progress: Callable[[str], None] | None = None,
) -> Comparison:
    """Say where a model and what was deployed of it part: the first stage, the first layer, why.

    Args:
        model: what is right, as in `maskscope.inspect`.
        deployed: path of an ONNX file (it is run by onnxruntime in a limited process), a `.pt2`, a
            checkpoint, an `.npy` or `.npz`; or an array of what another runtime returned.
        image: as in `maskscope.inspect`.
        preprocess: your own function from the picture to the tensor, which is measured.
        settings: what is fed where there is no `preprocess`.
        progress: called with each stage in words.

    Returns:
        Both sides, the findings and the layers; `print` writes them.

    Raises:
        InspectionError: something cannot be opened, or the model cannot be run.
    """
    with untouched(modules_of(model)):
        case = open_case(model, image, preprocess=preprocess, settings=settings).case
        if case.network is None:  # open_case has raised before
            raise TypeError("a model without a network")
        tensors = case.checkpoint.tensors if case.checkpoint else {}
        how = case.settings.forwarding
        one = NetworkProgram("your model", case.network, tensors, how)
        tell = progress or (lambda stage: None)
        return compare_programs(case.image, one, _program(deployed), case.settings, progress=tell)


def _program(deployed: Any) -> Program:
    if isinstance(deployed, str | Path):
        return open_program(Path(deployed), allowed=True)
    return SavedLogits("the saved outputs", np.asarray(deployed))
