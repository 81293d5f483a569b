"""The channel order is told where two kinds of evidence agree, or one is clear."""

import pytest

from core.diagnosis.many.order import OrderEvidence

SURE = (0.9, 0.9)
LIKE = (0.02, 0.02)


@pytest.mark.parametrize(
    ("votes", "layer", "sign"),
    [
        ((2.0, 1.0, 3.0, 1.5), None, 1),  # all say so
        ((-2.0, -1.0, -3.0, -1.5), None, -1),
        ((2.0, -2.0, 3.0, -3.0), None, 0),  # they contradict each other
        ((2.0, 1.0, 3.0), None, 0),  # too few
        ((0.3, 0.4, -0.2, 0.5), 0.6, 1),  # small votes, and the first layer says the same
        ((0.3, 0.4, -0.2, 0.5), None, 0),
        ((0.0, 0.1, -0.1, 0.0), 1.5, 1),  # masks that hardly differ, and a clear layer
        ((2.0, 1.0, 3.0, 1.5), -0.6, 0),  # masks against layer
    ],
)
def test_votes_and_first_layer_are_gathered(votes, layer, sign):
    found = OrderEvidence(votes, layer, LIKE if layer is not None else None, SURE)

    assert found.sign == sign


def test_of_pictures_unlike_the_training_no_order_is_told():
    votes = (2.0, 1.0, 3.0, 1.5)

    assert OrderEvidence(votes, 0.6, (0.5, 0.4), SURE).sign == 0
    assert OrderEvidence(votes, None, None, SURE, ((0.5, 0.4),)).sign == 0


def test_an_unsure_network_tells_no_order():
    assert OrderEvidence((2.0, 1.0, 3.0, 1.5), None, None, (0.6, 0.6)).sign == 0
