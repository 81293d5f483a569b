"""Torchvision's own segmentation weights, by name."""

from __future__ import annotations

import hashlib
import uuid
from collections.abc import Callable
from dataclasses import replace
from http.client import HTTPException
from pathlib import Path
from typing import Any
from urllib.error import URLError
from urllib.request import urlopen

from core.checkpoint import Checkpoint, read_checkpoint
from core.errors import DownloadError

TIMEOUT = 5.0  # seconds without an answer or without a byte
CHUNK = 2**20  # bytes between two reports


def pretrained_names() -> tuple[str, ...]:
    """Names that `read_pretrained` takes, such as "deeplabv3_resnet50"."""
    from torchvision.models import list_models, segmentation

    return tuple(list_models(module=segmentation))


def read_pretrained(name: str, progress: Callable[[str], None]) -> Checkpoint:
    """Fetch the file unless it was fetched before, and read it through the one door.

    Returns:
        The checkpoint, with its class names as torchvision tells them.

    Raises:
        DownloadError: no such name, no network, or another file than announced.
    """
    weights = _weights(name)
    path = _cached(weights.url)
    if not path.exists():
        _download(weights.url, path, progress)
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    checkpoint = read_checkpoint(path, name=path.name, digest=digest, progress=progress)
    return replace(checkpoint, metadata={"categories": list(weights.meta["categories"])})


def _weights(name: str) -> Any:
    from torchvision.models import get_model_weights

    if name not in pretrained_names():
        raise DownloadError(
            f"Torchvision has no segmentation weights called {name[:80]!r}.",
            remedy=f"Choose one of {', '.join(pretrained_names())}.",
        )
    return get_model_weights(name).DEFAULT


def _cached(url: str) -> Path:
    """Where torch.hub keeps it, so that one download serves every program."""
    import torch

    return Path(torch.hub.get_dir()) / "checkpoints" / url.rpartition("/")[2]


def _download(url: str, path: Path, progress: Callable[[str], None]) -> None:
    """Fetch under another name, so that a broken download never has the file's name."""
    part = path.with_suffix(f".{uuid.uuid4().hex}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        _check_digest(url, _stream(url, part, progress))
        part.replace(path)
    except (OSError, HTTPException) as exc:  # URLError and timeouts are kinds of OSError
        reason = exc.reason if isinstance(exc, URLError) else exc
        raise DownloadError(
            f"Torchvision's weights cannot be fetched: {reason or 'no answer'}.",
            remedy=f"Connect the server to the network, or copy the file to {path.parent} "
            f"yourself: {url}",
        ) from exc
    finally:
        part.unlink(missing_ok=True)


def _stream(url: str, path: Path, progress: Callable[[str], None]) -> str:
    """Copy what the address sends; returns its SHA-256, hexadecimal."""
    digest, done = hashlib.sha256(), 0
    progress(f"Asking {url.split('/')[2]}")
    with urlopen(url, timeout=TIMEOUT) as answer, path.open("wb") as target:
        total = int(answer.headers.get("Content-Length") or 0)
        while chunk := answer.read(CHUNK):
            target.write(chunk)
            digest.update(chunk)
            done += len(chunk)
            progress(f"Fetching {done / 1e6:.0f} of {max(total, done) / 1e6:.0f} MB")
    return digest.hexdigest()


def _check_digest(url: str, digest: str) -> None:
    """The file's name ends with the first digits of its SHA-256: `...-cd0a2569.pth`."""
    announced = url.rpartition("-")[2].removesuffix(".pth")
    if not digest.startswith(announced):
        raise DownloadError(
            "Torchvision's weights arrived damaged: their checksum is not the announced one.",
            remedy="Try again; a proxy in between may have answered with a page of its own.",
        )
