"""Class activation maps: of the right layer, class and place, and the network is as it was."""

import copy
from dataclasses import replace
from threading import Thread

import numpy as np
import pytest
import torch
from torch import nn

from core.activation_map import ALIKE, activation_map
from core.architectures.onnx.onnx_program import OnnxModule
from core.engine import in_this_thread
from core.errors import ForwardError
from core.feature_maps import feature_maps
from core.image import decode_image
from core.inspection import run_stages
from core.settings import Settings, change
from tests.conftest import png
from tests.core.test_inference import network_of
from tests.support.cases import TRAINED, healthy, inspected


class Spots(nn.Module):
    """Its features are red, green, blue and nothing, and it has a class for each color."""

    def __init__(self, classes=3, inplace=True):
        super().__init__()
        self.features = nn.Sequential(nn.Conv2d(3, 4, 1, bias=False), nn.ReLU(inplace=inplace))
        self.drop = nn.Dropout(0.5)
        self.head = nn.Conv2d(4, classes, 1, bias=False)
        with torch.no_grad():
            self.features[0].weight.copy_(torch.eye(4, 3)[..., None, None])
            self.head.weight.copy_(torch.eye(classes, 4)[..., None, None])
        self.requires_grad_(False)

    def forward(self, x):
        return {"out": self.head(self.drop(self.features(x)))}


def colored(height=8, width=12):
    """Red on the left, green in the middle, blue on the right."""
    pixels = np.zeros((height, width, 3))
    for channel in range(3):
        pixels[:, channel * width // 3 : (channel + 1) * width // 3, channel] = 255
    return decode_image(png(pixels))


def shown(module=None, classes=3, **changes):
    network = network_of(module or Spots(classes), classes=classes)
    settings = change(Settings(), **changes)
    return run_stages(colored(), network, settings, forward=in_this_thread)


@pytest.mark.parametrize("of_mask", [False, True])
@pytest.mark.parametrize(("column", "class_id"), [(1, 0), (6, 1), (10, 2)])
def test_what_speaks_for_a_class_is_where_its_color_is(column, class_id, of_mask):
    found = activation_map(shown(), (3, column), of_mask=of_mask)

    assert found.channel == class_id
    assert (found.layer, found.channels, found.size) == ("features", 4, (8, 12))
    inside = slice(class_id * 4, class_id * 4 + 4)
    assert (found.values[:, inside] == 1).all()
    assert found.values.sum() == 8 * 4


VIEWS = {
    "turned": {"orientation": "90"},
    "in a letterbox": {"resize": "letterbox", "height": 20, "width": 24},
    "computed in float32": {"dtype": "bfloat16"},
    "without the flipped views": {"flip": "both"},
}


@pytest.mark.parametrize("name", VIEWS)
def test_the_map_lies_as_the_picture_does(name):
    found = activation_map(shown(**VIEWS[name]), (3, 10))

    assert found.channel == 2
    assert found.values.shape == (8, 12)
    assert (found.values[:, 9:] > 0.9).all()
    assert (found.values[:, :7] < 0.1).all()
    assert set(found.notes) - {ALIKE} == {name} - {"turned", "in a letterbox"}


def test_of_windows_the_one_around_the_pixel_is_asked():
    found = activation_map(shown(window=4, overlap=0, orientation="mirrored"), (6, 1))

    assert found.channel == 0
    assert found.values[4:, :4].min() == 1
    assert found.values[:4].max() == found.values[:, 4:].max() == 0
    assert "window" in found.notes[-1]


def test_it_is_said_where_every_pixel_of_the_class_gives_the_same_map():
    wide = Spots()
    wide.head = nn.Conv2d(4, 3, 3, padding=1, bias=False).requires_grad_(False)

    assert ALIKE in activation_map(shown(), (3, 1)).notes
    assert ALIKE not in activation_map(shown(wide), (3, 1)).notes


def test_of_a_background_without_a_logit_it_is_what_speaks_against_the_foreground():
    one = Spots(1)
    red, blue = (activation_map(shown(one, 1, threshold=0.6), (3, at)) for at in (1, 10))

    assert (red.channel, red.against) == (0, False)
    assert (blue.channel, blue.against) == (0, True)
    assert red.values[:, :4].min() == 1
    assert blue.values.max() == 0  # nothing does


def test_the_network_is_as_it_was_and_keeps_no_gradient():
    case = healthy()
    seen = inspected(case, TRAINED)
    module = case.network.module
    before = copy.deepcopy(module.state_dict())
    found = activation_map(seen, (200, 200))

    assert found.layer == "classifier.3"
    assert not any(layer.training or layer._forward_hooks for layer in module.modules())
    assert not torch.nn.modules.module._global_forward_hooks
    assert not any(p.requires_grad or p.grad is not None for p in module.parameters())
    assert all(torch.equal(before[key], value) for key, value in module.state_dict().items())
    assert np.array_equal(inspected(case, TRAINED).logits.values, seen.logits.values)


def test_a_cup_lights_up_where_it_is():
    """What the example network knows of it, at a sixteenth of the picture."""
    seen = inspected(healthy(), TRAINED)
    cup = seen.labels.ids == 4
    row, column = np.argwhere(cup)[len(np.argwhere(cup)) // 2]
    found = activation_map(seen, (int(row), int(column)), of_mask=True)

    assert found.channel == 4
    assert found.values[cup].mean() > 2 * found.values[~cup].mean()


def test_forwards_of_another_thread_are_left_alone():
    module, seen = Spots(inplace=False), []
    with feature_maps(module, 2) as maps:
        other = Thread(target=lambda: seen.append(module(torch.ones(1, 3, 4, 4))["out"]))
        other.start()
        other.join()

    assert not maps
    assert not seen[0].requires_grad


def test_a_network_without_a_feature_map_is_told_so():
    class Bare(nn.Module):
        def forward(self, x):
            return x * 2.0

    with pytest.raises(ForwardError, match="no feature map"):
        activation_map(shown(Bare()), (0, 0))


def test_a_program_is_told_to_give_no_gradients(tmp_path):
    from tests.core.diagnosis.measure.test_sizes import exported

    network = exported(tmp_path, (8, 12), depth=0)
    seen = run_stages(colored(), network, Settings(), forward=in_this_thread)

    with pytest.raises(ForwardError, match=r"exported program.* gives none"):
        activation_map(seen, (0, 0))


def test_an_onnx_graph_is_told_to_give_none_either():
    module = OnnxModule.__new__(OnnxModule)
    nn.Module.__init__(module)
    seen = shown()

    with pytest.raises(ForwardError, match=r"ONNX graph.* gives none"):
        activation_map(replace(seen, network=replace(seen.network, module=module)), (0, 0))
