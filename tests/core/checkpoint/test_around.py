"""What people put around a checkpoint: compression, tar, and folders of several processes."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import tarfile
import zipfile

import pytest
import torch
import torch.distributed.checkpoint as dcp

from core.errors import CheckpointError, RefusedError
from tests.conftest import saved, zipped

pytestmark = pytest.mark.filterwarnings("ignore")  # of one process, torch.distributed warns


def weights():
    generator = torch.Generator().manual_seed(0)
    return {"conv.weight": torch.randn(4, 3, 3, 3, generator=generator), "conv.bias": torch.ones(4)}


def same(found):
    assert set(found) == set(weights())
    assert all(torch.equal(found[name], tensor) for name, tensor in weights().items())


def tar(files):
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        for name, content in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
    return buffer.getvalue()


def zstd(content):
    return pytest.importorskip("zstandard").ZstdCompressor().compress(content)


@pytest.mark.parametrize(
    ("pack", "container"),
    [
        (gzip.compress, "zip pickle in a gzip archive"),
        (bz2.compress, "zip pickle in a bzip2 archive"),
        (lzma.compress, "zip pickle in an xz archive"),
        (zstd, "zip pickle in a Zstandard archive"),
        (
            lambda it: tar({"./run/best.pth": it, "run/log.txt": b"x"}),
            "zip pickle in a tar archive",
        ),
        (
            lambda it: gzip.compress(tar({"run/best.pth": it})),
            "zip pickle in a tar archive in a gzip archive",
        ),
    ],
)
def test_a_packed_checkpoint_opens(read, pack, container):
    checkpoint = read(pack(saved({"state_dict": weights(), "epoch": 3})))

    same(checkpoint.tensors)
    assert checkpoint.container == container
    assert checkpoint.metadata["epoch"] == 3


def test_a_tar_of_two_networks_is_not_guessed_between(read):
    with pytest.raises(CheckpointError, match=r"2 files with weights: a\.pth, b\.pth"):
        read(tar({"a.pth": b"x", "b.pth": b"y"}))


def test_what_grows_beyond_what_weights_can_is_refused(read):
    with pytest.raises(RefusedError, match="weights never do"):
        read(gzip.compress(bytes(300 * 2**20), 1))


def test_what_is_packed_again_and_again_is_refused(read):
    content = saved(weights())
    for _ in range(4):
        content = gzip.compress(content)
    with pytest.raises(CheckpointError, match="compressed more than"):
        read(content)


@pytest.mark.parametrize("pack", [gzip.compress, bz2.compress, lzma.compress, zstd])
def test_a_packed_file_that_breaks_off_is_damaged(read, pack):
    content = pack(saved(weights()))
    with pytest.raises(CheckpointError, match="truncated or damaged"):
        read(content[: len(content) // 2])


def test_a_link_in_a_tar_leads_nowhere(read):
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        info = tarfile.TarInfo("best.pth")
        info.type, info.linkname = tarfile.SYMTYPE, "/etc/passwd"
        archive.addfile(info)
    with pytest.raises(CheckpointError):
        read(buffer.getvalue())


# --- several processes ----------------------------------------------------------------------------


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """What torch.distributed.checkpoint writes, by file name."""
    place = tmp_path_factory.mktemp("dcp")
    moments = {"conv.weight": {"exp_avg": torch.zeros(4, 3, 3, 3)}}
    dcp.save({"model": weights(), "optim": {"state": moments}, "epoch": 3}, checkpoint_id=place)
    return {f"run/{path.name}": path.read_bytes() for path in place.iterdir()}


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("pack", [zipped, lambda files: gzip.compress(tar(files))])
def test_a_folder_of_torch_distributed_opens(read, folder, pack):
    checkpoint = read(pack(folder))

    same(checkpoint.tensors)
    assert checkpoint.wrapper == ("model",)
    assert checkpoint.container.startswith("distributed checkpoint")


def test_a_folder_without_its_index_is_named(read, folder):
    files = {name: content for name, content in folder.items() if ".metadata" not in name}
    with pytest.raises(CheckpointError, match=r"\.metadata, which says what they are, is not here"):
        read(zipped(files))


def test_a_file_of_the_folder_that_is_missing_is_named(read, folder):
    files = {name: content for name, content in folder.items() if ".metadata" in name}
    with pytest.raises(CheckpointError, match="is not here"):
        read(zipped({**files, "run/__9_0.distcp": b"x"}))


def test_a_tensor_in_pieces_is_put_together(tmp_path):
    import mmap

    from core.checkpoint.canonical import write_canonical
    from core.checkpoint.tensors import DTYPES, TensorRecord

    whole = torch.arange(24, dtype=torch.float32).reshape(4, 6)
    parts = [((0, 0), whole[:, :2]), ((0, 2), whole[:3, 2:]), ((3, 2), whole[3:, 2:])]
    content, pieces = b"", []
    for begins, part in parts:
        shape = tuple(part.shape)
        record = TensorRecord(DTYPES["float32"], shape, (shape[1], 1), len(content))
        pieces.append((begins, record))
        content += part.contiguous().numpy().tobytes()
    (tmp_path / "data").write_bytes(content)
    record = TensorRecord(DTYPES["float32"], (4, 6), (6, 1), 0, pieces=tuple(pieces))
    with (tmp_path / "data").open("rb") as file:
        data = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        write_canonical({"w": record}, data, tmp_path / "out.safetensors")

    from safetensors.torch import load_file

    assert torch.equal(load_file(tmp_path / "out.safetensors")["w"], whole)


def test_a_zip_with_one_piece_alone_is_named(read):
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("__0_0.distcp", b"x")
    with pytest.raises(CheckpointError, match="several processes"):
        read(buffer.getvalue())


def test_a_folder_that_holds_no_tensor_says_so(read, tmp_path):
    dcp.save({"epoch": 3}, checkpoint_id=tmp_path / "dcp")
    files = {path.name: path.read_bytes() for path in (tmp_path / "dcp").iterdir()}

    with pytest.raises(CheckpointError, match="holds no tensors"):
        read(zipped(files))


def test_one_file_of_the_folder_alone_is_named(read, folder):
    piece = next(content for name, content in folder.items() if name.endswith(".distcp"))

    with pytest.raises(CheckpointError, match=r"one file of a checkpoint of several processes"):
        read(piece)
