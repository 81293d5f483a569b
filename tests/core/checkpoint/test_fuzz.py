"""A short, seeded run of `make fuzz`: damaged files open right or get a sentence."""

from __future__ import annotations

import pytest

from tests.fuzz import outcome, run
from tests.support.honest import saved, seeds, state


@pytest.mark.filterwarnings("ignore")
def test_damaged_files_open_right_or_get_a_sentence():
    counts, faults = run(mutants=1500, flips=500, seed=0, odd=300)

    assert [what for what, _ in faults] == []
    assert sum(counts.values()) == 2300
    for container in ("zip", "legacy", "safetensors", "ONNX", "bundle", "exported program"):
        assert counts[container, "opened"] > 20  # the damage is not so coarse that nothing opens
        assert counts[container, "refused"] > 20


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", seeds())
def test_the_files_that_are_damaged_open_whole(name, tmp_path):
    assert outcome(seeds()[name], tmp_path) == "opened"


def test_a_wrong_number_would_be_seen(tmp_path):
    content = state()
    wrong = content | {"module.bn.running_var": content["module.bn.running_var"] + 1}

    assert outcome(saved(content), tmp_path, wanted=wrong) == "FAULT: wrong"
