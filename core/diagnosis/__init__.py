"""Picture, checkpoint and settings to findings: why a mask is black or wrong, and what mends it.

    Case -> Facts (each computed once, when it is asked for) -> checks -> Findings -> Diagnosis

A new cause is a function in `checks/`, its line there, and its entry in `causes/`.
"""

from core.diagnosis.bisect import Bisect
from core.diagnosis.case import Case
from core.diagnosis.causes import CAUSES, Cause
from core.diagnosis.diagnosis import Diagnosis, Tried
from core.diagnosis.finding import Evidence, Finding
from core.diagnosis.inquiry import diagnose, investigate
from core.diagnosis.plain import plain

__all__ = [
    "CAUSES",
    "Bisect",
    "Case",
    "Cause",
    "Diagnosis",
    "Evidence",
    "Finding",
    "Tried",
    "diagnose",
    "investigate",
    "plain",
]
