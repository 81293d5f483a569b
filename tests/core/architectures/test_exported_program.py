"""What the interpreter of exported programs computes, and what it refuses."""

import copy
import json
import random
from collections import OrderedDict
from dataclasses import replace
from functools import cache

import pytest
import torch
import torch.nn.functional as F
from torch import nn
from torch.export import Dim
from torchvision.models import segmentation

from core.architectures import build_network
from core.architectures.program import exported_program
from core.architectures.program.aten import ALLOWED, ATEN, OURS, operator_named
from core.checkpoint import read_checkpoint
from core.errors import ArchitectureError, ForwardError, InspectionError

SIZE = (64, 96)  # h, w
ROUNDING = (
    1e-5  # mapped weights lie elsewhere in memory, which chooses other sums of the same terms
)
H_W = {2: Dim.DYNAMIC, 3: Dim.DYNAMIC}
TORCHVISION = {  # -> operators
    "deeplabv3_mobilenet_v3_large": 197,
    "lraspp_mobilenet_v3_large": 190,
    "deeplabv3_resnet50": 200,
    "deeplabv3_resnet101": 370,
    "fcn_resnet50": 182,
    "fcn_resnet101": 352,
}
SMP = {  # -> encoder
    "Unet": "resnet18",
    "UnetPlusPlus": "mobilenet_v2",
    "FPN": "timm-efficientnet-b0",
    "PSPNet": "resnet18",
    "DeepLabV3Plus": "mobilenet_v2",
    "MAnet": "resnet18",
}


# --- builders -------------------------------------------------------------------------------------


def picture(size=SIZE, channels=3):
    return torch.randn(1, channels, *size, generator=torch.Generator().manual_seed(1))


def lived(model):
    """With BatchNorm statistics as after a training, and in eval mode."""
    torch.manual_seed(0)
    for module in model.modules():
        if isinstance(module, nn.BatchNorm2d):
            nn.init.normal_(module.running_mean, 0, 0.1)
            nn.init.uniform_(module.running_var, 0.5, 1.5)
    return model.eval()


def export(model, x=None, **options):
    return torch.export.export(model, (picture() if x is None else x,), **options)


@cache
def exported(kind):
    """A small network as a program, which no test changes."""
    torch.manual_seed(0)
    return export(lived(kind()))


@cache
def with_dynamic_sizes(kind):
    """The same for inputs of every size."""
    torch.manual_seed(0)
    return export(lived(kind()), dynamic_shapes=(H_W,))


def checkpoint_of(program, tmp_path):
    path = tmp_path / "model.pt2"
    torch.export.save(program, path)
    checkpoint = read_checkpoint(path, name="model.pt2", digest="d")
    path.unlink()  # up to 244 MB
    return checkpoint


def network_of(program, tmp_path):
    return exported_program.build(checkpoint_of(program, tmp_path), {})


def tensors_in(output):
    if isinstance(output, torch.Tensor):
        return [output]
    values = output.values() if isinstance(output, dict) else output
    return [tensor for value in values for tensor in tensors_in(value)]


def run(module, x, **options):
    """As `core.inference` does it."""
    with torch.inference_mode():
        return module(x.contiguous(memory_format=torch.channels_last), **options)


def difference(network, program, x):
    with torch.no_grad():
        expected = tensors_in(program.module(check_guards=False)(x.contiguous()))
    found = tensors_in(run(network.module, x))
    pairs = zip(found, expected, strict=True)
    return max((one.double() - other.double()).abs().max().item() for one, other in pairs)


class Tiny(nn.Module):
    """Convolution, BatchNorm, ReLU in place, and as many classes as channels are asked for."""

    def __init__(self, classes=5):
        super().__init__()
        self.body = nn.Sequential(
            nn.Conv2d(3, 8, 3, stride=2, padding=1), nn.BatchNorm2d(8), nn.ReLU(inplace=True)
        )
        self.head = nn.Conv2d(8, classes, 1)

    def forward(self, x):
        y = self.head(self.body(x))
        return F.interpolate(y, size=x.shape[-2:], mode="bilinear", align_corners=False)


