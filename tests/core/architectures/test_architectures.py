"""Networks rebuilt from keys and shapes: equal to the torchvision model that made the file."""

from __future__ import annotations

import functools
from dataclasses import dataclass
from urllib.error import URLError

import pytest
import torch
from torch import nn
from torchvision.models import get_model, mobilenet_v3_large, resnet50, resnet101
from torchvision.models.resnet import Bottleneck

from core.architectures import build_network, pretrained_names, read_pretrained
from core.architectures.families import pretrained
from core.checkpoint import Checkpoint, read_checkpoint
from core.errors import ArchitectureError, DownloadError
from core.inference import forward
from core.settings import Forwarding
from examples.network import build_network as build_example

SIZE = (41, 56)  # no multiple of anything
FAMILIES = {
    "deeplabv3_resnet50": "DeepLabV3, ResNet-50",
    "deeplabv3_resnet101": "DeepLabV3, ResNet-101",
    "deeplabv3_mobilenet_v3_large": "DeepLabV3, MobileNetV3-Large",
    "fcn_resnet50": "FCN, ResNet-50",
    "lraspp_mobilenet_v3_large": "LRASPP, MobileNetV3-Large",
}
CLASSES = (2, 21, 1)
ENCODINGS = {
    "raw": lambda state: state,
    "wrapped": lambda state: {"model": state, "optimizer": {"state": {}}, "epoch": 3},
    "module": lambda state: {
        "state_dict": {"module." + key: value for key, value in state.items()}
    },
}


@dataclass(frozen=True, eq=False)
class Input:
    """As much of an InputTensor as the forward uses."""

    tensor: torch.Tensor
    content: tuple[int, int]
    corner: tuple[int, int] = (0, 0)
    orientation: str = "none"


