"""The benchmark of the mask door: what it writes, and that both parts are different."""

import numpy as np

from benchmarks.mask_files.report import document
from benchmarks.mask_files.samples import samples
from benchmarks.mask_files.writers import REFUSED, WRITERS
from core.mask_file import KINDS


def test_there_are_more_than_24_kinds_and_each_has_a_name_that_is_known():
    assert len({writer.name for writer in WRITERS}) == len(WRITERS) >= 24
    assert {kind for writer in WRITERS for kind in writer.right} <= {*KINDS, REFUSED}


def test_the_held_out_part_has_other_pictures_of_other_kinds():
    tune, held = (list(samples(part)) for part in ("tune", "held-out"))

    assert not {each.name for each in tune} & {each.name for each in held}
    assert not {each.seed for each in tune} & {each.seed for each in held}
    assert all(len(np.unique(each.truth)) >= 4 for each in (*tune, *held))


def test_the_document_tells_how_often_the_held_out_part_was_looked_at():
    outcome = {"kind": "ids", "right": ["ids_as_gray"], "said": ["photo"], "faults": []}
    figures = {"looks": 2, "named": 0, "files": 1, "certain_and_wrong": 0, "healthy": 3}

    page = document({**figures, "false_claims": 0, "outcomes": [outcome]})

    assert "looked at twice" in page
    assert "| ids | 0 of 1 | photo |" in page