class Unet(nn.Module):
    """Transposed convolutions, skips, and padding to what they need."""

    def __init__(self):
        super().__init__()
        self.down1, self.down2 = self.block(3, 8), self.block(8, 16)
        self.up = nn.ConvTranspose2d(16, 8, 2, stride=2)
        self.last = self.block(16, 4)

    def block(self, before, after):
        layers = [nn.Conv2d(before, after, 3, padding=1), nn.BatchNorm2d(after), nn.ReLU6(True)]
        return nn.Sequential(*layers)

    def forward(self, x):
        skip = self.down1(x)
        y = self.up(self.down2(F.max_pool2d(skip, 2)))
        y = F.pad(y, [0, skip.shape[3] - y.shape[3], 0, skip.shape[2] - y.shape[2]])
        return self.last(torch.cat([skip, y], dim=1))


class Mixed(nn.Module):
    """One of everything that segmentation networks use."""

    def __init__(self):
        super().__init__()
        self.grouped = nn.Conv2d(3, 16, 3, padding=2, dilation=2, bias=False)
        self.depthwise = nn.Conv2d(16, 16, 3, padding=1, groups=16)
        self.group_norm, self.layer_norm = nn.GroupNorm(4, 16), nn.LayerNorm(16)
        self.attention = nn.MultiheadAttention(16, 4, batch_first=True)
        self.shuffled = nn.Conv2d(16, 64, 1)
        self.head = nn.Conv2d(16, 6, 1)
        self.acts = nn.ModuleList([nn.Hardswish(True), nn.SiLU(True), nn.GELU(), nn.PReLU(16)])
        self.register_buffer("scale", torch.full((1, 16, 1, 1), 0.7), persistent=False)

    def forward(self, x):
        y = F.avg_pool2d(self.group_norm(self.depthwise(self.grouped(x))), 8)
        for act in self.acts:
            y = act(y) * self.scale
        tokens = self.layer_norm(y.flatten(2).transpose(1, 2))
        tokens = tokens + self.attention(tokens, tokens, tokens, need_weights=False)[0]
        q, k, v = tokens.unsqueeze(1).chunk(1)[0], tokens.unsqueeze(1), tokens.unsqueeze(1)
        tokens = F.scaled_dot_product_attention(q, k, v).squeeze(1)
        y = tokens.transpose(1, 2).reshape(y.shape)
        y[:, 0] = y[:, 1].clone() * torch.tensor(0.5)  # through a view
        with torch.no_grad():
            grid = torch.linspace(0, 1, y.shape[3], device=x.device)
        y = F.pixel_shuffle(self.shuffled(y + grid), 2)
        y = F.interpolate(y, scale_factor=2, mode="nearest")
        y = F.interpolate(y, scale_factor=2, mode="bicubic", align_corners=False)
        return self.head(y).masked_fill(torch.zeros_like(y[:, :1]) > 0, float("-inf"))


class Heads(nn.Module):
    """Returns what a test wants to have returned."""

    def __init__(self, form):
        super().__init__()
        self.form = form
        self.main, self.side = nn.Conv2d(3, 5, 1), nn.Conv2d(3, 2, 1)

    def forward(self, x):
        return self.form(self.main(x), self.side(x))


# --- the same numbers -----------------------------------------------------------------------------


@pytest.mark.parametrize("name", TORCHVISION)
def test_torchvisions_networks_give_the_same_numbers(name, tmp_path):
    torch.manual_seed(0)
    aux = {} if name.startswith("lraspp") else {"aux_loss": True}
    factory = segmentation.__dict__[name]
    model = lived(factory(weights=None, weights_backbone=None, num_classes=7, **aux))
    program = export(model)
    network = network_of(program, tmp_path)

    assert difference(network, program, picture()) <= ROUNDING
    assert (network.num_classes, network.in_channels) == (7, 3)
    assert network.aux_classes == (7 if aux else None)
    assert list(run(network.module, picture())) == ["out", *(["aux"] if aux else [])]


@pytest.mark.parametrize("decomposed", [False, True])
@pytest.mark.parametrize("kind", [Tiny, Unet, Mixed])
def test_small_networks_give_the_same_numbers(kind, decomposed, tmp_path):
    program = exported(kind)
    program = program.run_decompositions() if decomposed else program

    assert difference(network_of(program, tmp_path), program, picture()) <= ROUNDING


