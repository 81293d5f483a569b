"""Whatever people call a model becomes a network with its weights, or a sentence."""

from types import SimpleNamespace

import numpy as np
import pytest
import torch
from torch import nn
from torchvision.models import segmentation

from maskscope.errors import LivingModelError
from maskscope.living.model import open_model
from tests.support.living import AtAQuarter, Raising, Returning, Tiny

FED = (0, 64, 80)


def logits_of(model, x):
    network = open_model(model, (0, *x.shape[2:])).network
    from core.inference import outputs
    from core.settings import Forwarding

    return outputs(network, x, Forwarding())


@pytest.fixture
def x():
    return torch.rand(1, 3, 64, 80, generator=torch.Generator().manual_seed(0))


# --- what comes out -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "form",
    [
        lambda logits: logits,
        lambda logits: {"out": logits},
        lambda logits: {"logits": logits},
        lambda logits: {"mask": logits, "loss": torch.tensor(0.0)},
        lambda logits: (logits, logits[:, :1]),
        lambda logits: [logits],
        lambda logits: SimpleNamespace(logits=logits),
        lambda logits: logits[0],
        lambda logits: {"head": {"seg": logits}},
    ],
    ids=["tensor", "out", "logits", "other name", "tuple", "list", "object", "no batch", "nested"],
)
def test_the_logits_are_found_in_what_the_model_returns(form, x):
    model = Returning(form).eval()

    with torch.no_grad():
        expected = Tiny.forward(model, x)
        assert torch.allclose(logits_of(model, x), expected, atol=1e-6)


def test_a_head_at_a_quarter_of_the_size_is_enlarged_by_the_house(x):
    model = AtAQuarter().eval()

    assert logits_of(model, x).shape == (1, 3, 16, 20)
    assert open_model(model, FED).network.num_classes == 3


def test_class_ids_are_no_logits():
    with pytest.raises(LivingModelError, match="class ids already") as caught:
        open_model(Returning(lambda logits: logits.argmax(1)), FED)

    assert "argmax" in caught.value.remedy


def test_a_classifier_is_told_what_logits_look_like():
    with pytest.raises(LivingModelError, match=r"\(1, classes, height, width\)"):
        open_model(Returning(lambda logits: logits.mean((2, 3))), FED)


def test_a_model_that_stops_is_quoted():
    with pytest.raises(LivingModelError, match="expected all tensors on the same device"):
        open_model(Raising(), FED)


# --- what people call a model ---------------------------------------------------------------------


def test_torchvision_smp_and_transformers_are_opened():
    import segmentation_models_pytorch as smp
    from transformers import SegformerConfig, SegformerForSemanticSegmentation

    small = SegformerConfig(
        depths=[1, 1, 1, 1], hidden_sizes=[8, 8, 16, 16], decoder_hidden_size=16,
        num_attention_heads=[1, 1, 1, 1], id2label={0: "road", 1: "car"},
        label2id={"road": 0, "car": 1},
    )  # fmt: skip
    models = {
        "lraspp": segmentation.lraspp_mobilenet_v3_large(
            weights=None, weights_backbone=None, num_classes=5
        ),
        "unet": smp.Unet("resnet18", encoder_weights=None, classes=4),
        "segformer": SegformerForSemanticSegmentation(small),
    }
    opened = {name: open_model(model.eval(), FED).network for name, model in models.items()}

    assert {name: network.num_classes for name, network in opened.items()} == {
        "lraspp": 5, "unet": 4, "segformer": 2,
    }  # fmt: skip
    assert opened["segformer"].class_names == ("road", "car")


@pytest.mark.parametrize(
    "wrap",
    [nn.DataParallel, lambda m: torch.compile(m, backend="eager"), lambda m: m],
    ids=["DataParallel", "compiled", "plain"],
)
def test_a_wrapper_is_looked_through(wrap):
    opened = open_model(wrap(Tiny().eval()), FED)

    assert opened.network.architecture == "Tiny, the living model"
    assert "first.weight" in opened.checkpoint.tensors


def test_a_scripted_and_an_exported_model_are_run(x):
    model = Tiny().eval()
    exported = torch.export.export(model, (x,))
    with torch.no_grad():
        expected = model(x)

    assert torch.allclose(logits_of(torch.jit.script(model), x), expected, atol=1e-6)
    assert torch.allclose(logits_of(exported, x), expected, atol=1e-6)


def test_a_function_brings_the_weights_of_the_model_that_it_names(x):
    model = Tiny().eval()
    opened = open_model(lambda x: model(x)[:, :2], FED)

    assert opened.network.num_classes == 2
    assert torch.equal(opened.checkpoint.tensors["last.weight"], model.last.weight)


def test_a_method_and_a_partial_are_functions_too(x):
    import functools

    model = Tiny().eval()

    def scaled(model, x, by):
        return model(x) * by

    with torch.no_grad():
        assert torch.allclose(logits_of(model.forward, x), model(x), atol=1e-6)
        twice = logits_of(functools.partial(scaled, model, by=2.0), x)
        assert torch.allclose(twice, model(x) * 2, atol=1e-6)


def test_a_function_without_any_weights_is_run_and_said_to_have_none(x):
    opened = open_model(lambda x: torch.cat([x[:, :1], 1 - x[:, :1]], 1), FED)

    assert opened.network.num_classes == 2
    assert not opened.checkpoint.tensors
    assert "no module is seen inside" in opened.network.notes[0]


def test_weight_norm_of_both_kinds_can_be_copied(x):
    old = Tiny()
    old.last = nn.utils.weight_norm(old.last)
    new = Tiny()
    new.last = nn.utils.parametrizations.weight_norm(new.last)

    for model in (old.eval(), new.eval()):
        model(x)  # the weight is a result of the parameters now
        with torch.no_grad():
            assert torch.allclose(logits_of(model, x), model(x), atol=1e-6)


@pytest.mark.parametrize(
    ("model", "words"),
    [
        ("best.pth", "of the type str"),
        (Tiny().state_dict(), "a dict of weights"),
        (nn.LazyConv2d(3, 1), "have not seen an input yet"),
        (Tiny().to("meta"), "device meta"),
    ],
    ids=["path", "state_dict", "lazy", "meta"],
)
def test_what_cannot_be_run_is_a_sentence_with_a_next_step(model, words):
    with pytest.raises(LivingModelError, match=words) as caught:
        open_model(model, FED)

    assert caught.value.remedy


def test_a_model_that_cannot_be_copied_is_a_sentence():
    class Locked(Tiny):
        def __deepcopy__(self, memo):
            raise TypeError("cannot pickle '_thread.lock' object")

    with pytest.raises(LivingModelError, match="cannot be copied") as caught:
        open_model(Locked(), FED)

    assert "state_dict" in caught.value.remedy


# --- how it is used now ---------------------------------------------------------------------------


def test_the_mode_and_the_precision_of_the_model_are_part_of_the_case():
    assert open_model(Tiny().eval(), FED).changes == {}
    assert open_model(Tiny().train(), FED).changes == {"mode": "train"}
    assert open_model(Tiny().eval().half(), FED).changes == {"dtype": "float16"}


def test_one_channel_is_read_off_the_first_convolution():
    assert open_model(Tiny(channels=1).eval(), FED).network.in_channels == 1


def test_the_digest_is_of_the_weights():
    model = Tiny().eval()
    first = open_model(model, FED).checkpoint.digest
    same = open_model(model, FED).checkpoint.digest
    with torch.no_grad():
        model.last.bias += np.float32(1)

    assert first == same != open_model(model, FED).checkpoint.digest
