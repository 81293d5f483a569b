"""How the server is: one word for everybody, and figures for those who have the token."""

from __future__ import annotations

import logging
import os
import platform
import shutil
import sys
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sqlalchemy import func, select
from starlette.concurrency import run_in_threadpool
from starlette.responses import JSONResponse, PlainTextResponse
from starlette.routing import Route

from core.engine import load
from core.store.tables import BLOBS
from core.timing import quantiles, stages
from core.version import VERSION

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.responses import Response

    from core.store import Store

LOW_DISK = 2**30  # bytes; below this an upload may not fit any more
UNAVAILABLE = 503


@dataclass(frozen=True, eq=False)
class Health:
    """What is known of this server."""

    folder: Path  # of what is kept on this disk
    store: Store
    answers: Counter[int] = field(default_factory=Counter)  # by status
    started: float = field(default_factory=time.time)

    def routes(self, base: str) -> list[Route]:
        """Answer below `base`: `/healthz` to everybody, the others to those who get that far."""
        return [
            Route(f"{base}/healthz", _alive),
            Route(f"{base}/healthz/details", self._details),
            Route(f"{base}/metrics", self._metrics),
        ]

    async def _details(self, _: Request) -> Response:
        facts = await run_in_threadpool(self.facts)  # a slow disk must not stop the others
        return JSONResponse(facts, 200 if facts["ok"] else UNAVAILABLE)

    async def _metrics(self, _: Request) -> Response:
        text = exposition(await run_in_threadpool(self.facts), self.answers)
        return PlainTextResponse(text, media_type="text/plain; version=0.0.4")

    def facts(self) -> dict[str, Any]:
        """Version, queue and disk, now."""
        disk = shutil.disk_usage(_existing(self.folder))
        writable = os.access(_existing(self.folder), os.W_OK)
        queue, kept = load(), stored(self.store)
        return {
            "ok": writable and disk.free >= LOW_DISK and kept["answers"],
            "version": VERSION,
            "streamlit": version("streamlit"),
            "torch": version("torch"),
            "python": platform.python_version(),
            "uptime_seconds": round(time.time() - self.started, 1),
            "queue": {
                "running": queue.running,
                "waiting": queue.waiting,
                "done": queue.forwards,
                "kept": queue.kept,
                "seconds": {lane: _quantiles(took) for lane, took in queue.seconds.items() if took},
            },
            "stages": {stage: _quantiles(took) for stage, took in stages().items() if took},
            "disk": {"free_bytes": disk.free, "total_bytes": disk.total, "writable": writable},
            "store": kept,
            "memory_bytes": _memory(),
        }


def stored(store: Store) -> dict[str, Any]:
    """What is kept, and whether database and bucket answer."""
    facts = {"database": store.engine.dialect.name, "answers": False, "files": 0, "bytes": 0}
    try:
        with store.engine.connect() as rows:
            files, size = rows.execute(select(func.count(), func.sum(BLOBS.c.size))).one()
        next(store.blobs.read("0" * 64))  # nobody has it; who can say so answers
    except FileNotFoundError:
        return facts | {"answers": True, "files": files, "bytes": int(size or 0)}
    except Exception as error:  # whatever a driver raises: it does not answer
        logging.getLogger(__name__).warning("the store does not answer: %s", type(error).__name__)
    return facts


def _quantiles(took: Sequence[float]) -> dict[str, float]:
    return {str(share): round(seconds, 4) for share, seconds in quantiles(took).items()}


def _existing(folder: Path) -> Path:
    return next(path for path in (folder, *folder.parents) if path.exists())


def _memory() -> int:
    """How much of the machine's memory this process holds, in bytes."""
    import resource

    if (statm := Path("/proc/self/statm")).exists():
        return int(statm.read_text().split()[1]) * resource.getpagesize()
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024


async def _alive(_: Request) -> Response:
    return PlainTextResponse("ok\n", headers={"cache-control": "no-store"})


def exposition(facts: dict[str, Any], answers: Counter[int]) -> str:
    """Write the figures in Prometheus's text format."""
    queue, disk, kept = facts["queue"], facts["disk"], facts["store"]
    lines = [
        *_metric("build_info", "gauge", "The version.", {f'{{version="{facts["version"]}"}}': 1}),
        *_metric("up_seconds", "gauge", "Since the start.", {"": facts["uptime_seconds"]}),
        *_metric("healthy", "gauge", "Whether uploads can be kept.", {"": int(facts["ok"])}),
        *_metric("forwards_running", "gauge", "Forwards that run.", {"": queue["running"]}),
        *_metric("forwards_waiting", "gauge", "Forwards that wait.", {"": queue["waiting"]}),
        *_metric("forwards_total", "counter", "Forwards since the start.", {"": queue["done"]}),
        *_metric("answers_kept_total", "counter", "Without a forward.", {"": queue["kept"]}),
        *_metric(
            "forward_seconds",
            "gauge",
            "From the question to the answer, of the last ones.",
            _by_quantile("lane", queue["seconds"]),
        ),
        *_metric(
            "stage_seconds",
            "gauge",
            "What each stage took, of the last times.",
            _by_quantile("stage", facts["stages"]),
        ),
        *_metric("disk_free_bytes", "gauge", "Where uploads are kept.", {"": disk["free_bytes"]}),
        *_metric("store_answers", "gauge", "Database, bucket.", {"": int(kept["answers"])}),
        *_metric("store_files", "gauge", "Uploads that are kept.", {"": kept["files"]}),
        *_metric("store_bytes", "gauge", "All of them together.", {"": kept["bytes"]}),
        *_metric("memory_bytes", "gauge", "Held by this process.", {"": facts["memory_bytes"]}),
        *_metric(
            "answers_total",
            "counter",
            "Answers by status.",
            {f'{{status="{status}"}}': count for status, count in sorted(answers.items())},
        ),
    ]
    return "\n".join(lines) + "\n"


def _by_quantile(label: str, took: dict[str, dict[str, float]]) -> dict[str, float]:
    return {
        f'{{{label}="{name}",quantile="{quantile}"}}': seconds
        for name, each in took.items()
        for quantile, seconds in each.items()
    }


def _metric(name: str, kind: str, meaning: str, values: dict[str, float]) -> list[str]:
    head = [f"# HELP maskscope_{name} {meaning}", f"# TYPE maskscope_{name} {kind}"]
    return head + [f"maskscope_{name}{label} {value}" for label, value in values.items()]