@pytest.mark.parametrize("size", [(64, 96), (80, 64), (33, 47)])
@pytest.mark.parametrize("kind", [Tiny, Unet])
def test_a_program_with_dynamic_sizes_runs_at_others_than_its_example(kind, size, tmp_path):
    program = with_dynamic_sizes(kind)

    assert difference(network_of(program, tmp_path), program, picture(size)) <= ROUNDING


def test_a_program_exported_from_channels_last_runs_in_that_order(tmp_path):
    model = lived(Tiny()).to(memory_format=torch.channels_last)
    program = export(model, picture().contiguous(memory_format=torch.channels_last))

    assert difference(network_of(program, tmp_path), program, picture()) <= 1e-6


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_the_precision_is_that_of_the_input(dtype, tmp_path):
    program = exported(Mixed)
    module = network_of(program, tmp_path).module
    half = run(copy.deepcopy(module).to(dtype), picture().to(dtype))

    assert half.dtype == dtype
    assert (half.float() - run(module, picture())).abs().max() < 0.1


def test_a_program_exported_in_half_precision_runs_in_single(tmp_path):
    torch.manual_seed(0)
    program = export(lived(Tiny()).half(), picture().half())
    output = run(network_of(program, tmp_path).module, picture())

    assert output.dtype == torch.float32
    torch.manual_seed(0)
    assert (output - lived(Tiny())(picture())).abs().max() < 0.01


# --- the form of the output -----------------------------------------------------------------------


@pytest.mark.parametrize(
    "form",
    [
        lambda main, side: (main, side),
        lambda main, side: [main, side],
        lambda main, side: {"out": main, "aux": side},
        lambda main, side: {"aux": side, "out": main},
        lambda main, side: OrderedDict(logits=main, aux=side),
        lambda main, side: (main, [side, None]),
        lambda main, side: {"pooled": main.mean((2, 3)), "logits": main, "aux": side},
    ],
)
def test_every_form_of_output_tells_classes_and_aux_classes(form, tmp_path):
    network = network_of(export(Heads(form).eval()), tmp_path)

    assert (network.num_classes, network.aux_classes) == (5, 2)


def test_a_dict_keeps_its_names_and_a_tensor_stays_a_tensor(tmp_path):
    named = network_of(export(Heads(lambda m, s: {"a": m, "b": {"c": s}}).eval()), tmp_path)
    plain = network_of(export(Heads(lambda m, s: m).eval()), tmp_path)

    assert list(run(named.module, picture())) == ["a", "b"]
    assert list(run(named.module, picture())["b"]) == ["c"]
    assert run(plain.module, picture()).shape == (1, 5, *SIZE)
    assert plain.aux_classes is None


def test_a_classifier_is_refused_for_what_it_returns(tmp_path):
    program = export(Heads(lambda main, side: main.mean((2, 3))).eval())

    with pytest.raises(ArchitectureError, match="no tensor of the shape"):
        network_of(program, tmp_path)


# --- facts ----------------------------------------------------------------------------------------


def test_the_network_tells_size_operators_and_account(tmp_path):
    network = network_of(export(lived(Tiny())), tmp_path)

    assert network.architecture == "Exported program (5 operators)"
    assert network.notes == ("The program was exported for inputs of 64 x 96 pixels.",)
    assert len(network.account.matched) == 9
    assert not (network.account.missing or network.account.unexpected)


def test_steps_and_limits_of_dynamic_sizes_are_told(tmp_path):
    sizes = {2: 2 * Dim("h", min=16, max=64), 3: Dim("w", min=40, max=400)}
    network = network_of(export(lived(Tiny()), dynamic_shapes=(sizes,)), tmp_path)

    assert network.notes == (
        "The program was exported for heights from 32 to 128 pixels, multiples of 2 and widths "
        "from 40 to 400 pixels.",
    )
    for size in ((30, 96), (33, 96), (130, 96), (64, 39), (64, 401)):
        with pytest.raises(ForwardError, match="multiples of 2"):
            run(network.module, picture(size))


