"""The containers of torch.save: a zip with data.pkl, and the row of pickles before torch 1.6."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path
from typing import Any

from core.checkpoint.pickled_names import PickledNames, names_in
from core.checkpoint.policy import is_dangerous, refuse_names
from core.checkpoint.sniff import REMEDY, TORCH_MAGIC, ZIP
from core.errors import CheckpointError, RefusedError

MAX_ENTRIES = 50_000  # of a zip; the largest vision checkpoints have a few thousand
MAX_PICKLE_BYTES = 64 * 2**20  # data.pkl holds names and shapes, not numbers
LEGACY_PICKLES = 5  # magic number, protocol, system, content, storage keys
SCRIPT_REMEDY = (
    "Upload its weights instead:\n"
    'model = torch.jit.load("old.pt")\n'
    'torch.save(model.state_dict(), "weights.pth")'
)
EXPORT_REMEDY = (
    "Upload its weights instead:\n"
    'program = torch.export.load("old.pt2")\n'
    'torch.save(program.state_dict, "weights.pth")'
)
DAMAGED_REMEDY = "Copy or download it again, and compare its size with the original."


def load_torch(path: Path, container: str) -> Any:
    """Read the content: values, dicts and tensors on the CPU.

    Raises:
        CheckpointError: damaged, or holding something that is not opened.
        RefusedError: it asks for code to be run.
    """
    pickled = _zip_names(path) if container == ZIP else _legacy_names(path)
    refuse_names(pickled)
    return _load(path)


def _load(path: Path) -> Any:
    """Border to foreign code: whatever torch raises becomes a sentence."""
    import torch

    try:
        # No mmap: a file that changes under a map ends the server.
        return torch.load(path, map_location="cpu", weights_only=True)
    except Exception as exc:
        detail = (str(exc).strip().splitlines() or [type(exc).__name__])[0][:160]
        raise CheckpointError(
            f"The file is truncated or damaged: it cannot be read to its end ({detail}).",
            remedy=DAMAGED_REMEDY,
        ) from exc


# --- zip ------------------------------------------------------------------------------------------


def _zip_names(path: Path) -> PickledNames:
    try:
        with zipfile.ZipFile(path) as archive:
            entries = archive.infolist()
            pickle = _data_pickle(entries)
            _check_entries(archive, entries)
            return names_in(io.BytesIO(archive.read(pickle)))
    except (zipfile.BadZipFile, EOFError, ValueError, NotImplementedError, OSError) as exc:
        raise CheckpointError(
            "The file is a truncated or damaged zip container: its end is missing or unreadable.",
            remedy=DAMAGED_REMEDY,
        ) from exc
    except RuntimeError as exc:  # zipfile raises it for encrypted entries
        raise CheckpointError("The zip container is encrypted.", remedy=REMEDY) from exc


def _data_pickle(entries: list[zipfile.ZipInfo]) -> zipfile.ZipInfo:
    """The entry `name/data.pkl`; everything else that a zip can be is named and refused."""
    names = {entry.filename.partition("/")[2]: entry for entry in entries}
    if "constants.pkl" in names:
        raise CheckpointError(
            "This is a TorchScript program, which cannot be opened yet.", remedy=SCRIPT_REMEDY
        )
    if "archive_format" in names or any(name.startswith("models/") for name in names):
        raise CheckpointError(
            "This is an exported program (.pt2), which cannot be opened yet.", remedy=EXPORT_REMEDY
        )
    if "data.pkl" in names:
        return names["data.pkl"]
    raise _no_checkpoint([entry.filename for entry in entries])


def _no_checkpoint(files: list[str]) -> CheckpointError:
    inside = [name for name in files if name.endswith((".pth", ".pt", ".ckpt", ".safetensors"))]
    if "serialized_exported_program.json" in files:
        return CheckpointError(
            "This is an exported program (.pt2), which cannot be opened yet.", remedy=EXPORT_REMEDY
        )
    if inside:
        return CheckpointError(
            f"This is a zip archive around {inside[0][:80]}, not the checkpoint itself.",
            remedy="Unpack it and upload the file inside.",
        )
    shown = ", ".join(name[:40] for name in files[:3]) or "nothing"
    return CheckpointError(
        f"This is a zip archive but no checkpoint: it holds {shown}.", remedy=REMEDY
    )


def _check_entries(archive: zipfile.ZipFile, entries: list[zipfile.ZipInfo]) -> None:
    """Limits before anything is unpacked; torch itself does not check the checksums."""
    if len(entries) > MAX_ENTRIES:
        raise RefusedError(
            f"The file has {len(entries)} entries; at most {MAX_ENTRIES} are allowed.",
            remedy=REMEDY,
        )
    if any(entry.compress_type != zipfile.ZIP_STORED for entry in entries):
        raise RefusedError(
            "The zip container is compressed, which torch.save never does.",
            remedy="Upload the file as torch.save wrote it.",
        )
    if any(e.file_size > MAX_PICKLE_BYTES for e in entries if e.filename.endswith(".pkl")):
        raise RefusedError("The file's table of contents is too large.", remedy=REMEDY)
    if not any(entry.CRC for entry in entries):  # saved with set_crc32_options(False)
        for entry in entries:
            del entry.CRC  # zipfile then reads without comparing
    elif (damaged := archive.testzip()) is not None:
        raise zipfile.BadZipFile(damaged)


# --- legacy ---------------------------------------------------------------------------------------


def _legacy_names(path: Path) -> PickledNames:
    with path.open("rb") as file:
        from_torch = TORCH_MAGIC in file.read(32)
        file.seek(0)
        pickled = names_in(file, pickles=LEGACY_PICKLES if from_torch else 1)
    if from_torch or any(is_dangerous(name) for name in pickled.names):
        return pickled
    if not pickled.complete:
        raise CheckpointError("The file is a truncated or damaged pickle.", remedy=DAMAGED_REMEDY)
    raise CheckpointError(
        "This is a pickle, but torch.save did not write it.",
        remedy='Where it was made, save the weights with torch.save(weights, "weights.pth").',
    )
