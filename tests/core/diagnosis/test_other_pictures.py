"""A checkpoint for other pictures: not said of a network that is only unsure of a usual one."""

from benchmarks.cases import material
from core.diagnosis.checks import doubt
from core.diagnosis.measure.measurements import measure
from core.diagnosis.progress import Progress
from examples.materials import case_of
from examples.zoo import ZOO
from tests.support.cases import example_checkpoint, with_tensors


def unsure():
    """A network without BatchNorm before the healthy scene of which it is least sure."""
    return measure(case_of(material(ZOO["group_unit"], 1_022, truth=False)))


def test_a_usual_picture_of_which_a_network_is_unsure_is_of_no_other_world():
    assert list(doubt.other_pictures(unsure(), Progress())) == []


def test_what_batchnorm_says_is_only_told_where_there_is_one(monkeypatch):
    monkeypatch.setattr(doubt, "DOUBT_STEPS", 9.0)
    (found,) = doubt.other_pictures(unsure(), Progress())

    assert "BatchNorm" not in " ".join(each.words for each in found.evidence)


def test_a_network_that_is_unsure_of_what_it_was_trained_on_is_not_given_other_pictures():
    tensors = dict(example_checkpoint().tensors)
    for key in tensors:
        if "classifier.4." in key:
            tensors[key] = 0.1 * tensors[key]  # as after a minute of training

    assert list(doubt.other_pictures(measure(with_tensors(tensors)), Progress())) == []