def test_another_size_than_the_exporters_is_refused_with_the_right_one(tmp_path):
    network = network_of(export(lived(Tiny())), tmp_path)

    with pytest.raises(ForwardError, match="64 x 96 pixels, not an input of 64 x 64") as caught:
        run(network.module, picture((64, 64)))
    assert "64 x 96" in caught.value.remedy
    assert "dynamic_shapes" in caught.value.remedy
    assert caught.value.changes == {"resize": "fixed", "height": 64, "width": 96}


def test_training_mode_is_told_and_runs_without_chance(tmp_path):
    model = nn.Sequential(Tiny(), nn.Dropout(0.5)).train()
    network = network_of(export(model), tmp_path)
    before = copy.deepcopy(network.module.state_dict())
    first, second = run(network.module, picture()), run(network.module, picture())

    assert "training mode" in network.notes[1]
    assert torch.equal(first, second)
    assert same(network.module.state_dict(), before)


def same(one, other):
    return one.keys() == other.keys() and all(torch.equal(one[key], other[key]) for key in one)


def test_an_observer_sees_every_node_with_its_inputs_by_name(tmp_path):
    model = lived(Tiny())
    network = network_of(export(model), tmp_path)
    seen = []
    run(network.module, picture(), observe=lambda *node: seen.append(node))
    norm = next(inputs for _, target, inputs, _ in seen if "batch_norm" in target)

    assert [name for name, *_ in seen] == [node.name for node in network.module.program.nodes]
    assert torch.equal(norm["running_var"], model.body[1].running_var)
    assert norm["input"].shape == (1, 8, 32, 48)


def test_values_that_nobody_needs_are_freed_at_their_last_use(tmp_path):
    program = network_of(export(lived(Tiny())), tmp_path).module.program
    last = {name: node.name for node in program.nodes for name in node.frees}

    assert last["conv2d"] == "batch_norm"
    assert last["conv2d_1"] == "upsample_bilinear2d"
    assert not set(program.weights) & set(last)


def test_a_program_with_weight_norm_multiplies_its_weights_itself(tmp_path):
    model = lived(Tiny())
    nn.utils.parametrizations.weight_norm(model.head)
    program = export(model)
    network = build_network(checkpoint_of(program, tmp_path))

    assert difference(network, program, picture()) <= ROUNDING


@pytest.mark.parametrize("decomposed", [False, True])
def test_batch_statistics_can_be_asked_for_as_of_a_module(decomposed, tmp_path):
    model = lived(Tiny())
    program = export(model)
    program = program.run_decompositions() if decomposed else program
    module = network_of(program, tmp_path).module
    module.own_statistics = True
    before = copy.deepcopy(module.state_dict())
    output = run(module, picture())

    assert same(module.state_dict(), before)
    assert (output - model.train()(picture())).abs().max() < 1e-5


# --- nothing is changed ---------------------------------------------------------------------------


class ChangesItsInput(nn.Module):
    def __init__(self):
        super().__init__()
        self.head = nn.Conv2d(3, 2, 1)
        self.register_buffer("count", torch.zeros(4))

    def forward(self, x):
        x.mul_(2)
        x[:, 0].add_(1)
        self.count.add_(1)
        return self.head(x).relu_() + self.count.sum()


def test_weights_and_input_are_unchanged_by_a_program_that_works_in_place(tmp_path):
    torch.manual_seed(0)
    program = export(ChangesItsInput().eval())
    network, x = network_of(program, tmp_path), picture()
    before = copy.deepcopy(network.module.state_dict())
    first = run(network.module, x)

    assert torch.equal(x, picture())
    assert same(network.module.state_dict(), before)
    assert torch.equal(first, run(network.module, x))


class ChangesAViewOfItsWeights(ChangesItsInput):
    def forward(self, x):
        self.count[:2].add_(1)
        return self.head(x) + self.count.sum()


def test_changing_weights_through_a_view_is_refused(tmp_path):
    with pytest.raises(ArchitectureError, match="changes the weights"):
        network_of(export(ChangesAViewOfItsWeights().eval()), tmp_path)


# --- hostile and damaged programs -----------------------------------------------------------------


@pytest.fixture(scope="module")
def tiny(tmp_path_factory):
    program = with_dynamic_sizes(Tiny)
    return checkpoint_of(program, tmp_path_factory.mktemp("tiny"))


