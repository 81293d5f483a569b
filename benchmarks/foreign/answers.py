"""One case asked: whether its file opens, what is said first, and whether that is calm or wrong."""

from __future__ import annotations

from dataclasses import dataclass

from benchmarks.diagnosis import Outcome, changes_little, may_be_harmless
from benchmarks.foreign.cases import Trial
from benchmarks.foreign.scenes import render
from core.diagnosis import CAUSES, Case, Diagnosis, diagnose
from core.diagnosis.thresholds import ONE_CLASS_SHARE
from core.engine import in_this_thread
from core.errors import InspectionError
from core.inspection import run_stages
from examples.materials import Material, case_of

CERTAIN = "certain"


@dataclass(frozen=True)
class Answer(Outcome):
    """What was said of one case."""

    way: str = ""  # of saving
    opened: bool = False
    built: bool = False
    dead_and_calm: bool = False  # nothing is said about a mask of one class
    error: str = ""  # why it was not opened or built


def answer(trial: Trial) -> Answer:
    """Diagnose one case."""
    healthy = trial.healthy
    made = trial.seeded(healthy)
    case = case_of(made)
    told = diagnose(case)
    said = told.faults
    return Answer(
        trial.fault,
        trial.member,
        trial.picture,
        f"{trial.kind}, {trial.way}",
        trial.truth,
        tuple(fault.causes for fault in trial.faults),
        tuple(finding.cause for finding in said),
        said[0].certainty if said else "",
        0.0,
        _is_harmless(trial, healthy, made),
        trial.way,
        case.checkpoint is not None,
        case.network is not None,
        _is_calm(told) and _is_dead(case),
        str(case.error or ""),
    )


def _is_harmless(trial: Trial, healthy: Material, made: Material) -> bool:
    causes = [CAUSES[cause] for fault in trial.faults for cause in fault.causes]
    if not may_be_harmless(causes):
        return False
    ids = render(trial.network.world, trial.picture)[1]
    truth = (ids > 0).astype(ids.dtype) if trial.network.classes == 1 else ids
    before = made if healthy is made else _with_picture(healthy, made)
    return changes_little(before, made, truth if causes[0].id == "P5" else None)


def _with_picture(healthy: Material, made: Material) -> Material:
    """The files without the fault, but for a picture that belongs to it."""
    from dataclasses import replace

    return replace(healthy, picture=made.picture)


def _is_calm(told: Diagnosis) -> bool:
    return not told.faults and told.unexplained is None


def _is_dead(case: Case) -> bool:
    """Whether the mask has one class, though no ground truth says so."""
    if case.network is None or case.truth is not None:
        return case.network is None
    try:
        seen = run_stages(case.image, case.network, case.settings, forward=in_this_thread)
    except InspectionError:
        return True
    return float(seen.labels.shares().max(initial=0)) >= ONE_CLASS_SHARE