def picture(channels=3, size=SIZE, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return Input(torch.randn(1, channels, *size, generator=generator), size)


def has_aux(name):
    return not name.startswith("lraspp")


@functools.cache
def trained_state(name):
    """Weights of a model with aux head, whose BatchNorm buffers fit it as after training."""
    torch.manual_seed(0)
    options = {"aux_loss": True} if has_aux(name) else {}
    model = get_model(name, weights=None, weights_backbone=None, num_classes=21, **options).train()
    norms = [layer for layer in model.modules() if isinstance(layer, nn.BatchNorm2d)]
    for norm in norms:
        norm.momentum = 1.0
    for block in (layer for layer in model.modules() if isinstance(layer, Bottleneck)):
        nn.init.constant_(block.bn3.weight, 0.2)  # else 33 random blocks add up to 1e4
    with torch.inference_mode():
        model(torch.randn(2, 3, *SIZE))
    for norm in norms:  # not quite the statistics of that batch, so that eval mode matters
        norm.running_var.clamp_(min=0.01)
        norm.running_mean += 0.1 * norm.running_var.sqrt() * torch.randn_like(norm.running_mean)
        norm.running_var *= 0.5 + torch.rand_like(norm.running_var)
    return {key: value.clone() for key, value in model.state_dict().items()}


def model_of(name, *, classes=21, aux=True):
    """A torchvision model in eval mode, made of the state above and new last layers."""
    options = {"aux_loss": aux} if has_aux(name) else {}
    with torch.device("meta"):
        model = get_model(
            name, weights=None, weights_backbone=None, num_classes=classes, **options
        ).eval()
    state, generator = {}, torch.Generator().manual_seed(classes)
    for key, like in model.state_dict().items():
        state[key] = trained_state(name)[key]
        if state[key].shape != like.shape:
            state[key] = 0.05 * torch.randn(like.shape, generator=generator)
    model.load_state_dict(state, assign=True)
    return model


def checkpoint_of(state, digest="d"):
    return Checkpoint("w.pth", digest, "zip pickle", 1, state, (), "", {}, ())


def through_a_file(state, path, encoding):
    torch.save(ENCODINGS[encoding](state), path)
    checkpoint = read_checkpoint(path, name="w.pth", digest="d")
    path.unlink()  # a hundred of these would fill the disk
    return build_network(checkpoint)


def state_of(name="deeplabv3_mobilenet_v3_large", **options):
    return model_of(name, **options).state_dict()


def assert_same_logits(network, model, *, heads=("out",), tensor=None):
    tensor = tensor or picture()
    with torch.inference_mode():
        outputs = model(tensor.tensor)
    for head in heads:
        wanted = outputs[head][0].numpy()
        found = forward(network, tensor, Forwarding(head=head), size=tensor.content).values
        difference = float(abs(found - wanted).max())
        assert wanted.std() > 1e-2  # something to compare
        assert difference < 1e-4


# --- every family, number of classes, aux head and way of saving ----------------------------------

MOBILE = [name for name in FAMILIES if "mobilenet" in name]
LARGE = [name for name in FAMILIES if "resnet" in name]
KINDS = [(classes, aux) for classes in CLASSES for aux in (True, False)]
CASES = [
    *((name, *kind, way) for name in MOBILE for kind in KINDS for way in ENCODINGS),
    *(  # a file of 244 MB each: every way of saving with two kinds of each large network
        (name, *kind, list(ENCODINGS)[index % 3])
        for name in LARGE
        for index, kind in enumerate(KINDS)
    ),
]


@pytest.mark.parametrize(
    ("name", "classes", "aux", "encoding"), [case for case in CASES if case[2] or has_aux(case[0])]
)
def test_the_logits_equal_those_of_the_model_that_made_the_file(
    name, classes, aux, encoding, tmp_path
):
    model = model_of(name, classes=classes, aux=aux)
    network = through_a_file(model.state_dict(), tmp_path / "w.pth", encoding)
    aux = aux and has_aux(name)
    assert network.architecture == FAMILIES[name]
    assert (network.num_classes, network.in_channels) == (classes, 3)
    assert network.aux_classes == (classes if aux else None)
    assert len(network.checkpoint_digest) == 64
    assert not (network.account.missing or network.account.unexpected)
    assert_same_logits(network, model, heads=("out", "aux") if aux else ("out",))


def test_the_comparison_above_would_notice_one_changed_weight():
    model = model_of("deeplabv3_mobilenet_v3_large")
    state = model.state_dict()
    state["backbone.1.block.0.1.running_mean"] = state["backbone.1.block.0.1.running_mean"] + 1
    with pytest.raises(AssertionError):
        assert_same_logits(build_network(checkpoint_of(state)), model)


# --- what the shapes tell -------------------------------------------------------------------------


@pytest.mark.parametrize("channels", [1, 3, 4, 13])
@pytest.mark.parametrize("name", [*MOBILE, "fcn_resnet50"])
def test_the_number_of_input_channels_is_read_from_the_first_convolution(name, channels):
    model = model_of(name)
    parent, key = (model.backbone["0"], "0") if name in MOBILE else (model.backbone, "conv1")
    old = parent[key] if key == "conv1" else parent[0]
    new = nn.Conv2d(
        channels, old.out_channels, old.kernel_size, old.stride, old.padding, bias=False
    )
    parent[key if key == "conv1" else 0] = new
    network = build_network(checkpoint_of(model.state_dict()))
    assert network.in_channels == channels
    assert_same_logits(network, model, tensor=picture(channels))


def test_the_aux_head_has_its_own_number_of_classes():
    state = state_of(classes=5)
    state["aux_classifier.4.weight"] = torch.randn(7, *state["aux_classifier.4.weight"].shape[1:])
    state["aux_classifier.4.bias"] = torch.zeros(7)
    network = build_network(checkpoint_of(state))
    assert (network.num_classes, network.aux_classes) == (5, 7)


def test_half_an_aux_head_is_left_out_and_told():
    state = state_of()
    del state["aux_classifier.0.weight"]
    network = build_network(checkpoint_of(state))
    assert network.aux_classes is None
    assert "aux_classifier.4.weight" in network.account.unexpected
    assert_same_logits(network, model_of("deeplabv3_mobilenet_v3_large", aux=False))


@pytest.mark.parametrize("classes", [2, 6])
def test_the_narrow_example_network_is_recognized(classes):
    torch.manual_seed(0)
    model = build_example(classes).eval()
    network = build_network(checkpoint_of(model.state_dict()))
    assert network.architecture == "DeepLabV3, MobileNetV3-Large of width 0.25"
    assert network.num_classes == classes
    tensor = picture()
    with torch.inference_mode():
        wanted = model(tensor.tensor)["out"][0].numpy()
    found = forward(network, tensor, Forwarding(), size=SIZE).values
    assert abs(found - wanted).max() < 1e-4


@pytest.mark.parametrize("width", [0.35, 0.5, 0.75, 1.25, 1.5])
def test_every_usual_width_of_the_narrow_network_is_recognized(width, monkeypatch):
    monkeypatch.setattr("examples.network.WIDTH", width)
    network = build_network(checkpoint_of(build_example(3).state_dict()))
    assert network.architecture == f"DeepLabV3, MobileNetV3-Large of width {width:g}"


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float64])
def test_other_precisions_become_float32(dtype):
    state = {
        key: value.to(dtype) if value.is_floating_point() else value
        for key, value in state_of().items()
    }
    module = build_network(checkpoint_of(state)).module
    kinds = {value.dtype for value in module.state_dict().values()}
    assert kinds == {torch.float32, torch.int64}


