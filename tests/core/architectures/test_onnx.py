"""ONNX files: weights bit for bit, the graph in words, and run only where the host allows it."""

from __future__ import annotations

import numpy as np
import onnx
import pytest
import torch
from onnx import TensorProto, helper, numpy_helper
from torch import nn

from core.architectures import build_network
from core.checkpoint import read_checkpoint
from core.errors import ArchitectureError, CheckpointError, ForwardError, RefusedError
from core.image import decode_image
from core.inference import forward
from core.preprocess import preprocess
from core.settings import Settings, change
from tests.conftest import png


def read(path):
    return read_checkpoint(path, name=path.name, digest="d")


def network():
    torch.manual_seed(0)
    layers = nn.Sequential(nn.Conv2d(3, 8, 3, padding=1), nn.BatchNorm2d(8), nn.ReLU())
    return nn.Sequential(layers, nn.Conv2d(8, 4, 1)).eval()


@pytest.fixture(scope="module")
def exported(tmp_path_factory):
    """A network with a free picture size, and its file."""
    model, path = network(), tmp_path_factory.mktemp("onnx") / "model.onnx"
    axes = {"x": {2: "height", 3: "width"}, "y": {2: "height", 3: "width"}}
    torch.onnx.export(model, (torch.zeros(1, 3, 32, 32),), str(path), dynamo=False,
                      input_names=["x"], output_names=["y"], dynamic_axes=axes)  # fmt: skip
    return model, path


WEIGHT = numpy_helper.from_array(np.ones(4, np.float32), "w")


def graph(tmp_path, *nodes, initializers=(WEIGHT,), shape=(1, 3, 8, 8)):
    """A file of these nodes from `x` to `y`."""
    ends = [
        helper.make_tensor_value_info(name, TensorProto.FLOAT, list(shape)) for name in ("x", "y")
    ]
    made = helper.make_graph(list(nodes), "g", ends[:1], ends[1:], list(initializers))
    onnx.save(helper.make_model(made), tmp_path / "made.onnx")
    return tmp_path / "made.onnx"


@pytest.fixture
def allowed(monkeypatch):
    monkeypatch.setenv("ALLOW_ONNX", "1")


@pytest.mark.filterwarnings("ignore")
def test_the_initializers_come_out_bit_for_bit(exported):
    _, path = exported
    checkpoint = read(path)
    wanted = {t.name: numpy_helper.to_array(t) for t in onnx.load(path).graph.initializer}

    assert checkpoint.container == "ONNX"
    assert {checkpoint.prefix + key for key in checkpoint.tensors} >= wanted.keys()
    for key, value in wanted.items():
        assert checkpoint.tensors[key.removeprefix(checkpoint.prefix)].numpy().tobytes() == (
            value.tobytes()
        )


def test_numbers_of_every_kind_and_in_every_field_are_read_or_named(tmp_path):
    kinds = ("float32", "float16", "float64", "int64", "int32", "uint8", "int8", "bool")
    raw = [numpy_helper.from_array(np.arange(6).reshape(2, 3).astype(k), f"raw {k}") for k in kinds]
    typed = [
        helper.make_tensor("typed float32", TensorProto.FLOAT, (2,), [0.5, -1.5]),
        helper.make_tensor("typed int64", TensorProto.INT64, (2,), [1, 2]),
    ]
    path = graph(tmp_path, helper.make_node("Identity", ["x"], ["y"]), initializers=raw + typed)
    checkpoint = read(path)

    for kind in kinds:
        wanted = np.arange(6).reshape(2, 3).astype(kind)
        assert checkpoint.tensors[f"raw {kind}"].numpy().tobytes() == wanted.tobytes()
    assert checkpoint.tensors["typed float32"].tolist() == [0.5, -1.5]
    assert "one by one" in checkpoint.others["typed int64"]


def test_large_constants_in_nodes_are_weights_and_small_ones_are_not(tmp_path):
    large, small = (numpy_helper.from_array(np.ones(n, np.float32), "v") for n in (1000, 2))
    nodes = [
        helper.make_node("Constant", [], ["kernel"], value=large),
        helper.make_node("Constant", [], ["size"], value=small),
        helper.make_node("Identity", ["x"], ["y"]),
    ]

    assert list(read(graph(tmp_path, *nodes)).tensors) == ["w", "kernel"]


def test_the_graph_is_told_in_words(exported):
    facts = read(exported[1]).metadata["onnx"]

    assert facts["producer"].startswith("pytorch")
    assert facts["inputs"] == {"x": [1, 3, "height", "width"]}
    assert facts["operators"]["Conv"] == 2


