"""What a network's numbers are, where they are no head's logits: told, and not activated twice."""

from __future__ import annotations

import copy
from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import nn

from core.architectures.class_scores import ending_in, of_queries, query_scores, reading, script_of
from core.diagnosis import diagnose
from core.export import script_output
from core.inference import call
from core.labels import decode_labels, resolve
from core.settings import Decoding
from pages.components.viewer.planes import logits_fact
from tests.core.diagnosis.test_diagnosis_forwards import one_channel


def test_the_score_of_a_class_is_the_sum_over_queries_of_class_times_mask():
    generator = torch.Generator().manual_seed(0)
    classes = torch.randn(1, 6, 4, generator=generator)
    masks = torch.randn(1, 6, 5, 7, generator=generator)
    scores = query_scores(classes, masks)

    probability = np.exp(classes[0].numpy())
    probability = probability / probability.sum(-1, keepdims=True)
    likely = 1 / (1 + np.exp(-masks[0].numpy()))
    wanted = sum(probability[q, :3, None, None] * likely[q] for q in range(6))
    assert scores.shape == (1, 3, 5, 7)
    assert np.allclose(scores[0].exp().numpy(), wanted, atol=1e-5)
    assert np.allclose(scores.softmax(1)[0].numpy(), wanted / wanted.sum(0), atol=1e-5)


def test_a_class_that_no_query_names_has_a_finite_score():
    classes = torch.tensor([[[0.0, -1e4, 0.0]]])

    assert torch.isfinite(query_scores(classes, torch.full((1, 1, 2, 2), -200.0))).all()


def test_a_read_network_keeps_its_names_also_in_a_copy():
    layer = nn.Conv2d(3, 2, 1)
    names = list(layer.state_dict())
    read = reading(layer, lambda output: output[:, :1])

    assert list(read.state_dict()) == names
    assert call(copy.deepcopy(read), torch.zeros(1, 3, 4, 4), "out").shape == (1, 1, 4, 4)


@pytest.mark.parametrize("rule", ["auto", "argmax", "threshold", "per_class"])
@pytest.mark.parametrize("channels", [1, 3])
def test_automatic_applies_no_second_activation(rule, channels):
    assert resolve(channels, Decoding(rule=rule), "sigmoid")[1] == "none"
    chosen = Decoding(rule=rule, activation="sigmoid")
    assert resolve(channels, chosen, "sigmoid")[1] == "sigmoid"


def test_probabilities_are_cut_and_trusted_as_they_are():
    labels = decode_labels(np.array([[[0.1, 0.9]]], np.float32), Decoding(), "sigmoid")

    assert labels.ids.tolist() == [[0, 1]]
    assert labels.confidence == pytest.approx(0.9)


def test_a_second_sigmoid_is_certain_where_the_family_ends_in_one():
    case = one_channel(nn.Sigmoid())
    network = replace(case.network, scores=ending_in("sigmoid"), architecture="U2-Net")
    right = replace(case, network=network)
    settings = replace(case.settings, decoding=Decoding(activation="sigmoid"))
    found = next(f for f in diagnose(replace(right, settings=settings)).findings if f.cause == "R5")

    assert "R5" not in [finding.cause for finding in diagnose(right).findings]
    assert found.certainty == "certain"
    assert found.evidence[0].words == "U2-Net ends in a sigmoid."


def test_the_logits_panel_says_what_the_numbers_are():
    fact = logits_fact(np.zeros((2, 2), np.float32), of_queries(100).words)

    assert fact == ("0 .. 0; class scores: ln of the sum over 100 queries of softmax x sigmoid")


def test_the_script_has_the_function_and_no_second_activation():
    names: dict = {"torch": torch}
    exec(script_of(query_scores), names)
    classes, masks = torch.randn(1, 2, 3), torch.randn(1, 2, 4, 4)

    assert torch.equal(names["query_scores"](classes, masks), query_scores(classes, masks))
    code = script_output.deciding(Decoding(), 1, "sigmoid").code
    assert "np.float32(THRESHOLD)" in code and "np.log" not in code
