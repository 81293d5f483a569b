"""Files of other libraries, and parts of files of torch: what each is, and its way in.

A table, looked up by a file's first bytes, by the names in an archive, or by the keys of a dict.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from core.errors import CheckpointError

ONNX = "and upload the .onnx that it writes"
KERAS = f"Convert it: python -m tf2onnx.convert --keras model.h5 --output model.onnx, {ONNX}."
SAVED = f"Convert it: python -m tf2onnx.convert --saved-model FOLDER --output model.onnx, {ONNX}."
GRAPH = (
    "Convert it: python -m tf2onnx.convert --graphdef model.pb --inputs INPUT:0 --outputs OUTPUT:0 "
    f"--output model.onnx, {ONNX}."
)
LITE = f"Convert it: python -m tf2onnx.convert --tflite model.tflite --output model.onnx, {ONNX}."
PADDLE = (
    "Export the network (paddle.jit.save), convert it: paddle2onnx --model_dir FOLDER "
    f"--save_file model.onnx, {ONNX}."
)
SOURCE = "Upload the checkpoint or the .onnx that it was made from."
JAX = (
    "Where it was trained, write the parameters under PyTorch's names: "
    "safetensors.flax.save_file(params, 'model.safetensors'); the layout of convolutions differs."
)
OTHER = "Choose the file with the network's weights."
UNPACK = "Unpack it, and upload the checkpoint that is inside."
ZERO = (
    "Run the script that DeepSpeed puts into the folder: python zero_to_fp32.py . weights.pth, and "
    "upload weights.pth."
)
FSDP = (
    "Collect the shards where it was trained: torch.distributed.checkpoint.state_dict."
    "get_model_state_dict(model, options=StateDictOptions(full_state_dict=True, cpu_offload=True))."
)
WHOLE = "Upload all files of the folder together, or a ZIP of it."
MERGE = "model = model.merge_and_unload(); torch.save(model.state_dict(), 'weights.pth')"


@dataclass(frozen=True)
class Format:
    """One kind of file."""

    name: str  # with its article
    way_in: str  # what to do instead, one sentence
    head: bytes = b""  # a pattern of its first 4096 bytes
    files: tuple[str, ...] = ()  # patterns, each of a name in the archive
    keys: tuple[str, ...] = ()  # patterns, each of a key of the dict that it holds

    def error(self) -> CheckpointError:
        """What to raise for such a file."""
        return CheckpointError(
            f"This is {self.name}, which is not opened here.", remedy=self.way_in
        )


FORMATS = (
    Format("a 7-Zip archive", UNPACK, rb"7z\xbc\xaf\x27\x1c"),
    Format("a RAR archive", UNPACK, rb"Rar!"),
    Format("an LZ4 archive", UNPACK, rb"\x04\x22M\x18"),
    Format("a PDF document", OTHER, rb"%PDF"),
    Format("a film (MP4, MOV)", OTHER, rb".{4}ftyp"),
    Format("a film (Matroska, WebM)", OTHER, rb"\x1aE\xdf\xa3"),
    Format("a film or a sound (RIFF)", OTHER, rb"RIFF.{4}(AVI |WAVE)"),
    Format("a compiled program or library", OTHER, rb"\x7fELF|MZ.{0,600}PE\x00\x00|MZ\x90\x00"),
    Format("an SQLite database", OTHER, rb"SQLite format 3"),
    Format("a Parquet table", OTHER, rb"PAR1"),
    Format("a log of TensorBoard (events.out.tfevents)", OTHER, rb".{12,40}brain\.Event:"),
    Format("an HDF5 file, as Keras writes its networks (.h5)", KERAS, rb"\x89HDF\r\n"),
    Format("a Keras archive (.keras)", KERAS, files=(r"config\.json$", r"\.h5$")),
    Format("a Keras file in a ZIP", KERAS, files=(r"\.(h5|hdf5|keras)$",)),
    Format("a TensorFlow Lite network (.tflite)", LITE, rb".{4}TFL3"),
    Format("a TensorFlow Lite network in a ZIP", LITE, files=(r"\.tflite$",)),
    Format("the graph of a TensorFlow SavedModel", SAVED, rb"\x08\x01\x12"),
    Format("a TensorFlow SavedModel", SAVED, files=(r"(^|/)saved_model\.pb(txt)?$",)),
    Format(
        "a frozen TensorFlow graph (.pb)", GRAPH, rb"\n.{1,3}\n.{0,60}\x12.{0,3}(Placeholder|Const)"
    ),
    Format("the index of a TensorFlow checkpoint", SAVED, rb"\x00\x00.\x08.{1,2}\x1a\x02\x08"),
    Format("the note of where a TensorFlow checkpoint is", SAVED, rb"model_checkpoint_path:"),
    Format(
        "a TensorFlow checkpoint (.index, .data)", SAVED, files=(r"\.data-\d+-of-\d+$|\.index$",)
    ),
    Format("a TensorFlow.js network", SAVED, rb"\s*\{.*\"modelTopology\""),
    Format("a TensorFlow.js network", SAVED, files=(r"group\d+-shard\d+of\d+",)),
    Format("a msgpack file, as Flax and JAX write their checkpoints", JAX,
           rb"(?:[\x81-\x8f]|\xde..)(?:[\xa1-\xbf]|\xd9.)[\w/.]"),
    Format("an Orbax checkpoint of JAX", JAX,
           files=(r"(^|/)(manifest\.ocdbt|_CHECKPOINT_METADATA|_METADATA)$",)),
    Format("a checkpoint of PaddlePaddle (.pdparams)", PADDLE,
           keys=(r"StructuredToParameterName@@",)),
    Format("a checkpoint of PaddlePaddle (.pdparams)", PADDLE,
           keys=(r"\._mean$", r"\._variance$")),  # its BatchNorm, in files without that table
    Format("a network of PaddlePaddle", PADDLE, files=(r"\.pd(params|iparams|model)$",)),
    Format("a GGUF file, as llama.cpp reads language models", SOURCE, rb"GGUF"),
    Format("a Core ML network (.mlmodel)", SOURCE, rb"\x08[\x01-\x0f]\x12.{1,2}\n"),
    Format("a Core ML package", SOURCE,
           files=(r"com\.apple\.CoreML/|\.mlmodel$|\.mlmodelc/|\.mlpackage/",)),
    Format("the graph of an OpenVINO network (.xml)", SOURCE,
           rb"(?:\xef\xbb\xbf)?\s*(?:<\?xml[^>]*>)?\s*<net\s"),
    Format("an OpenVINO network (.xml, .bin)", SOURCE,
           files=(r"\.xml$", r"^(?!.*pytorch_model).*\.bin$")),
    Format("a TensorRT engine, which is compiled for one kind of GPU", SOURCE,
           rb"(?:.{4}\{.{1,4000}\})?[fp]trt"),
    Format("an ExecuTorch program (.pte)", SOURCE, rb".{4}ET\d\d"),
    Format("an ncnn network (.param)", SOURCE, rb"7767517\s"),
    Format("an RKNN network", SOURCE, rb"RKNN"),
    Format("an MXNet file (.params)", SOURCE, rb"\x12\x01\x00{6}"),
    Format("a Darknet file (.weights)", SOURCE, rb"\x00{4}\x02\x00{3}[\x00-\x05]\x00{3}"),
    Format("a MATLAB file", SOURCE, rb"MATLAB 5\.0"),
    Format(
        "a NumPy array",
        "Save arrays under the names of the network: torch.save({name: torch.from_numpy(array) "
        "for ...}, 'weights.pth').",
        rb"\x93NUMPY",
    ),
    Format("the index of a checkpoint in several files: which tensor is in which", WHOLE,
           rb"\s*\{.*\"weight_map\"\s*:"),
    Format("the configuration of an adapter (PEFT), without weights",
           f"Merge the adapter into its base: {MERGE}.", rb"\s*\{.*\"peft_type\"\s*:"),
    Format("the configuration of a network of transformers, without its weights", WHOLE,
           rb"\s*\{.*\"(?:architectures|model_type)\"\s*:"),
    Format("one process's part of a DeepSpeed optimizer (zero_pp_rank_*)", ZERO,
           keys=(r"optimizer_state_dict", r"ds_(config|version)")),
    Format("a DeepSpeed folder, whose weights are spread over its files", ZERO,
           files=(r"zero_pp_rank_\d+_mp_rank_\d+_model_states\.pt$"
                  r"|(^|/)mp_rank_0[1-9]_model_states\.pt$",)),
    Format("one process's part of a network sharded by FSDP", FSDP,
           files=(r"[._-]rank[_-]?\d+\.(pt|pth|ckpt|bin)$",)),
    Format(
        "a network of transformers in several pickles (pytorch_model-00001-of-...bin)",
        "Write it as safetensors: from_pretrained(FOLDER).save_pretrained(OTHER), and upload a ZIP "
        "of that folder.",
        files=(r"-\d{5}-of-\d{5}\.bin$",),
    ),
)  # fmt: skip


def by_bytes(head: bytes) -> Format | None:
    """The format that begins so; None where none does."""
    found = (f for f in FORMATS if f.head and re.match(f.head, head, re.DOTALL))
    return next(found, None)


def by_files(names: Iterable[str]) -> Format | None:
    """The format whose files these are."""
    return _all_found(names, "files")


def by_keys(keys: Iterable[str]) -> Format | None:
    """The format whose dict has these keys."""
    return _all_found(keys, "keys")


def _all_found(names: Iterable[str], kind: str) -> Format | None:
    known = [name for name in names if not name.startswith("__MACOSX")]
    for one in FORMATS:
        patterns: tuple[str, ...] = getattr(one, kind)
        if patterns and all(any(re.search(p, name) for name in known) for p in patterns):
            return one
    return None
