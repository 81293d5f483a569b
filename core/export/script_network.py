"""The middle of the script: the user's own checkpoint, the library's network, one forward.

It mirrors core/architectures/network.py and core/inference.py: the same weights in the same memory
format, the same calls.
"""

from __future__ import annotations

from core.architectures.network import Network
from core.checkpoint import Checkpoint
from core.export import script_views
from core.export.pieces import Piece, indented, plain, quoted
from core.export.script_input import place_of
from core.orientation import TURNS
from core.settings import Forwarding, Settings

PICKLES = ("zip pickle", "legacy pickle")
OWN = "your own class: no library has this network"
BATCH_STATISTICS = '''\
def use_batch_statistics(network: torch.nn.Module) -> None:
    """BatchNorm as in training: by this picture's own statistics."""

    def choose(norm: torch.nn.Module, inputs: tuple[torch.Tensor, ...]) -> None:
        norm.train(inputs[0].numel() != inputs[0].shape[1])  # one value has no variance

    for norm in network.modules():
        if isinstance(norm, torch.nn.modules.batchnorm._BatchNorm):
            norm.register_forward_pre_hook(choose)'''
ENLARGE = '''\
def enlarge(logits: torch.Tensor, size: tuple[int, ...]) -> torch.Tensor:
    """[1 classes h w] at this height and width."""
    if tuple(logits.shape[2:]) == tuple(size):
        return logits
    logits = logits.contiguous()  # as Maskscope does: the order of the memory decides last bits
    return F.interpolate(logits, size=tuple(size), {mode})'''
MODES = {"bilinear": 'mode="bilinear", align_corners=False', "nearest": 'mode="nearest"'}


def is_own(network: Network, checkpoint: Checkpoint) -> bool:
    """Whether the script has to ask for the author's class."""
    if network.source is None:
        return True
    names = set(_renamed(network, checkpoint))
    return not set(network.account.matched) <= names  # weights that are computed from the file's


def _renamed(network: Network, checkpoint: Checkpoint) -> list[str]:
    renamed = network.source.renamed if network.source else ()
    names = []
    for key in checkpoint.tensors:
        old, new = next(((o, n) for o, n in renamed if key.startswith(o)), ("", ""))
        names.append(new + key.removeprefix(old))
    return names


# --- weights and network --------------------------------------------------------------------------


def opens_itself(checkpoint: Checkpoint) -> bool:
    """Whether the user's own file can be read safely; else the script reads the clean weights."""
    if checkpoint.computed:  # dequantized, or put together of parts
        return False
    if checkpoint.container == "safetensors":
        return True
    plain = checkpoint.kind == "dict" and not checkpoint.beyond_weights
    steps = all(not step.isdigit() for step in checkpoint.wrapper)  # not a place in a list
    return checkpoint.container in PICKLES and plain and steps


def loading(checkpoint: Checkpoint, network: Network, settings: Settings) -> Piece:
    """Build the network and fill it."""
    imports = ["import torch"]
    if not opens_itself(checkpoint) or checkpoint.container == "safetensors":
        imports.append("from safetensors.torch import load_file")
    made, network_imports = _made(network, checkpoint)
    body = [*_weights(checkpoint, network), *made, *_filled(checkpoint, network)]
    if settings.forwarding.mode == "train":
        body += ["use_batch_statistics(network)"]
    head = "def load_network() -> torch.nn.Module:"
    docstring = f'    """{plain(network.architecture)}, with the weights of CHECKPOINT."""'
    code = "\n".join([head, docstring, indented([*body, _ready(settings)])])
    if settings.forwarding.mode == "train":
        code = f"{BATCH_STATISTICS}\n\n\n{code}"
    code = "\n\n\n".join([*_functions(network, checkpoint), code])
    return Piece(code, (_constant(checkpoint),), (*imports, *network_imports))


def _ready(settings: Settings) -> str:
    dtype = settings.preprocessing.dtype
    cast = "" if dtype == "float32" else f".to(torch.{dtype})"
    return f"return network.eval().to(memory_format=torch.channels_last){cast}"


def _constant(checkpoint: Checkpoint) -> str:
    if opens_itself(checkpoint):
        return f"CHECKPOINT = {quoted(checkpoint.name)}"
    stem = checkpoint.name.rpartition(".")[0] or checkpoint.name
    return "\n".join(
        [
            "# Not your file itself, which holds more than weights, but the clean weights",
            "# (safetensors): the Checkpoint page writes them.",
            f"CHECKPOINT = {quoted(f'{stem}-{checkpoint.digest[:8]}.safetensors')}",
        ]
    )


