"""PIDNet and DDRNet as mmsegmentation saves them: the same networks, every tensor renamed."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import replace

from core.architectures.network import Account, Network, Tensors
from core.architectures.shapes import has

HEADS = {"i_head": "final_layer", "p_head": "seghead_p", "d_head": "seghead_d",
         "head": "final_layer", "aux_head": "seghead_extra"}  # fmt: skip
LAST = {"conv_seg": "final_layer", "p_cls_seg": "seghead_p", "d_cls_seg": "seghead_d",
        "aux_cls_seg": "seghead_extra"}  # fmt: skip
BRANCHES = {"i": "", "p": "_", "d": "_d", "context": "", "spatial": "_"}  # ends of `layer3`, ...
PREPROCESSOR = "data_preprocessor."  # mean and std: no weights


def is_mmseg(tensors: Tensors) -> bool:
    """Whether the names are mmsegmentation's for one of the two networks."""
    return has(tensors, "backbone.spp.scales.", "decode_head.conv_seg.") and (
        has(tensors, "backbone.i_branch_layers.") or has(tensors, "backbone.spatial_branch_layers.")
    )


def as_originals(tensors: Tensors) -> Tensors:
    """The same tensors under the names of the repositories; others as they are."""
    if not is_mmseg(tensors):
        return tensors
    return {original_name(k): t for k, t in tensors.items() if not k.startswith(PREPROCESSOR)}


def in_its_own_names(network: Network, tensors: Tensors) -> Network:
    """The account in the names of the file; its script needs the class of mmsegmentation."""
    if not is_mmseg(tensors):
        return network
    own = {original_name(key): key for key in tensors}
    found = network.account
    unused = [own[name] for name in found.unexpected]
    unused += [key for key in tensors if key.startswith(PREPROCESSOR)]
    matched = tuple(own[name] for name in found.matched)
    account = Account(matched, found.missing, tuple(unused), found.wrong_shape)
    title = f"{network.architecture} of mmsegmentation"
    return replace(network, architecture=title, account=account, source=None)


def original_name(key: str) -> str:
    """What the repository calls the tensor; names that it has not stay.

    >>> original_name("backbone.i_branch_layers.0.1.conv2.bn.weight")
    'layer3.1.bn2.weight'
    """
    start, _, rest = key.partition(".")
    if start == "decode_head":
        return _of_a_head(rest)
    if start != "backbone":
        return key
    for pattern, name in PATTERNS.items():
        if match := re.match(pattern, rest):
            return _of_a_block(name(match) + rest[match.end() :])
    return _of_a_block(rest)


def _of_a_head(rest: str) -> str:
    head, _, part = rest.partition(".")
    if head in LAST:
        return f"{LAST[head]}.conv2.{part}"
    part = re.sub(r"^(?:conv|0)\.(conv|bn)\.", r"\g<1>1.", part)
    part = re.sub(r"^(?:norm|1)\.", "bn2.", part)
    return f"{HEADS.get(head, head)}.{part}"


def _of_a_block(rest: str) -> str:
    """Convolution and BatchNorm of a residual block, which are one child in mmcv."""
    rest = re.sub(r"\b(?:conv)(\d)\.(conv|bn)\.", r"\g<2>\g<1>.", rest)
    return re.sub(r"\bdownsample\.(conv|bn)\.", lambda m: f"downsample.{ORDER[m[1]]}.", rest)


ORDER = {"conv": 0, "bn": 1}  # in a row
BEFORE = {"bn": 0, "conv": 2}  # BatchNorm, ReLU, convolution


def _branch(match: re.Match[str]) -> str:
    return f"layer{3 + int(match[2])}{BRANCHES[match[1]]}"


PATTERNS: Mapping[str, Callable[[re.Match[str]], str]] = {  # of a name in the backbone
    r"stem\.([01])\.(conv|bn)\.": lambda m: f"conv1.{3 * int(m[1]) + ORDER[m[2]]}.",
    r"stem\.2\.": lambda m: "layer1.",
    r"stem\.4\.": lambda m: "layer2.",
    r"(i|p|d|context|spatial)_branch_layers\.(\d)": _branch,
    r"(compression|diff|down)_(\d)\.(conv|bn)\.": lambda m: f"{m[1]}{2 + int(m[2])}.{ORDER[m[3]]}.",
    r"down_2\.([01])\.(conv|bn)\.": lambda m: f"down4.{3 * int(m[1]) + ORDER[m[2]]}.",
    r"pag_(\d)\.f_([ip])\.(conv|bn)\.": lambda m: (
        f"pag{2 + int(m[1])}.f_{'x' if m[2] == 'p' else 'y'}.{ORDER[m[3]]}."
    ),
    r"dfm\.f_([ip])\.(conv|bn)\.": lambda m: f"dfm.conv_{m[1]}.{ORDER[m[2]]}.",
    r"dfm\.conv\.(conv|bn)\.": lambda m: f"dfm.conv.{BEFORE[m[1]]}.",
    r"spp\.scales\.0\.(conv|bn)\.": lambda m: f"spp.scale0.{BEFORE[m[1]]}.",
    r"spp\.scales\.(\d)\.1\.(conv|bn)\.": lambda m: f"spp.scale{m[1]}.{1 + BEFORE[m[2]]}.",
    r"spp\.processes\.(conv|bn)\.": lambda m: f"spp.scale_process.{BEFORE[m[1]]}.",
    r"spp\.processes\.(\d)\.(conv|bn)\.": lambda m: f"spp.process{1 + int(m[1])}.{BEFORE[m[2]]}.",
    r"spp\.(compression|shortcut)\.(conv|bn)\.": lambda m: f"spp.{m[1]}.{BEFORE[m[2]]}.",
}