def test_the_module_is_in_eval_mode_without_gradients_channels_last_and_whole():
    module = build_network(checkpoint_of(state_of())).module
    assert not any(part.training for part in module.modules())
    assert not any(parameter.requires_grad for parameter in module.parameters())
    assert not any(tensor.is_meta for tensor in (*module.parameters(), *module.buffers()))
    weight = module.get_parameter("backbone.1.block.1.0.weight")
    assert weight.is_contiguous(memory_format=torch.channels_last)


def test_building_changes_nothing_in_the_checkpoint():
    state = {key: value.clone() for key, value in state_of().items()}
    checkpoint = checkpoint_of(dict(state))
    build_network(checkpoint)
    assert all(torch.equal(checkpoint.tensors[key], value) for key, value in state.items())


# --- every tensor is accounted for ----------------------------------------------------------------


def test_missing_counters_are_set_to_zero_and_listed():
    state = {k: v for k, v in state_of().items() if not k.endswith("num_batches_tracked")}
    network = build_network(checkpoint_of(state))
    assert len(network.account.missing) == 54
    assert all(key.endswith("num_batches_tracked") for key in network.account.missing)
    assert_same_logits(network, model_of("deeplabv3_mobilenet_v3_large"))


def test_tensors_that_the_network_has_not_are_listed():
    network = build_network(checkpoint_of(state_of() | {"mean": torch.zeros(3)}))
    assert network.account.unexpected == ("mean",)


def test_matched_missing_and_unexpected_cover_every_tensor_once():
    state = state_of() | {"mean": torch.zeros(3)}
    del state["backbone.0.1.num_batches_tracked"]
    account = build_network(checkpoint_of(state)).account
    assert set(account.matched) | set(account.unexpected) == set(state)
    assert not set(account.matched) & set(account.unexpected)
    assert account.missing == ("backbone.0.1.num_batches_tracked",)


@pytest.mark.parametrize(
    "key",
    [
        *("classifier.4.weight", "classifier.4.bias", "backbone.0.0.weight", "classifier.1.weight"),
        *("backbone.1.block.0.1.running_mean", "classifier.0.convs.0.0.weight"),
    ],
)
def test_a_missing_tensor_is_never_random(key):
    state = state_of()
    del state[key]
    with pytest.raises(ArchitectureError, match="1 of its 360 tensors are missing") as caught:
        build_network(checkpoint_of(state))
    assert key in caught.value.message


def test_a_backbone_alone_is_refused_with_how_much_is_missing():
    last = ("backbone.", "classifier.0.convs.0.", "classifier.4.")
    state = {key: value for key, value in state_of().items() if key.startswith(last)}
    with pytest.raises(ArchitectureError, match=r"tensors are missing: .*\.\.\."):
        build_network(checkpoint_of(state))


def test_another_shape_names_the_nearest_network_and_both_shapes():
    state = state_of()
    state["classifier.4.bias"] = torch.zeros(5)
    with pytest.raises(ArchitectureError, match="nearest to DeepLabV3, MobileNetV3") as caught:
        build_network(checkpoint_of(state))
    assert "classifier.4.bias: file (5,), network (21,)" in caught.value.message


@pytest.mark.parametrize(
    "odd", [torch.zeros(21), torch.zeros(0, 256, 1, 1), torch.zeros(21, 256, 1, 1).int()]
)
def test_an_odd_last_layer_is_refused(odd):
    with pytest.raises(ArchitectureError):
        build_network(checkpoint_of(state_of() | {"classifier.4.weight": odd}))


def test_integer_weights_are_not_taken_for_numbers():
    state = state_of()
    state["classifier.4.weight"] = state["classifier.4.weight"].to(torch.int8)
    with pytest.raises(ArchitectureError, match="1 weight is of whole numbers"):
        build_network(checkpoint_of(state))


# --- what is no torchvision segmentation network --------------------------------------------------


@pytest.mark.parametrize(
    ("build", "sentence"),
    [
        (resnet50, "classification ResNet-50 with 7 classes"),
        (resnet101, "classification ResNet-101 with 7 classes"),
        (mobilenet_v3_large, "classification MobileNet with 7 classes"),
    ],
)
def test_a_classification_network_is_told_as_what_it_is(build, sentence):
    with torch.device("meta"):
        state = build(num_classes=7).state_dict()
    with pytest.raises(ArchitectureError, match=sentence) as caught:
        build_network(checkpoint_of(state))
    assert "no mask" in caught.value.message


