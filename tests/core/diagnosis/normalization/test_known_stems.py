"""A first convolution that began from a published one tells how the training was fed."""

import json
import sys

import pytest
import torch

from core.diagnosis import diagnose
from core.diagnosis.measure.measurements import measure
from core.diagnosis.normalization import known_stems as known_stems_module
from core.diagnosis.normalization.channel_order import preference
from core.diagnosis.normalization.known_stems import (
    as_json,
    known_stems,
    like_a_known_stem,
    stem_row,
)
from core.diagnosis.thresholds import STEM_VOTES
from core.presets import PRESETS
from examples.zoo import ZOO, load
from scripts import stems
from tests.support.cases import example_checkpoint, with_settings


def random_stem(seed=0, filters=16):
    return torch.randn(filters, 3, 3, 3, generator=torch.Generator().manual_seed(seed))


def a_row(weight=None):
    return stem_row("a network", "a call", "imagenet", random_stem() if weight is None else weight)


def fine_tuned(weight, by=0.3):
    return weight + by * random_stem(seed=1, filters=len(weight))


def test_an_untouched_stem_is_known_in_every_bit():
    found = like_a_known_stem(random_stem(), [a_row()])

    assert found.untouched
    assert found.same > 0.99
    assert found.color == "rgb"


def test_a_fine_tuned_stem_is_known_with_its_order():
    found = like_a_known_stem(fine_tuned(random_stem()), [a_row()])
    exchanged = like_a_known_stem(fine_tuned(random_stem()).flip(1), [a_row()])

    assert (found.color, exchanged.color) == ("rgb", "bgr")
    assert not found.untouched


@pytest.mark.parametrize(
    "changed",
    [
        pytest.param(lambda w: w * torch.linspace(0.1, 3, len(w))[:, None, None, None], id="bn"),
        pytest.param(lambda w: w * torch.tensor([0.5, 1.0, 2.0])[None, :, None, None], id="std"),
    ],
)
def test_neither_a_folded_batchnorm_nor_another_std_hides_it(changed):
    assert like_a_known_stem(changed(random_stem()), [a_row()]).color == "rgb"


@pytest.mark.parametrize(
    "other",
    [
        pytest.param(random_stem(seed=7), id="of another training"),
        pytest.param(random_stem().flip(0), id="other filters"),
        pytest.param(random_stem(filters=8), id="another shape"),
        pytest.param(fine_tuned(random_stem(), by=3), id="trained far away"),
        pytest.param(torch.zeros(16, 3, 3, 3), id="zeros"),
    ],
)
def test_other_stems_are_not_taken_for_it(other):
    assert like_a_known_stem(other, [a_row()]) is None


def test_a_stem_that_sees_no_color_tells_no_order():
    gray = random_stem().mean(1, keepdim=True).expand(-1, 3, -1, -1)

    assert like_a_known_stem(gray, [a_row(gray)]) is None


@pytest.mark.parametrize(("fed", "finds"), [("bgr", ["P6"]), ("rgb", [])])
def test_a_known_stem_speaks_for_its_order_and_is_told(monkeypatch, fed, finds):
    """The example's own stem, as if it were published; the picture alone does not decide."""
    first = next(t for t in example_checkpoint().tensors.values() if t.ndim == 4)
    row = stem_row("the example", "its file", "imagenet", first)
    monkeypatch.setattr(known_stems_module, "known_stems", lambda: (row,))
    measured = measure(with_settings(color=fed))
    other = "rgb" if fed == "bgr" else "bgr"
    votes = preference(measured, {}, {"color": other}).stem

    assert votes == (STEM_VOTES if other == "rgb" else -STEM_VOTES)
    told = diagnose(measured.case)
    assert [finding.cause for finding in told.faults] == finds
    words = " ".join(each.words for finding in told.faults for each in finding.evidence)
    assert ("began from that of the example: as rgb" in words) == bool(finds)


def test_an_encoder_that_is_still_as_published_says_how_that_one_is_fed(monkeypatch):
    first = next(t for t in example_checkpoint().tensors.values() if t.ndim == 4)
    row = stem_row("the example", "its file", "imagenet", first)
    monkeypatch.setattr(known_stems_module, "known_stems", lambda: (row,))
    told = diagnose(with_settings(**PRESETS["unit"].changes)).faults[0]

    words = [each.words for each in told.evidence]
    assert words[-1] == (
        "Its first convolution still is that of the example, which is fed ImageNet mean/std."
    )


def test_rows_are_small_and_the_table_can_be_read():
    row = a_row()

    assert len(as_json([row])) < 1_500
    assert sum(row.covariance[:3]) == pytest.approx(1, abs=1e-3)
    assert all(like_a_known_stem(random_stem(), [stem]) is None for stem in known_stems())


def test_the_script_adds_a_row_for_a_network_of_our_own(tmp_path, monkeypatch):
    network = ZOO["lraspp_mean"]
    table = tmp_path / "known_stems.json"
    monkeypatch.setattr(stems, "TABLE", table)
    monkeypatch.setattr(
        sys, "argv", ["stems", "--file", "our own", "unit", str(load(network.name))]
    )
    stems.main()
    rows = {row["name"]: row for row in json.loads(table.read_text())}

    assert rows["our own"]["feeds"] == "unit"
    assert len(rows) == len(known_stems()) + 1


def test_weights_that_cannot_be_had_are_said_and_left_out(tmp_path, monkeypatch, capsys):
    def no_network(name):
        raise OSError("no network")

    monkeypatch.setattr(stems, "TABLE", tmp_path / "known_stems.json")
    monkeypatch.setattr(stems, "_of_torchvision", no_network)
    monkeypatch.setattr(sys, "argv", ["stems", "resnet50"])
    stems.main()

    assert "resnet50 is left out: no network" in capsys.readouterr().err
    assert len(json.loads((tmp_path / "known_stems.json").read_text())) == len(known_stems())