def _weights(checkpoint: Checkpoint, network: Network) -> list[str]:
    renamed = network.source.renamed if network.source else ()
    lines = ["weights = load_file(CHECKPOINT)"]
    if opens_itself(checkpoint) and checkpoint.container in PICKLES:
        place = "".join(f"[{quoted(step)}]" for step in checkpoint.wrapper)
        lines = ['weights = torch.load(CHECKPOINT, map_location="cpu", weights_only=True)']
        lines += [f"weights = weights{place}"] if place else []
    if opens_itself(checkpoint) and checkpoint.prefix:
        name = f"key.removeprefix({quoted(checkpoint.prefix)})"
        lines.append(f"weights = {{{name}: tensor for key, tensor in weights.items()}}")
    if renamed:
        lines.append(f"for old, new in {renamed!r}:  # names of an older release")
        start = "new + key.removeprefix(old) if key.startswith(old) else key"
        lines.append(f"    weights = {{({start}): tensor for key, tensor in weights.items()}}")
    return lines


def _made(network: Network, checkpoint: Checkpoint) -> tuple[list[str], tuple[str, ...]]:
    if is_own(network, checkpoint) or network.source is None:
        return (
            ["network = YourNetwork()"],
            (f"from your_project import YourNetwork  # <- {OWN}",),
        )
    return list(network.source.lines), network.source.imports


def _functions(network: Network, checkpoint: Checkpoint) -> tuple[str, ...]:
    """Sources of what the lines of the network call."""
    if is_own(network, checkpoint) or network.source is None:
        return ()
    return network.source.functions


def _filled(checkpoint: Checkpoint, network: Network) -> list[str]:
    if network.source is not None and network.source.fills:
        return []
    account = network.account
    beside = any(path.count("/") == len(checkpoint.wrapper) for path in checkpoint.others)
    if not (account.missing or account.unexpected or (beside and opens_itself(checkpoint))):
        return ["network.load_state_dict(weights)"]
    lines = ["missing, _ = network.load_state_dict(weights, strict=False)"]
    if account.unexpected:
        lines.insert(0, f"# {len(account.unexpected)} tensors of the file are not used.")
    if account.missing:  # counters, without which BatchNorm does the same
        lines.append('missing = [name for name in missing if "num_batches_tracked" not in name]')
    return [*lines, "if missing:", '    raise SystemExit(f"The file has no weights for {missing}")']


# --- forward --------------------------------------------------------------------------------------


def forwarding(checkpoint: Checkpoint, network: Network, settings: Settings) -> Piece:
    """One forward, and the logits brought back to the picture's size."""
    chosen: Forwarding = settings.forwarding
    place = place_of(settings.preprocessing)
    one = [
        "x = x.contiguous(memory_format=torch.channels_last)",
        f"logits = {_call(network, checkpoint, chosen.head)}.float()",
    ]
    viewed = script_views.averaging(chosen, one)
    body = [
        f"x, {place} = preprocess(samples)" if place else "x = preprocess(samples)",
        *(script_views.mean(chosen) or [*one, "logits = enlarge(logits, x.shape[2:])"]),
        *_at_picture(settings),
        "logits = enlarge(logits, samples.shape[:2])",
        "return np.ascontiguousarray(logits[0].numpy())",
    ]
    head = [
        "@torch.inference_mode()",
        "def predict(network: torch.nn.Module, samples: np.ndarray) -> np.ndarray:",
        '    """The logits of every class, Float32[classes h w], at the picture\'s size."""',
    ]
    enlarge = ENLARGE.replace("{mode}", MODES[chosen.upsampling])
    parts = [enlarge, *viewed, "\n".join([*head, indented(body)])]
    imports = ("import torch", "import torch.nn.functional as F")
    return Piece("\n\n\n".join(parts), script_views.constants(chosen), imports)


def _at_picture(settings: Settings) -> list[str]:
    """Without the padding, and as the picture lies."""
    part = {
        "multiple": ":height, :width",
        "letterbox": "top : top + height, left : left + width",
    }.get(settings.preprocessing.resize)
    lines = [f"logits = logits[:, :, {part}]  # without the padding"] if part else []
    turn = TURNS[settings.preprocessing.orientation]
    back = f".flip({[2 + axis for axis in turn.reversed_axes]})" if turn.reversed_axes else ""
    back += ".transpose(2, 3)" if turn.transposed else ""
    return [*lines, *([f"logits = logits{back}  # turned back"] if back else [])]


def _call(network: Network, checkpoint: Checkpoint, head: str) -> str:
    if is_own(network, checkpoint) or network.source is None:
        return "network(x)"
    return network.source.heads[head]
