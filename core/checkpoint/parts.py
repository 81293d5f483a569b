"""Which keys of one dict are one network: sets of weights beside each other, and what is left over.

A training script wraps its network (`model.`, `teacher.`, `ema_model.module.`) and keeps beside it
what the training needs: a loss, metrics, the mean and std of the pictures. Only names and shapes
are looked at. A word tells what a group may be, and layers beside it take that back: `model.`
beside `head.weight` is one network, `model.` beside `val_iou.confmat` is wrapped.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from math import prod

Shape = tuple[int, ...]
Shapes = Mapping[str, Shape]

# By the words that the name of a wrapped network is made of: in which order several are meant.
NETWORK = frozenset(
    {"model", "net", "network", "module", "segmentor", "segmentation", "seg", "orig", "mod", "raw"}
    | {"wrapped", "main", "unwrapped", "generator", "s", "t", "m"}
)
STUDENT = frozenset({"student", "online", "s"})
AVERAGED = frozenset({"ema", "swa", "averaged", "average", "avg", "momentum", "shadow"})
TEACHER = frozenset({"teacher", "target", "t"})
ROLES = NETWORK | STUDENT | AVERAGED | TEACHER
TRAINING_ONLY = frozenset(
    {"criterion", "criteria", "criterions", "loss", "losses", "metric", "metrics", "meter", "iou"}
    | {"miou", "jaccard", "dice", "acc", "accuracy", "f1", "confmat", "confusion", "auroc"}
    | {"precision", "recall", "kappa", "discriminator", "discriminators", "optimizer", "optim"}
    | {"scheduler", "perceptual", "lpips", "adversarial"}
)
PARTS_OF_A_NETWORK = frozenset(
    {"backbone", "encoder", "decoder", "features", "feature", "extractor", "trunk", "stem", "body"}
    | {"base", "layers", "blocks", "head", "heads", "classifier", "neck", "transformer", "vit"}
    | {"segformer", "swin", "beit", "dpt", "resnet", "bert", "embeddings", "image", "vision"}
)
HEAD = re.compile(  # the name of what makes the classes: only a whole network has one
    r"(\w+_)?(heads?|classifier|logits?|predictor|outc|out_?conv|conv_?(out|last|seg)|final\w*)$"
)
LAYER = re.compile(r"(^|\.)(weight|weight_(v|orig)|parametrizations\.weight\.\w+|in_proj_weight)$")
SAME_SHARE = 0.5  # of the names: from here on it is the same network again
TWIN_TENSORS = 20  # fewer are a block, not a network
DEEPEST = 8  # wrappers in wrappers


@dataclass(frozen=True)
class Part:
    """Keys of one network."""

    name: str  # "" where the dict holds one network, "teacher" where it holds several
    prefix: str  # what its keys begin with: "teacher.module."
    keys: tuple[str, ...]  # as in the file, in its order
    rank: int  # the smaller is meant rather


def parts_in(shapes: Shapes) -> list[Part]:
    """Every network in a dict, the one that is meant first; what no part has is left over.

    Args:
        shapes: of all tensors of the dict by name.
    """
    found = list(_parts(shapes, "", "", 0))
    if not found:
        return [Part("", _shared(shapes), tuple(shapes), 0)]
    sizes = {part.name: sum(prod(shapes[key]) for key in part.keys) for part in found}
    return sorted(found, key=lambda part: (part.rank, -sizes[part.name]))


def role_rank(name: str) -> int | None:
    """In which order a set of weights of this name is meant; None for a name that is no wrapper's.

    A plain network is 0, a student 1, an average 2, a teacher 3.
    """
    words = _words(name)
    if not words or not words <= ROLES | {"mean"} or words <= {"mean", "s", "t", "m"}:
        return None
    for rank, roles in ((3, TEACHER), (2, AVERAGED), (1, STUDENT)):
        if words & roles:
            return rank
    return 0


def _words(name: str) -> set[str]:
    return {word for word in re.split(r"[^a-z0-9]+", name.lower()) if word and not word.isdigit()}


def _parts(shapes: Shapes, prefix: str, name: str, rank: int) -> Iterator[Part]:
    """The networks below a prefix; none where there is no layer."""
    groups = _groups(shapes, prefix)
    wrapped = {
        word: keys
        for word, keys in groups.items()
        if role_rank(word) is not None and _has_layers(shapes, keys)
    }
    own = {word: keys for word, keys in groups.items() if word not in wrapped and not _aside(word)}
    layered = [word for word, keys in own.items() if _has_layers(shapes, keys)]
    if len(layered) == 1 and _is_wrapper(shapes, f"{prefix}{layered[0]}."):
        wrapped[layered[0]] = own.pop(layered[0])
    here = [key for keys in own.values() for key in keys]
    if not _has_layers(shapes, here):
        inner = wrapped
    elif twins := _twins(shapes, prefix, own, here):
        inner = {**wrapped, **twins}
    else:
        inner = {w: k for w, k in wrapped.items() if _again(k, f"{prefix}{w}.", here, prefix)}
        kept = [*here, *(key for w, keys in wrapped.items() if w not in inner for key in keys)]
        named = name or "the network itself" * bool(inner)
        yield Part(named, prefix, _in_order(shapes, kept), rank)
    several = len(inner) + _has_layers(shapes, here) > 1
    for word in inner if prefix.count(".") < DEEPEST else ():
        below = "/".join(filter(None, (name, word))) if several else name
        own_shapes = {key: shapes[key] for key in inner[word]}
        yield from _parts(own_shapes, f"{prefix}{word}.", below, max(rank, role_rank(word) or 0))


def _shared(shapes: Shapes) -> str:
    """The wrappers that all names begin with."""
    prefix = ""
    for _ in range(DEEPEST):
        words = list(_groups(shapes, prefix))  # none where the file has no tensors
        if len(words) != 1 or role_rank(words[0]) is None or prefix + words[0] in shapes:
            break
        prefix += f"{words[0]}."
    return prefix


def _groups(shapes: Shapes, prefix: str) -> dict[str, list[str]]:
    """Keys below a prefix by their next word; those of tensors right there by their whole name."""
    groups: dict[str, list[str]] = {}
    for key in shapes:
        if key.startswith(prefix):
            groups.setdefault(key[len(prefix) :].partition(".")[0], []).append(key)
    return groups


def _aside(word: str) -> bool:
    """Whether it is of the training alone: a loss, a metric."""
    return bool(_words(word) & TRAINING_ONLY)


def is_layer(key: str) -> bool:
    """Whether a tensor of this name is the weight of a layer, if it has two dimensions or more."""
    return LAYER.search(key) is not None


def _is_wrapper(shapes: Shapes, start: str) -> bool:
    """Whether the attribute that holds all layers is a network, and no part of one.

    A part's name, as `backbone`, is believed where nothing inside makes classes.
    """
    inner = _groups(shapes, start)
    named = [w for w, keys in inner.items() if not w.isdigit() and _has_layers(shapes, keys)]
    if len(named) == 1 and role_rank(named[0]) is not None and start.count(".") < DEEPEST:
        return _is_wrapper(shapes, f"{start}{named[0]}.")
    last = start.rstrip(".").rpartition(".")[2]
    is_whole = any(map(HEAD.match, named)) and not HEAD.match(last)
    return len(named) > 1 and (is_whole or not _words(start) & PARTS_OF_A_NETWORK)


def _has_layers(shapes: Shapes, keys: Iterable[str]) -> bool:
    return any(len(shapes[key]) > 1 and is_layer(key) for key in keys)


def _again(keys: list[str], start: str, here: list[str], prefix: str) -> bool:
    """Whether these are, below some wrappers more, the names that are there without them."""
    names = {key[len(prefix) :] for key in here}
    for _ in range(DEEPEST):
        inner = {key[len(start) :] for key in keys if key.startswith(start)}
        if len(inner & names) >= SAME_SHARE * max(len(inner), len(names)):
            return True
        first = {key.partition(".")[0] for key in inner}
        if len(first) != 1:
            return False
        start += f"{first.pop()}."
    return False


def _twins(
    shapes: Shapes, prefix: str, own: Mapping[str, list[str]], here: list[str]
) -> dict[str, list[str]]:
    """Groups that are alike, name by name and shape by shape, and all there is; {} for none."""
    layered = {word: keys for word, keys in own.items() if _has_layers(shapes, keys)}
    inner = [
        {key[len(prefix) + len(word) :]: shapes[key] for key in keys}
        for word, keys in layered.items()
    ]
    alike = len(inner) > 1 and all(each == inner[0] for each in inner[1:])
    whole = alike and len(inner[0]) >= TWIN_TENSORS
    return layered if whole and not any(word.isdigit() for word in layered) else {}


def _in_order(shapes: Shapes, keys: Iterable[str]) -> tuple[str, ...]:
    wanted = set(keys)
    return tuple(key for key in shapes if key in wanted)
