"""Why all keys begin with the same word, as a sentence."""

from __future__ import annotations

WRITTEN_BY = {
    "module.": "written from DataParallel or DistributedDataParallel",
    "model.": "written by Lightning, or from a class that keeps its network as self.model",
    "net.": "written from a class that keeps its network as self.net",
    "network.": "written from a class that keeps its network as self.network",
    "_orig_mod.": "written from a network that went through torch.compile",
    "ema_model.": "the averaged copy of the weights (EMA)",
    "model_ema.": "the averaged copy of the weights (EMA)",
    "student.": "the student of a teacher and a student",
    "segmentor.": "written from a class that keeps its network as self.segmentor",
}


def reason_for(prefix: str) -> str:
    """What the beginning of all keys tells; "" for none.

    Args:
        prefix: what was stripped: "module.model.".
    """
    parts, rest = [], prefix
    while rest:
        step = next((p for p in WRITTEN_BY if rest.startswith(p)), rest)
        parts.append(WRITTEN_BY.get(step, "written from a class around the network"))
        rest = rest[len(step) :]
    return f"All keys start with {prefix}: {', and '.join(parts)}" if parts else ""