@pytest.mark.parametrize(
    ("keys", "family"),
    [
        (("encoder.conv1.weight", "segmentation_head.0.weight"), "segmentation-models-pytorch"),
        (("inc.double_conv.0.weight", "outc.conv.weight"), "U-Net by milesial"),
        (("backbone.conv1.weight", "classifier.aspp.convs.0.0.weight"), r"DeepLabV3\+ by VainF"),
        (("aspp.aspp1.atrous_conv.weight", "decoder.conv1.weight"), r"DeepLabV3\+ by jfzhang95"),
        (("backbone.x", "decode_head.conv_seg.weight"), "mmsegmentation"),
    ],
)
def test_a_foreign_network_is_named(keys, family):
    with pytest.raises(ArchitectureError, match=family):
        build_network(checkpoint_of({key: torch.zeros(1) for key in keys}))


def test_unknown_weights_get_the_nearest_network_and_what_differs():
    state = {"backbone.conv1.weight": torch.zeros(64, 3, 7, 7), "neck.weight": torch.zeros(1)}
    with pytest.raises(ArchitectureError, match="nearest is torchvision's fcn_resnet50") as caught:
        build_network(checkpoint_of(state))
    assert "50% of their names" in caught.value.message
    assert "only the file has neck.weight" in caught.value.message


def test_weights_that_share_no_name_say_so():
    with pytest.raises(ArchitectureError, match=r"these 2 tensors \(a, b\)"):
        build_network(checkpoint_of({"a": torch.zeros(1), "b": torch.zeros(1)}))


# --- torchvision's own weights --------------------------------------------------------------------


def test_the_names_are_torchvision_s_segmentation_networks():
    assert set(pretrained_names()) == {*FAMILIES, "fcn_resnet101"}


@pytest.fixture
def hub(tmp_path, monkeypatch):
    """An empty download folder."""
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "hub"))
    return tmp_path / "hub" / "hub" / "checkpoints"


def test_without_a_network_there_is_a_clear_sentence(hub, monkeypatch):
    def no_network(url, timeout):
        assert timeout <= 10
        raise URLError("Name or service not known")

    monkeypatch.setattr(pretrained, "urlopen", no_network)
    with pytest.raises(DownloadError, match=r"cannot be fetched: Name or service") as caught:
        read_pretrained("deeplabv3_resnet50", lambda stage: None)
    assert "https://download.pytorch.org" in caught.value.remedy
    assert list(hub.iterdir()) == []


def test_a_server_that_falls_silent_is_not_waited_for(hub, monkeypatch):
    def silent(url, timeout):
        raise TimeoutError("timed out")

    monkeypatch.setattr(pretrained, "urlopen", silent)
    with pytest.raises(DownloadError, match="timed out"):
        read_pretrained("fcn_resnet50", lambda stage: None)


def test_an_unknown_name_lists_the_known_ones():
    with pytest.raises(DownloadError, match="no segmentation weights called 'unet'") as caught:
        read_pretrained("unet", lambda stage: None)
    assert "fcn_resnet50" in caught.value.remedy


class Weights:
    """One entry of torchvision's weights API, whose address is a file here."""

    meta = {"categories": ["sky", "road"]}  # noqa: RUF012

    def __init__(self, path):
        self.url = path.as_uri()


@pytest.fixture
def published(tmp_path):
    """A file named as torchvision does: with the first digits of its SHA-256."""
    import hashlib

    path = tmp_path / "w.pth"
    torch.save(state_of("lraspp_mobilenet_v3_large", classes=2), path)
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    return path.rename(tmp_path / f"lraspp-{digest[:8]}.pth")


def test_weights_are_fetched_once_and_bring_their_class_names(hub, published, monkeypatch):
    monkeypatch.setattr(pretrained, "_weights", lambda name: Weights(published))
    told = []
    first = read_pretrained("lraspp_mobilenet_v3_large", told.append)
    published.unlink()
    again = read_pretrained("lraspp_mobilenet_v3_large", lambda stage: None)
    assert first.class_names == ("sky", "road")
    assert first.digest == again.digest
    assert any(stage.startswith("Fetching") for stage in told)
    assert [path.name for path in hub.iterdir()] == [published.name]


def test_a_download_that_is_not_what_was_announced_is_not_kept(hub, published, monkeypatch):
    published.write_bytes(b"<html>Sign in</html>")
    monkeypatch.setattr(pretrained, "_weights", lambda name: Weights(published))
    with pytest.raises(DownloadError, match="checksum"):
        read_pretrained("lraspp_mobilenet_v3_large", lambda stage: None)
    assert list(hub.iterdir()) == []
