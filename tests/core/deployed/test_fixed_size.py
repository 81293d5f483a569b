"""E8 and its guard: an output of one size is told, one that follows the input or stops is not."""

from types import SimpleNamespace

import numpy as np
import pytest

from core.deployed.reasons import _fixed_size
from core.errors import ForwardError

X = np.zeros((1, 3, 128, 160), np.float32)
LOGITS = np.zeros((1, 2, 128, 160), np.float32)


def outputs(height, width):
    return SimpleNamespace(outputs=[SimpleNamespace(values=np.zeros((1, 2, height, width)))])


def seen(answer, *, x=X, **other):
    """What `answer` gives for h, w of an input is what the deployed program returns."""
    program = {"name": "b.onnx", "size": None, "facts": {"opset": 17}, **other}
    give = lambda tensor: answer(*tensor.shape[2:])  # noqa: E731
    return SimpleNamespace(
        other=SimpleNamespace(**program, give=give), x=x, logits=LOGITS, is_resized=True,
        given=answer(*x.shape[2:]),
    )  # fmt: skip


def stops(height, width):
    if (height, width) != X.shape[2:]:
        raise ForwardError("It takes one size.", remedy="")
    return outputs(64, 64)


def test_an_output_of_one_size_whatever_comes_in_is_told():
    (found,) = _fixed_size(seen(lambda height, width: outputs(64, 64)))

    assert (found.cause, found.certainty) == ("E8", "certain")
    assert "returns 64 x 64 for an input of 128 x 160, and the same for one of 64 x 64" in (
        found.evidence[0].words
    )


@pytest.mark.parametrize(
    "case",
    [
        seen(lambda height, width: outputs(height // 4, width // 4)),  # it follows the input
        seen(lambda height, width: outputs(height, width)),
        seen(stops),  # it shows nothing of its output
        seen(lambda height, width: outputs(64, 64), x=X[:, :, :32, :32]),  # nothing smaller
        seen(lambda height, width: outputs(64, 64), facts={}),  # numbers of another runtime
    ],
    ids=["a quarter", "the same", "refuses", "smallest", "saved"],
)
def test_what_follows_the_input_or_stops_is_not(case):
    assert list(_fixed_size(case)) == []
