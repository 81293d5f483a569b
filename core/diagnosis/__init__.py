"""Picture, checkpoint and settings to findings: why a mask is black or wrong, and what mends it.

    Case -> Measurements (each computed once, when asked for) -> checks -> Findings -> Diagnosis

In: a `Case` and a door to its network. Out: better and better `Diagnosis` values. Open `inquiry.py`
first: it says what is asked when. A new cause is a function in `checks/`, its phase in
`checks/phases.py`, and its entry in `causes/`.
"""

from core.diagnosis.bisect import Bisect
from core.diagnosis.case import Case, others_in
from core.diagnosis.causes import CAUSES, Cause
from core.diagnosis.diagnosis import Diagnosis, Tried
from core.diagnosis.finding import Evidence, Finding
from core.diagnosis.inquiry import diagnose, investigate
from core.diagnosis.reproduction.rebuilt import Rebuilt
from core.diagnosis.unexplained import Unexplained

__all__ = [
    "CAUSES",
    "Bisect",
    "Case",
    "Cause",
    "Diagnosis",
    "Evidence",
    "Finding",
    "Rebuilt",
    "Tried",
    "Unexplained",
    "diagnose",
    "investigate",
    "others_in",
]