def edited(checkpoint, edit):
    """The checkpoint with another graph; edit gets the graph and may change it."""
    content = copy.deepcopy(checkpoint.program)
    edit(content["graph_module"]["graph"])
    return replace(checkpoint, program=content)


def node(target, inputs, output):
    return {
        "target": target,
        "inputs": [{"name": name, "arg": arg, "kind": 1} for name, arg in inputs.items()],
        "outputs": [{"as_tensor": {"name": output}}],
        "metadata": {},
    }


@pytest.mark.parametrize(
    "target",
    [
        "torch.ops.aten.from_file.default",
        "torch.ops.aten.set_.source_Storage",
        "torch.ops.aten.resize_.default",
        "torch.ops.aten.as_strided.default",
        "torch.ops.aten.rand.default",
        "torch.ops.aten.__class__.__init__",
        "torch.ops.aten.relu.__class__",
        "torch.ops.load_library",
        "torch.ops.higher_order.cond",
        "torch.load",
        "os.system",
        "builtins.eval",
        "_operator.getitem",
        "",
    ],
)
def test_an_operator_outside_the_list_is_refused_by_name(tiny, target):
    def edit(graph):
        graph["nodes"][-1]["target"] = target

    with pytest.raises(ArchitectureError) as caught:
        exported_program.build(edited(tiny, edit), {})
    assert target.removeprefix("torch.ops.")[:40] in caught.value.message
    assert len(caught.value.message) < 400
    assert caught.value.remedy


def test_a_value_that_is_not_defined_before_is_refused(tiny):
    def forward_reference(graph):
        graph["nodes"].reverse()

    def unknown(graph):
        graph["nodes"][-1]["inputs"][0]["arg"]["as_tensor"]["name"] = "nowhere"

    def cycle(graph):
        last = graph["nodes"][-1]
        last["inputs"][0]["arg"] = last["outputs"][0]

    def twice(graph):
        graph["nodes"].append(graph["nodes"][-1])

    for edit, words in ((forward_reference, "not defined"), (unknown, "not defined")):
        with pytest.raises(ArchitectureError, match=words):
            exported_program.build(edited(tiny, edit), {})
    for edit, words in ((cycle, "not defined"), (twice, "defined twice")):
        with pytest.raises(ArchitectureError, match=words):
            exported_program.build(edited(tiny, edit), {})


def chain(*nodes):
    def edit(graph):
        graph["nodes"].extend(nodes)

    return edit


LARGE = 2**20


def aten(name, output, **inputs):
    return node(f"torch.ops.aten.{name}", inputs, output)


def ints(*values):
    return {"as_ints": list(values)}


def tensor(name):
    return {"as_tensor": {"name": name}}


def tensors(*names):
    return {"as_tensors": [{"name": name} for name in names]}


WIDE = aten("full.default", "row", size=ints(1, LARGE), fill_value={"as_int": 1})
TALL = aten("full.default", "column", size=ints(LARGE, 1), fill_value={"as_int": 1})
ROW, COLUMN, DIM_1 = tensor("row"), tensor("column"), {"as_int": 1}
EINSUM = {"as_string": "ij,jk,kl->il"}
SCALES = {"as_floats": [1e4, 1e4]}
NINE = [f"v{i}" for i in range(9)]
HUGE = {
    "zeros": [aten("zeros.default", "a", size=ints(2**40))],
    "overflow": [aten("empty.memory_format", "a", size=ints(2**62, 2**62))],
    "arange": [aten("arange.default", "a", end={"as_int": 2**40})],
    "product": [WIDE, TALL, aten("mul.Tensor", "a", self=ROW, other=COLUMN)],
    "matrix product": [WIDE, TALL, aten("mm.default", "a", self=COLUMN, mat2=ROW)],
    "einsum": [
        *(WIDE, TALL),
        aten("einsum.default", "a", equation=EINSUM, tensors=tensors("column", "row", "column")),
    ],
    "repeat": [WIDE, aten("repeat.default", "a", self=ROW, repeats=ints(LARGE, 1))],
    "expand": [WIDE, aten("expand.default", "a", self=ROW, size=ints(LARGE, LARGE))],
    "pad": [WIDE, aten("constant_pad_nd.default", "a", self=ROW, pad=ints(2**40, 0))],
    "unbind": [WIDE, aten("unbind.int", "a", self=ROW, dim=DIM_1)],
    "split": [WIDE, aten("split.Tensor", "a", self=ROW, split_size=DIM_1, dim=DIM_1)],
    "upsample": [
        aten(
            "upsample_nearest2d.vec",
            "a",
            input=tensor("x"),
            output_size={"as_none": True},
            scale_factors=SCALES,
        )
    ],
    "many": [
        *(aten("zeros.default", name, size=ints(2**28)) for name in NINE),
        aten("stack.default", "a", tensors=tensors(*NINE)),
    ],
}


