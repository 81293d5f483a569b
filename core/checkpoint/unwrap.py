"""Where the weights are in a file's content, and what is written before every key."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch

from core.errors import CheckpointError

# In this order: who saves both means the first (../shared/design/checkpoints.md, section 1).
WRAPPERS = ("model", "state_dict", "model_state_dict", "model_state", "net", "network_weights")
PREFIXES = (
    "module.",  # DataParallel, DistributedDataParallel
    "model.",  # Lightning
    "net.",
    "network.",
    "_orig_mod.",  # torch.compile
    "ema_model.",
    "model_ema.",
    "student.",
    "segmentor.",
)
MAX_DEPTH = 4  # a wrapper in a wrapper is real; deeper is not
NOT_WEIGHTS = frozenset({"n_averaged"})  # the counter of torch.optim.swa_utils.AveragedModel
SAVE = 'torch.save(model.state_dict(), "weights.pth")'


@dataclass(frozen=True, eq=False)
class Found:
    """The weights, and what is around them."""

    tensors: dict[str, torch.Tensor]
    wrapper: tuple[str, ...]
    prefix: str
    others: dict[str, str]


def unwrap(content: Any) -> Found:
    """Go down to the weights and strip the prefixes that all keys share.

    Raises:
        CheckpointError: there are no weights; the message says what is there instead.
    """
    if not isinstance(content, Mapping):
        raise _no_weights(content)
    wrapper: list[str] = []
    others: dict[str, str] = {}
    inner: Mapping[Any, Any] = content
    while (step := _wrapper_in(inner)) and len(wrapper) < MAX_DEPTH:
        others |= _others(inner, wrapper, leave=step)
        wrapper.append(step)
        inner = inner[step]
    tensors = {key: _plain(value) for key, value in inner.items() if _is_weight(key, value)}
    if not tensors or _is_optimizer(inner):
        raise _no_weights(content)
    others |= _others(inner, wrapper, leave=None)
    tensors, prefix = _strip(tensors)
    return Found(tensors, tuple(wrapper), prefix, others)


def _wrapper_in(content: Mapping[Any, Any]) -> str | None:
    """The entry to go into: a known name, else the one with the most tensors; None stays here."""
    inside = {
        key: _count(value)
        for key, value in content.items()
        if isinstance(key, str) and isinstance(value, Mapping) and not _is_optimizer(value)
    }
    known = [key for key in WRAPPERS if inside.get(key)]
    if known:
        return known[0]
    here = sum(_is_weight(key, value) for key, value in content.items())
    best = max(inside, key=lambda key: inside[key], default=None)
    return best if best is not None and inside[best] > here else None


def _count(content: Mapping[Any, Any]) -> int:
    """How many tensors are in a mapping and in those inside it; each mapping counts once."""
    seen: dict[int, None] = {id(content): None}  # a pickle may hold a dict that holds itself
    level, total = [content], 0
    for _ in range(MAX_DEPTH):
        deeper = []
        for mapping in level:
            total += sum(_is_weight(key, value) for key, value in mapping.items())
            deeper += [value for value in mapping.values() if _is_new(value, seen)]
        level = deeper
    return total


def _is_new(value: Any, seen: dict[int, None]) -> bool:
    if not isinstance(value, Mapping) or id(value) in seen or _is_optimizer(value):
        return False
    seen[id(value)] = None
    return True


def _is_weight(key: Any, value: Any) -> bool:
    """A tensor with a name and with numbers in it; sparse and quantized ones are not run here."""
    return (
        isinstance(key, str)
        and key not in NOT_WEIGHTS
        and isinstance(value, torch.Tensor)
        and value.layout == torch.strided
        and not (value.is_meta or value.is_quantized or value.is_complex())
    )


def _plain(value: torch.Tensor) -> torch.Tensor:
    return value.detach()


def _is_optimizer(content: Mapping[Any, Any]) -> bool:
    return "param_groups" in content and "state" in content


def _strip(tensors: dict[str, torch.Tensor]) -> tuple[dict[str, torch.Tensor], str]:
    prefix = ""
    while shared := _shared_prefix(tensors):
        prefix += shared
        tensors = {key.removeprefix(shared): value for key, value in tensors.items()}
    return tensors, prefix


def _shared_prefix(tensors: dict[str, torch.Tensor]) -> str:
    for prefix in PREFIXES:
        if all(key.startswith(prefix) and key != prefix for key in tensors):
            return prefix
    return ""


# --- in words -------------------------------------------------------------------------------------


def _others(content: Mapping[Any, Any], path: list[str], *, leave: str | None) -> dict[str, str]:
    return {
        "/".join([*path, str(key)[:80]]): describe(value)
        for key, value in content.items()
        if key != leave and (leave is not None or not _is_weight(key, value))
    }


def describe(value: Any) -> str:
    """What an entry is, in a few words."""
    if isinstance(value, torch.Tensor):
        return f"tensor {tuple(value.shape)} of {str(value.dtype).removeprefix('torch.')}"
    if isinstance(value, Mapping):
        return f"dict of {_plural(len(value), 'entry', 'entries')}"
    if isinstance(value, list | tuple | set):
        return f"{type(value).__name__} of {_plural(len(value), 'entry', 'entries')}"
    if isinstance(value, bool) or value is None:
        return str(value)
    if isinstance(value, int | float):
        return f"number {value!r:.40}"
    return f"text {value!r:.60}" if isinstance(value, str) else type(value).__name__


def _plural(count: int, one: str, many: str) -> str:
    return f"{count} {one if count == 1 else many}"


def _no_weights(content: Any) -> CheckpointError:
    if isinstance(content, Mapping) and _holds_optimizer(content):
        return CheckpointError(
            "The file holds an optimizer's state only, not the weights of a network.",
            remedy=f"Save the network's weights where it was trained: {SAVE}",
        )
    if isinstance(content, Mapping):
        keys = ", ".join(str(key)[:40] for key in list(content)[:5])
        what = f"a dict without weights (its entries: {keys})" if keys else "an empty dict"
    elif isinstance(content, torch.Tensor):
        what = f"one {describe(content)} without a name"
    else:
        what = f"only {describe(content)}"
    return CheckpointError(
        f"The file can be read, but it holds {what}, not the weights of a network.",
        remedy=f"Save the network's weights where it was trained: {SAVE}",
    )


def _holds_optimizer(content: Mapping[Any, Any]) -> bool:
    values = [value for value in content.values() if isinstance(value, Mapping)]
    return _is_optimizer(content) or any(_is_optimizer(value) for value in values)