def test_a_file_whose_weights_are_elsewhere_is_refused(tmp_path):
    big = numpy_helper.from_array(np.ones(5000, np.float32), "w")
    path = graph(tmp_path, helper.make_node("Identity", ["x"], ["y"]), initializers=[big])
    model = onnx.load(path)
    onnx.save(model, path, save_as_external_data=True, location="beside.bin", size_threshold=1)

    with pytest.raises(RefusedError, match="in another file"):
        read(path)


def test_a_graph_without_any_weight_is_told_as_that(tmp_path):
    path = graph(tmp_path, helper.make_node("Relu", ["x"], ["y"]), initializers=())

    with pytest.raises(CheckpointError, match="holds no tensors"):
        read(path)


@pytest.mark.parametrize("keep", [0.3, 0.9])
def test_a_truncated_file_is_told(exported, tmp_path, keep):
    content = exported[1].read_bytes()
    (tmp_path / "cut.onnx").write_bytes(content[: int(keep * len(content))])

    with pytest.raises(CheckpointError, match="damaged"):
        read(tmp_path / "cut.onnx")


# --- running --------------------------------------------------------------------------------------


def test_nothing_runs_without_the_hosts_permission(exported):
    with pytest.raises(ArchitectureError, match="may not be run") as caught:
        build_network(read(exported[1]))

    assert "ALLOW_ONNX=1" in caught.value.remedy
    assert ".pt2" in caught.value.remedy


def test_with_permission_the_logits_are_those_of_torch(exported, allowed):
    model, path = exported
    built = build_network(read(path))
    x = torch.randn(1, 3, 40, 56, generator=torch.Generator().manual_seed(0))

    assert (built.num_classes, built.in_channels) == (4, 3)
    with torch.inference_mode():
        assert (built.module(x) - model(x)).abs().max() < 1e-4


def test_it_runs_as_any_network_on_a_picture(exported, allowed):
    image = decode_image(png(np.full((24, 36, 3), 100)))
    settings = Settings()
    built = build_network(read(exported[1]))
    logits = forward(
        built, preprocess(image, settings.preprocessing), settings.forwarding, size=(24, 36)
    )

    assert logits.values.shape == (4, 24, 36)


def test_another_size_than_the_graph_takes_offers_that_size(tmp_path, allowed):
    built = build_network(read(graph(tmp_path, helper.make_node("Relu", ["x"], ["y"]))))

    assert built.notes == ("The graph takes pictures of 8 x 8 (rows x columns) only",)
    with pytest.raises(ForwardError) as caught:
        built.module(torch.zeros(1, 3, 9, 8))
    chosen = change(Settings(), **caught.value.changes).preprocessing
    assert (chosen.resize, chosen.height, chosen.width) == ("fixed", 8, 8)


def test_a_loop_is_refused_by_name(tmp_path, allowed):
    inner = helper.make_graph(
        [helper.make_node("Identity", ["c"], ["d"])], "body",
        [helper.make_tensor_value_info("i", TensorProto.INT64, []),
         helper.make_tensor_value_info("c", TensorProto.BOOL, [])],
        [helper.make_tensor_value_info("d", TensorProto.BOOL, [])],
    )  # fmt: skip
    often = numpy_helper.from_array(np.array(2**62), "n")
    nodes = [
        helper.make_node("Loop", ["n", ""], [], body=inner),
        helper.make_node("Identity", ["x"], ["y"]),
    ]

    with pytest.raises(ArchitectureError, match="uses Loop"):
        build_network(read(graph(tmp_path, *nodes, initializers=[often])))


def test_operators_of_another_domain_are_refused(tmp_path, allowed):
    node = helper.make_node("Anything", ["x"], ["y"], domain="com.example")

    with pytest.raises(ArchitectureError, match=r"com\.example"):
        build_network(read(graph(tmp_path, node)))


def test_a_graph_that_stops_says_why_and_the_next_one_runs(tmp_path, allowed):
    wrong = numpy_helper.from_array(np.ones((1, 9), np.float32), "w")
    path = graph(tmp_path, helper.make_node("MatMul", ["x", "w"], ["y"]), initializers=[wrong])

    with pytest.raises(ArchitectureError, match="onnxruntime stops"):
        build_network(read(path))


def test_a_dead_process_is_told_and_started_again(exported, allowed):
    built = build_network(read(exported[1]))
    built.module.process.child.kill()
    built.module.process.child.wait()

    with pytest.raises(ForwardError, match="stopped"):
        built.module(torch.zeros(1, 3, 32, 32))
    assert built.module(torch.zeros(1, 3, 32, 32)).shape == (1, 4, 32, 32)
