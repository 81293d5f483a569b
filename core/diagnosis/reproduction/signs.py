"""What the file itself shows of a program, without a forward: its symmetry, its seams, its turn."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np

from core.diagnosis.reproduction import decide
from core.diagnosis.reproduction.decide import OVER_AXES
from core.diagnosis.reproduction.feed import TURNS
from core.diagnosis.reproduction.runs import Candidate, Runs, Size
from core.diagnosis.reproduction.written import Written, coding
from core.diagnosis.thresholds import MIRRORED


def is_mirrored(written: Written) -> bool:
    """Whether left and right are the same, as an average of views that were not flipped back is."""
    mirror = np.ascontiguousarray(written.codes[:, ::-1])
    return len(written.levels) > 1 and coding(written, mirror).gain >= MIRRORED


def seams(written: Written, fed: Size, tile: int) -> float:
    """How often values change where tiles meet, beside elsewhere: 1 where there are no tiles."""
    at_seams, elsewhere = [], []
    for axis, side in enumerate(fed):
        codes = written.codes if axis == 0 else written.codes.T
        changes = (codes[1:] != codes[:-1]).mean(axis=1)
        changes = changes + np.append(changes[1:], 0)  # a seam may fall between two pixels
        meet = np.arange(tile, side, tile) * len(codes) / side
        between = np.floor(meet - 1).astype(int)
        between = between[(between >= 0) & (between < len(changes))]
        at_seams += changes[between].tolist()
        elsewhere += np.delete(changes, between).tolist()
    usual = float(np.mean(elsewhere)) if elsewhere else 0.0
    return float(np.mean(at_seams)) / usual if at_seams and usual else 1.0


def turned_gains(runs: Runs, candidate: Candidate) -> dict[str, float]:
    """What each layout would explain: networks nearly turn with the picture.

    Only from a picture that was not turned, as two layouts are no change of one stage.
    """
    program = candidate.program
    if program["layout"].key != "permute":
        return {}
    scores = runs.scores(program)
    decisions = runs.decisions(scores)
    masks = [decide.decided(scores, each) for each in decisions if each.key not in OVER_AXES]
    gains = {}
    for layout, (_, turn, _) in TURNS.items():
        turned = [turn(mask) for mask in masks] + list(_over_axes(scores, turn, runs))
        fitting = [
            runs.gain(np.ascontiguousarray(mask))
            for mask in turned
            if mask.shape == runs.written.size
        ]
        if fitting:
            gains[layout] = max(fitting)
    return gains


def _over_axes(
    scores: decide.Scores, turn: Callable[[np.ndarray], np.ndarray], runs: Runs
) -> Iterator[np.ndarray]:
    """Decisions of turned scores that are no turned decisions, where the file has their size."""
    turned = decide.Scores(turn(scores.values.transpose(1, 2, 0)).transpose(2, 0, 1))
    for decision in runs.decisions(scores):
        if decision.key in OVER_AXES and decide.has_size(decision, turned, runs.written.size):
            yield decide.decided(turned, decision)
