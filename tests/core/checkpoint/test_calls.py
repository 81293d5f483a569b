"""What a file asks to call is listed as that, also beside good weights; honest files ask not."""

from __future__ import annotations

import collections
import enum
import functools
import hashlib
import io

import numpy as np
import pytest
import torch
import torchvision
from torch import nn

from core.checkpoint import Checkpoint, read_checkpoint
from core.checkpoint.pickled.policy import in_words
from tests.support.crafted import FOREIGN, asking
from tests.support.hostile import weights


@pytest.fixture
def read(tmp_path):
    def read_bytes(content: bytes) -> Checkpoint:
        path = tmp_path / "blob"
        path.write_bytes(content)
        digest = hashlib.sha256(content).hexdigest()
        return read_checkpoint(path, name="x.pth", digest=digest)

    return read_bytes


@pytest.mark.parametrize("legacy", [False, True])
@pytest.mark.parametrize("name", FOREIGN)
def test_a_call_beside_good_weights_is_listed_and_the_weights_open(read, name, legacy):
    checkpoint = read(asking(name, "GLOBAL and REDUCE", legacy=legacy))

    assert checkpoint.calls == (name,)
    assert list(checkpoint.tensors) == list(weights())


@pytest.mark.parametrize("way", ["STACK_GLOBAL", "INST", "OBJ", "the memo"])
def test_it_is_listed_however_it_is_written(read, way):
    assert read(asking("requests.api.get", way)).calls == ("requests.api.get",)


def test_the_sentence_says_what_it_asks_who_obeys_and_who_does_not():
    assert in_words(("requests.api.get", "pip.main")) == (
        "This file asks to call requests.api.get, pip.main. Maskscope never runs it; "
        "torch.load without weights_only=True would."
    )
    assert in_words([f"a.f{k}" for k in range(12)]).count("a.f") == 10
    assert "and 2 more" in in_words([f"a.f{k}" for k in range(12)])
    assert in_words(()) == ""


# --- honest files ---------------------------------------------------------------------------------


class Own(nn.Module):
    """A network of the author's own code."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 2, 1)
        self.norm = functools.partial(nn.BatchNorm2d, eps=1e-3)
        self.mode = torchvision.transforms.InterpolationMode.BILINEAR


class Split(enum.Enum):
    """As settings of a training script have it."""

    TRAIN = "train"


def beside() -> dict[str, object]:
    counts = collections.defaultdict(list, {"loss": [0.5]})
    return {
        "optimizer": torch.optim.AdamW(Own().parameters()).state_dict(),
        "rng": torch.get_rng_state(),
        "numpy": np.float64(0.5),
        "array": np.arange(3),
        "counts": counts,
        "device": torch.device("cpu"),
        "size": torch.Size([1, 2]),
    }


@pytest.mark.parametrize(
    "content",
    [
        pytest.param(lambda: weights(), id="a state dict"),
        pytest.param(lambda: {"model": weights(), **beside()}, id="a training dict"),
        pytest.param(lambda: Own(), id="a whole network"),
        pytest.param(lambda: {"model": nn.Sequential(nn.Conv2d(3, 2, 1))}, id="torch's own"),
    ],
)
@pytest.mark.parametrize("options", [{}, {"pickle_protocol": 4},
                                     {"_use_new_zipfile_serialization": False}])  # fmt: skip
def test_an_honest_file_asks_to_call_nothing(read, content, options):
    buffer = io.BytesIO()
    torch.save(content(), buffer, **options)

    assert read(buffer.getvalue()).calls == ()


def test_of_what_an_author_wrote_only_a_call_is_listed_as_one(read):
    buffer = io.BytesIO()
    torch.save({"model": Own(), "split": Split.TRAIN}, buffer)
    checkpoint = read(buffer.getvalue())

    assert checkpoint.calls == (f"{__name__}.Split",)
    assert f"{__name__}.Own" in checkpoint.classes
