"""A process of its own whose engine computes on a cluster: `python -m tests.support.far ray://...`."""

from __future__ import annotations

import hashlib
import json
import os
import signal
import sys

from core.architectures import build_network
from core.checkpoint import read_checkpoint
from core.engine import Engine, in_this_thread
from core.engine.remote import Remote
from core.image import decode_image
from core.inspection import run_stages
from core.settings import Settings, change
from examples import FOLDER, SCENES

WAIT_SECONDS = 240.0


def main(address: str) -> dict[str, object]:
    """Forwards here and there, and after the worker was killed; their logits by digest."""
    path = FOLDER / "zoo" / "lraspp_mean.pth"
    network = build_network(read_checkpoint(path, name=path.name, digest="lraspp"))
    image = decode_image(SCENES[0].read_bytes())
    place = Remote(address)
    worker = place.connected(WAIT_SECONDS)
    if worker is None:
        raise SystemExit(f"Forwards are computed {place.in_words}.")

    def answers(door):
        made = [
            run_stages(image, network, settings, forward=door)
            for settings in (
                Settings(),
                change(Settings(), flip="horizontal"),
                change(Settings(), dtype="bfloat16"),
            )
        ]
        digests = [hashlib.sha256(one.logits.values.tobytes()).hexdigest() for one in made]
        return digests, [note for one in made for note in one.logits.notes]

    here, _ = answers(in_this_thread)
    there, notes = answers(Engine(place=lambda: place).runner())
    pid = worker.ray.get(worker.actor.process.remote())
    os.kill(pid, signal.SIGKILL)
    again, later = answers(Engine(place=lambda: place).runner())
    new = worker.ray.get(worker.actor.process.remote())
    told = {"here": here, "there": there, "again": again, "notes": notes + later}
    return {**told, "another": new != pid, "mine": os.getpid() != pid, "where": place.in_words}


if __name__ == "__main__":
    print(json.dumps(main(sys.argv[1])))
