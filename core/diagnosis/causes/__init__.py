"""Every cause that the diagnosis can name, in the order of the flow.

A cause is one entry in one of these modules, its text included. The page and docs/findings.md
(`python -m scripts.findings`) are made of it. Open `cause.py` first: what the fields mean.
"""

from core.diagnosis.causes import (
    decision,
    deployment,
    display,
    normalization,
    picture,
    statistics,
    training,
    weights,
)
from core.diagnosis.causes.cause import Cause, Stage

SECTIONS: dict[str, tuple[Cause, ...]] = {  # by the headings of docs/findings.md
    "The picture": picture.CAUSES,
    "Normalization": normalization.CAUSES,
    "Weights": weights.CAUSES,
    "Statistics and precision": statistics.CAUSES,
    "Decision": decision.CAUSES,
    "Display": display.CAUSES,
    "Training": training.CAUSES,
    "Deployment": deployment.CAUSES,
}
CAUSES: dict[str, Cause] = {cause.id: cause for part in SECTIONS.values() for cause in part}

__all__ = ["CAUSES", "SECTIONS", "Cause", "Stage"]
