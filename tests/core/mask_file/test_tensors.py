"""A tensor that torch.save wrote."""

import io
import os

import numpy as np
import pytest
import torch

from core.errors import InspectionError
from core.mask_file import inspect_mask
from tests.core.mask_file.drawing import regions


def pt(value):
    file = io.BytesIO()
    torch.save(value, file)
    return file.getvalue()


def test_a_label_map_in_a_tensor_is_read_without_torch():
    report = inspect_mask(pt(torch.from_numpy(regions(0, 1, 7))))

    assert report.first.kind_id == "label_array"
    assert report.facts.format == "PT"
    assert (report.reading.ids == regions(0, 1, 7)).all()


def test_logits_give_their_argmax_however_they_lie_in_memory():
    logits = torch.randn(1, 40, 60, 5, generator=torch.Generator().manual_seed(1)) * 4
    report = inspect_mask(pt(logits.permute(0, 3, 1, 2)))

    assert report.first.kind_id == "score_stack"
    assert (report.reading.ids == np.asarray(logits[0].argmax(dim=-1))).all()


def test_a_checkpoint_is_sent_to_the_dashboard():
    with pytest.raises(InspectionError, match="seems to be a checkpoint") as refused:
        inspect_mask(pt({"weight": torch.zeros(3, 3)}))

    assert "dashboard" in refused.value.remedy


def test_a_tensor_whose_numbers_are_missing_is_damaged():
    with pytest.raises(InspectionError):
        inspect_mask(pt(torch.zeros(40, 40))[:-400])


def test_what_asks_for_code_is_refused_and_not_run():
    class Runs:
        def __reduce__(self):
            return os.getenv, ("HOME",)

    with pytest.raises(InspectionError):
        inspect_mask(pt(Runs()))
