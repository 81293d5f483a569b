"""`inference.py`: the user's own checkpoint under the settings as they are now, without this app.

Each stage of the flow gives a piece; only what the settings need is written. On the same machine
and with the same versions its label map is that of the dashboard, bit for bit.
"""

from __future__ import annotations

from collections.abc import Sequence

from core.checkpoint import Checkpoint
from core.errors import ArchitectureError
from core.export import script_input, script_network, script_output
from core.export.pieces import Piece, listed, plain
from core.inspection import Inspection

NOT_PYTHON = {  # container -> what runs it
    "ONNX": "onnxruntime.InferenceSession(path).run(None, {name: x.numpy()})[0]",
    "exported program": "torch.export.load(path).module()(x)",
}
HEAD = '''\
"""Segment a picture as Maskscope showed it: {title}.

    python inference.py picture.png labels.png

{requirements}
"""'''
REPOSITORY = """
Put it into your copy of {}, whose network it uses.
Maskscope's own build of that network may differ from it in the last digits of the logits."""
MAIN = """\
if __name__ == "__main__":
    if len(sys.argv) != 3:
        raise SystemExit("Call it so: python inference.py picture.png labels.png")
    logits = predict(load_network(), load_picture(sys.argv[1]))
    save_labels(decode(logits), sys.argv[2])
"""
SEVERAL = (
    MAIN.replace("!= 3", "< 4")
    .replace("load_picture(sys.argv[1])", "load_picture(*sys.argv[1:-1])")
    .replace("sys.argv[2]", "sys.argv[-1]")
    .replace("picture.png", "band_1.tif band_2.tif")
)


def inference_script(inspection: Inspection, checkpoint: Checkpoint) -> str:
    """Python source that does to a picture what the settings did to this one.

    Args:
        inspection: what is on the screen.
        checkpoint: the file behind its network.

    Raises:
        ArchitectureError: the file is a graph, which is run by another library.
        MaskError: there are more classes than a label map holds.
    """
    _refuse_graphs(checkpoint)
    _refuse_deep_opacity(inspection)
    pieces = _pieces(inspection, checkpoint)
    names = listed("CLASS_NAMES", inspection.class_names)
    constants = "\n".join([*(line for piece in pieces for line in piece.constants), names])
    parts = [
        "\n\n".join([_head(inspection, checkpoint), _imports(pieces), constants]),
        *(piece.code for piece in pieces),
        SEVERAL if inspection.image.facts.format == "STACK" else MAIN,
    ]
    return "\n\n\n".join(parts)


def _pieces(inspection: Inspection, checkpoint: Checkpoint) -> list[Piece]:
    network, settings = inspection.network, inspection.settings
    about = inspection.image.facts
    deep = script_input.is_deep(about)
    return [
        script_input.loading(settings.preprocessing, about),
        script_input.preprocessing(settings.preprocessing, deep=deep),
        script_network.loading(checkpoint, network, settings),
        script_network.forwarding(checkpoint, network, settings),
        script_output.deciding(
            settings.decoding, len(inspection.logits.values), network.scores.ends_in
        ),
        script_output.saving(inspection),
    ]


def _refuse_graphs(checkpoint: Checkpoint) -> None:
    if (call := NOT_PYTHON.get(checkpoint.container)) is not None:
        raise ArchitectureError(
            f"No script can be written for a file of the kind {checkpoint.container}: its graph "
            "is run by another library, which need not give the same bits.",
            remedy="Take the training-side transforms instead, and run the file yourself with the "
            "lines below.",
            code=call,
        )


def _refuse_deep_opacity(inspection: Inspection) -> None:
    about = inspection.image.facts
    if about.alpha and script_input.is_deep(about):
        raise ArchitectureError(
            "No script can be written for a picture with transparency in more than 8 bits.",
            remedy="Lay it on the background of the training, save it without, and open that.",
        )


def _head(inspection: Inspection, checkpoint: Checkpoint) -> str:
    network = inspection.network
    own = script_network.is_own(network, checkpoint)
    needs = ["torch", "torchvision", "numpy", "pillow"]
    if package := script_input.package_of(inspection.image.facts):
        needs.append(package)
    if network.source is not None and network.source.needs:
        needs.append(network.source.needs)
    if "safetensors" in checkpoint.container or not script_network.opens_itself(checkpoint):
        needs.append("safetensors")
    if own:
        needs.append("the class of your network")
    requirements = f"It needs {', '.join(needs)}."
    if not own and network.source is not None and network.source.repository:
        requirements += REPOSITORY.format(network.source.repository)
    return HEAD.format(title=plain(network.architecture), requirements=requirements)


def _imports(pieces: Sequence[Piece]) -> str:
    """Standard library, then the others, each module once and in the order of the alphabet."""
    lines = sorted({line for piece in pieces for line in piece.imports})
    plain = [line for line in lines if line.startswith("import")]
    names: dict[str, list[str]] = {}
    for line in lines:
        if line not in plain:
            module, _, name = line.removeprefix("from ").partition(" import ")
            names.setdefault(module, []).append(name)
    taken = [f"from {module} import {', '.join(parts)}" for module, parts in names.items()]
    return "\n".join(["import sys", "", *plain, *sorted(taken, key=str.lower)])
