"""The server asks, the notebook's process runs the model: the same numbers, or a sentence."""

import copy
import json
import threading
from dataclasses import replace

import pytest
import torch

from core import inference
from core.architectures import build_network
from core.architectures.families.living_model import SETTING, LivingModule
from core.checkpoint import read_checkpoint
from core.engine.paths import NotFasterError, folded, on_device, openvino
from core.errors import ForwardError
from core.export.script import inference_script
from core.operators import ForwardAbandoned, while_wanted
from core.settings import Forwarding
from maskscope.living.case import open_case
from maskscope.showing.answering import Answering
from maskscope.showing.told import stem, told_of, weights
from tests.support.living import Raising, Tiny, picture

X = torch.rand(1, 3, 24, 32, generator=torch.Generator().manual_seed(0))


class Line:
    """Both ends: a model, the notebook's end, and what the server has of it."""

    def __init__(self, model, folder):
        self.opened = open_case(model, picture())
        self.answering = Answering(self.opened.case.network, self.opened.model.own, folder)
        self.module = LivingModule(self.answering.address, self.answering.key)

    def network(self):
        return replace(self.opened.case.network, module=self.module)


@pytest.fixture
def model():
    torch.manual_seed(0)
    model = Tiny().train()
    for _ in range(3):
        model(torch.rand(2, 3, 16, 16))
    return model.eval()


@pytest.fixture
def line(model, tmp_path):
    line = Line(model, tmp_path)
    yield line
    line.answering.close()


@pytest.mark.parametrize(
    ("mode", "dtype"), [("eval", "float32"), ("train", "float32"), ("eval", "float16")]
)
def test_the_answer_is_that_of_the_network_itself(line, mode, dtype):
    x, how = X.to(getattr(torch, dtype)), Forwarding(mode=mode)

    asked = inference.outputs(line.network(), x, how)

    assert torch.equal(asked, inference.outputs(line.opened.case.network, x, how))


def test_train_mode_is_another_answer(line):
    asked = [inference.outputs(line.network(), X, Forwarding(mode=m)) for m in ("eval", "train")]

    assert not torch.allclose(*asked)


def test_forwards_are_counted_one_at_a_time(line):
    modules = [copy.deepcopy(line.module) for _ in range(4)]
    threads = [threading.Thread(target=module, args=(X,)) for module in modules]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert line.answering.forwards == 4


def test_a_model_that_was_changed_is_not_passed_off_as_its_old_weights(line, model):
    with torch.no_grad():
        model.last.bias += 1

    with pytest.raises(ForwardError, match="was changed since") as caught:
        line.module(X)
    assert "again" in caught.value.remedy


def test_what_stops_the_model_is_told_on_the_page(line):
    with pytest.raises(ForwardError, match="expects 3 input channels"):
        line.module(torch.rand(1, 5, 24, 32))
    assert line.module(X).shape == (1, 3, 24, 32)


def test_a_notebook_that_is_gone_is_a_sentence(line):
    line.module(X)
    line.answering.close()

    with pytest.raises(ForwardError, match="does not answer any more") as caught:
        line.module(X)
    assert "maskscope.show" in caught.value.remedy


def test_closing_waits_for_nobody_where_nobody_listens_any_more(model, tmp_path, monkeypatch):
    opened = open_case(model, picture())
    with monkeypatch.context() as patched:
        patched.setattr(threading.Thread, "start", lambda _: None)
        answering = Answering(opened.case.network, opened.model.own, tmp_path)
    closing = threading.Thread(target=answering.close, daemon=True)
    closing.start()
    closing.join(20)

    assert not closing.is_alive()


def test_whoever_lacks_the_key_gets_no_answer(line):
    with pytest.raises(ForwardError, match="does not answer"):
        LivingModule(line.answering.address, b"another key")(X)
    assert line.module(X).shape == (1, 3, 24, 32)


def test_a_forward_that_nobody_waits_for_is_given_up_and_the_next_one_is_right(line):
    with pytest.raises(ForwardAbandoned), while_wanted(lambda: False):
        inference.outputs(line.network(), X, Forwarding())

    expected = inference.outputs(line.opened.case.network, X, Forwarding())
    assert torch.equal(inference.outputs(line.network(), X, Forwarding()), expected)


@pytest.mark.parametrize("convert", [folded, openvino, on_device])
def test_no_faster_path_is_made_of_what_another_process_runs(line, convert):
    """A trace would hold the answer to one picture as a constant."""
    with pytest.raises(NotFasterError):
        convert(line.module, X)


# --- what the server is told ----------------------------------------------------------------------


def read_back(line, folder, monkeypatch):
    """Checkpoint and network as the server opens them."""
    path = folder / "weights.safetensors"
    path.write_bytes(weights(line.opened))
    facts = folder / "facts.json"
    facts.write_text(json.dumps(told_of(line.opened, "d" * 64, line.answering)))
    monkeypatch.setenv(SETTING, str(facts))
    checkpoint = read_checkpoint(path, name="Tiny (living)", digest="d" * 64)
    return checkpoint, build_network(checkpoint)


def test_the_weights_are_opened_as_the_living_model(line, tmp_path, monkeypatch):
    checkpoint, network = read_back(line, tmp_path, monkeypatch)

    assert network.architecture == "Tiny, living in a notebook"
    assert isinstance(network.module, LivingModule)
    own = line.opened.model.checkpoint.tensors
    assert torch.equal(checkpoint.tensors["last.weight"], own["last.weight"])
    assert torch.equal(network.stem.mean, own["norm.running_mean"])


def test_other_weights_are_none_of_the_notebook_s(line, tmp_path, monkeypatch):
    read_back(line, tmp_path, monkeypatch)
    path = tmp_path / "weights.safetensors"
    other = read_checkpoint(path, name="Tiny (living)", digest="e" * 64)

    with pytest.raises(Exception, match="network"):
        build_network(other)


def test_what_reaches_the_first_batchnorm_is_the_same(line, model):
    """The pair is made anew on the server, so that it can be listened to."""
    from core.architectures.onnx.onnx_stem import first_layers
    from core.diagnosis.measure.batchnorm_divergence import divergence

    first = stem(line.opened.case.network.module, 3)
    near = first_layers({"stem": first}, line.opened.model.checkpoint.tensors, "")

    assert divergence(near, X, 1) == pytest.approx(divergence(model, X, 1), rel=1e-4)


def test_the_script_of_it_asks_for_the_user_s_class(line, tmp_path, monkeypatch):
    from core.engine import in_this_thread
    from core.inspection import run_stages

    checkpoint, network = read_back(line, tmp_path, monkeypatch)
    case = line.opened.case
    seen = run_stages(case.image, network, case.settings, forward=in_this_thread)

    assert "the class of your network" in inference_script(seen, checkpoint)


def test_a_model_that_stops_is_told_before_any_server_starts():
    import maskscope

    with pytest.raises(Exception, match="expected all tensors on the same device"):
        maskscope.show(Raising(), picture())