@pytest.mark.parametrize("nodes", HUGE.values(), ids=HUGE)
def test_what_would_be_huge_is_refused_before_it_is_computed(tiny, nodes):
    with pytest.raises(ArchitectureError):
        exported_program.build(edited(tiny, chain(*nodes)), {})


def test_endless_work_is_refused_before_it_is_done(tiny):
    square = node("torch.ops.aten.ones.default", {"size": {"as_ints": [20_000, 20_000]}}, "s")
    arg = {"as_tensor": {"name": "s"}}
    products = [
        node("torch.ops.aten.mm.default", {"self": arg, "mat2": arg}, f"p{i}") for i in range(3)
    ]

    with pytest.raises(ArchitectureError, match="operations"):
        exported_program.build(edited(tiny, chain(square, *products)), {})


def size_named(name):
    return {"as_sym_int": {"as_name": name}}


def test_sizes_cannot_grow_without_end(tiny):
    first = node("_operator.add", {"a": {"as_int": 2**62}, "b": {"as_int": 1}}, "n0")
    nodes = [
        node("_operator.mul", {"a": size_named(f"n{i}"), "b": size_named(f"n{i}")}, f"n{i + 1}")
        for i in range(3)
    ]

    with pytest.raises(ArchitectureError, match="64 bits"):
        exported_program.build(edited(tiny, chain(first, *nodes)), {})


def test_more_nodes_than_the_limit_are_refused(tiny):
    x = {"as_tensor": {"name": "x"}}
    nodes = [node("torch.ops.aten.relu.default", {"self": x}, f"r{i}") for i in range(20_001)]

    with pytest.raises(ArchitectureError, match="20000 nodes"):
        exported_program.build(edited(tiny, chain(*nodes)), {})


def test_memory_that_was_not_cleared_is_never_shown(tiny):
    empty = node("torch.ops.aten.empty.memory_format", {"size": {"as_ints": [1, 2, 8, 8]}}, "e")

    def edit(graph):
        graph["nodes"].append(empty)
        graph["outputs"] = [{"as_tensor": {"name": "e"}}]

    network = exported_program.build(edited(tiny, edit), {})

    assert not run(network.module, picture()).any()


def test_a_missing_weight_is_named(tiny):
    tensors = {key: tensor for key, tensor in tiny.tensors.items() if key != "head.bias"}

    with pytest.raises(ArchitectureError, match=r"missing in the file: head\.bias"):
        exported_program.build(replace(tiny, tensors=tensors), {})


def test_a_weight_of_another_shape_is_refused(tiny):
    tensors = dict(tiny.tensors) | {"head.weight": torch.zeros(5, 9, 1, 1)}

    with pytest.raises(ArchitectureError, match="conv2d_1"):
        exported_program.build(replace(tiny, tensors=tensors), {})


def test_a_tensor_that_the_program_does_not_use_is_accounted_for(tiny):
    tensors = dict(tiny.tensors) | {"spare": torch.zeros(1)}
    network = exported_program.build(replace(tiny, tensors=tensors), {})

    assert network.account.unexpected == ("spare",)


@pytest.mark.parametrize("x", [picture(channels=3)[0], picture().repeat(2, 1, 1, 1)])
def test_anything_but_one_picture_is_refused(x, tmp_path):
    model = nn.Conv2d(3, 2, 1).eval()

    with pytest.raises(ArchitectureError, match="takes") as caught:
        network_of(export(model, x), tmp_path)
    assert "(1, channels, height, width)" in caught.value.remedy


def test_two_inputs_are_refused(tmp_path):
    class Two(nn.Module):
        def forward(self, x, y):
            return x + y

    program = torch.export.export(Two(), (picture(), picture()))

    with pytest.raises(ArchitectureError, match="takes 2 inputs"):
        network_of(program, tmp_path)


@pytest.mark.parametrize("content", [{}, [], 7, "x", {"graph_module": None}])
def test_a_graph_that_is_none_is_refused(tiny, content):
    assert exported_program.matches(replace(tiny, program=content))
    with pytest.raises(ArchitectureError, match="cannot be read"):
        exported_program.build(replace(tiny, program=content), {})


def test_weights_without_a_program_are_none(tiny):
    assert not exported_program.matches(replace(tiny, program=None))


def test_every_name_in_the_list_is_an_operator():
    assert all(callable(operator_named(ATEN + name)) for name in [*ALLOWED, *OURS])


JUNK = [
    *(None, True, -1, 0, 3, 2**31, 2**63, 10**30, -0.5, float("nan"), "", "x", "conv2d", "s0"),
    *([], {}, [1, 2], [[]], {"as_int": -1}, {"as_int": 2**62}, {"as_tensor": {"name": "x"}}),
    *({"as_none": True}, {"as_ints": [1] * 9}, {"as_tensors": []}, {"as_graph": {}}),
    *({"as_string": "none"}, {"as_float": "Infinity"}, {"as_sym_int": {"as_name": "x"}}),
]


def places(value, skipped=("metadata", "guards_code")):
    """Every entry of a JSON value as (container, key)."""
    pairs = value.items() if isinstance(value, dict) else enumerate(value)
    for key, child in list(pairs):
        if key not in skipped:
            yield value, key
            if isinstance(child, dict | list):
                yield from places(child)


def damaged(program, seed):
    """The program with one to five places overwritten."""
    rng = random.Random(seed)
    content = copy.deepcopy(program)
    graph = content["graph_module"]["graph"]
    graph["tensor_values"] = {"x": graph["tensor_values"]["x"]}
    for _ in range(rng.choice([1, 1, 2, 5])):
        found = list(places(content if seed % 3 == 0 else graph))
        (container, key), (other, source) = rng.choice(found), rng.choice(found)
        junk = other[source] if rng.random() < 0.3 else rng.choice(JUNK)
        container[key] = json.loads(json.dumps(junk))
    return content


def answer_of(tiny, program):
    """None where it runs or ends in an error for people; otherwise what went wrong."""
    try:
        network = exported_program.build(replace(tiny, program=program), {})
        output = run(network.module, picture())
    except InspectionError as exc:
        return None if exc.message and exc.remedy else "an error that says nothing"
    except Exception as exc:
        return repr(exc)
    return "no output" if output is None else None


def test_damage_anywhere_ends_in_an_error_for_people(tiny):
    answers = {seed: answer_of(tiny, damaged(tiny.program, seed)) for seed in range(300)}

    assert not {f"seed {seed}": wrong for seed, wrong in answers.items() if wrong}


# --- networks of other packages -------------------------------------------------------------------


def smp_network(name, encoder):
    import segmentation_models_pytorch as smp

    torch.manual_seed(0)
    return lived(getattr(smp, name)(encoder, encoder_weights=None, classes=4))


@pytest.mark.parametrize("name", SMP)
def test_segmentation_models_give_the_same_numbers(name, tmp_path):
    program = export(smp_network(name, SMP[name]))
    network = network_of(program, tmp_path)

    assert difference(network, program, picture()) <= ROUNDING
    assert network.num_classes == 4


@pytest.mark.parametrize("name", ["Unet", "Segformer"])
def test_transformer_encoders_give_the_same_numbers(name, tmp_path):
    program = export(smp_network(name, "mit_b0"))

    assert difference(network_of(program, tmp_path), program, picture()) <= ROUNDING


def test_transformers_segformer_gives_the_same_numbers(tmp_path):
    import transformers

    torch.manual_seed(0)
    config = transformers.SegformerConfig(num_labels=4, depths=[1] * 4, decoder_hidden_size=32)
    model = lived(transformers.SegformerForSemanticSegmentation(config))
    program = export(model)
    network = network_of(program, tmp_path)

    assert difference(network, program, picture()) <= ROUNDING
    assert list(run(network.module, picture())) == ["logits"]
