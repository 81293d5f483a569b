"""A rebuilt network: every tensor of the file accounted for, and how a script makes the same."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import torch

from core.architectures.class_scores import LOGITS, Scores
from core.architectures.sizes import Sizes
from core.errors import ArchitectureError

Tensors = Mapping[str, torch.Tensor]
COUNTER = ".num_batches_tracked"  # of BatchNorm; read only in training with momentum = None
STATISTICS = (".running_mean", ".running_var")
SHOWN = 5  # names in a message


@dataclass(frozen=True)
class Account:
    """Where every tensor went; all four empty but `matched` is the good case."""

    matched: tuple[str, ...]
    missing: tuple[str, ...]  # the network has it, the file has not
    unexpected: tuple[str, ...]  # the file has it, the network has not
    wrong_shape: tuple[str, ...]  # "key: file (21, 256, 1, 1), network (5, 256, 1, 1)"

    @property
    def fatal_missing(self) -> tuple[str, ...]:
        """The missing tensors without which the network's answer would be random."""
        return tuple(key for key in self.missing if not key.endswith(COUNTER))


@dataclass(frozen=True)
class Choice:
    """A fact that no tensor tells, and what was taken for it."""

    name: str  # "output stride"
    taken: str  # one of options
    options: tuple[str, ...]  # the stated default first
    source: str  # "default", "from the file" or "chosen"


@dataclass(frozen=True)
class Candidate:
    """A network that the tensors may be of."""

    family: str  # as it is chosen: "torchvision"
    architecture: str  # "DeepLabV3, ResNet-50"; "" where it cannot be built
    account: Account | None  # how many tensors fit, and the difference
    why: str  # it cannot be built, "" where it can


@dataclass(frozen=True)
class Source:
    """What a script writes to have this network."""

    imports: tuple[str, ...]
    lines: tuple[str, ...]  # they bind `network`, without weights
    heads: Mapping[str, str]  # by `Forwarding.head`: an expression of `network` and `x`
    needs: str = ""  # a package beside torch and torchvision
    renamed: tuple[tuple[str, str], ...] = ()  # beginnings of keys: in the file, in the network
    fills: bool = False  # the lines also put `weights` into it
    repository: str = ""  # whose code it is, where it is no package: "github.com/owner/name"
    functions: tuple[str, ...] = ()  # sources of what the lines and heads call


@dataclass(frozen=True, eq=False)
class Stem:
    """A convolution of the picture itself, and the statistics of the BatchNorm right behind it."""

    name: str  # of the convolution's weight in the file
    weight: torch.Tensor  # [k c h w]
    bias: torch.Tensor  # [k]
    mean: torch.Tensor  # [k], the running one
    var: torch.Tensor  # [k]


@dataclass(frozen=True, eq=False)
class Network:
    """A network ready to run: in eval mode, no gradients, channels last; shared, never changed."""

    module: torch.nn.Module
    architecture: str  # "DeepLabV3, ResNet-50"
    num_classes: int
    in_channels: int
    aux_classes: int | None  # class count of the aux head where the file has one
    account: Account
    checkpoint_digest: str
    class_names: tuple[str, ...] = ()  # where the source tells them
    choices: tuple[Choice, ...] = ()  # what keys cannot tell
    notes: tuple[str, ...] = ()  # facts for the page
    source: Source | None = None  # how a script makes it; None where no library does
    sizes: Sizes | None = None  # where the file tells which it takes; else only a trial does
    stem: Stem | None = None  # where a graph tells it; else the order of the tensors has to
    first_layers: torch.nn.Module | None = None  # up to BatchNorm, where the whole has no operators
    scores: Scores = LOGITS  # what its numbers are, where they are no head's logits
    silent_norm: str = ""  # why no BatchNorm tells of the training's input, where that is known

    def in_words(self) -> Iterator[str]:
        """What the weights were read as, what keys could not tell, and what is not run."""
        yield f"Read as {self.architecture}: {len(self.account.matched)} tensors matched."
        if self.choices:
            taken = ", ".join(f"{choice.name} {choice.taken}" for choice in self.choices)
            yield f"What the keys do not tell was taken as: {taken}."
        if unused := self.account.unexpected:
            count = (
                "1 tensor of the file is"
                if len(unused) == 1
                else f"{len(unused)} tensors of the file are"
            )
            yield f"{count} not used: {_shown(unused)}."
        yield from (f"{note.removesuffix('.')}." for note in self.notes)

    @property
    def listened(self) -> torch.nn.Module:
        """What is run to see what reaches BatchNorm."""
        return self.module if self.first_layers is None else self.first_layers


def choose(
    name: str, options: tuple[str, ...], chosen: Mapping[str, str], stated: str = ""
) -> Choice:
    """Take what the user chose, else what the file tells, else the first option.

    Args:
        name: of the fact.
        options: the default first.
        chosen: the user's choices by name; one that is no option is passed over.
        stated: what the file says, "" where it says nothing.
    """
    for taken, source in ((chosen.get(name, ""), "chosen"), (stated, "from the file")):
        if taken in options:
            return Choice(name, taken, options, source)
    return Choice(name, options[0], options, "default")


def account_for(module: torch.nn.Module, tensors: Mapping[str, torch.Tensor]) -> Account:
    """Compare a file's tensors with those of a network, by name, shape and kind of number."""
    wanted = module.state_dict()
    wrong = {
        key: why for key in tensors.keys() & wanted if (why := _differs(tensors[key], wanted[key]))
    }
    return Account(
        matched=tuple(key for key in tensors if key in wanted and key not in wrong),
        missing=tuple(key for key in wanted if key not in tensors),
        unexpected=tuple(key for key in tensors if key not in wanted),
        wrong_shape=tuple(f"{key}: {wrong[key]}" for key in wanted if key in wrong),
    )


def _differs(found: torch.Tensor, wanted: torch.Tensor) -> str:
    if found.shape != wanted.shape:
        return f"file {tuple(found.shape)}, network {tuple(wanted.shape)}"
    if wanted.is_floating_point() and not found.is_floating_point():
        return f"file {found.dtype}, network {wanted.dtype}".replace("torch.", "")
    return ""


def refuse_unfit(account: Account, architecture: str) -> None:
    """Refuse what could run only with random or bent weights.

    Raises:
        ArchitectureError: tensors are missing or have another shape.
    """
    if account.wrong_shape:
        raise ArchitectureError(
            f"The weights are nearest to {architecture}, but {len(account.wrong_shape)} of its "
            f"tensors have another shape: {_shown(account.wrong_shape, '; ')}.",
            remedy="The network was changed before training: upload the checkpoint of an "
            "unchanged one, or save it again from the code that defines it.",
        )
    missing = account.fatal_missing
    if missing and _without_statistics(account):
        raise ArchitectureError(
            f"The weights are those of {architecture} without the statistics of its BatchNorm "
            f"({_shown(missing)}): the parameters alone were saved.",
            remedy="Save all of it where it was trained, not named_parameters(): "
            'torch.save(model.state_dict(), "weights.pth")',
        )
    if missing and (others := _layers(account.unexpected)):
        raise ArchitectureError(
            f"The weights are nearest to {architecture}, but {len(missing)} of its "
            f"{len(missing) + len(account.matched)} tensors are missing ({_shown(missing)}), and "
            f"the file has others instead ({_shown(others)}): the network was changed.",
            remedy="Export the network with its graph where it was trained (torch.export), and "
            "upload that .pt2 file: it runs here whatever the architecture is.",
        )
    if missing:
        raise ArchitectureError(
            f"The weights are nearest to {architecture}, but {len(missing)} of its "
            f"{len(missing) + len(account.matched)} tensors are missing: {_shown(missing)}. "
            "Without them its mask would be random.",
            remedy="Save the whole network: torch.save(model.state_dict(), ...), not a part of it.",
        )


def _without_statistics(account: Account) -> bool:
    """Whether BatchNorm's statistics are missing, all of them, and nothing else is."""
    kept = any(name.endswith(STATISTICS) for name in account.matched)
    return not kept and all(name.endswith(STATISTICS) for name in account.fatal_missing)


def _layers(names: tuple[str, ...]) -> tuple[str, ...]:
    ends = (".weight", ".bias")
    return tuple(name for name in names if name.endswith(ends) and not name.startswith("aux"))


def _shown(names: tuple[str, ...], joint: str = ", ") -> str:
    return joint.join(names[:SHOWN]) + (f"{joint}..." if len(names) > SHOWN else "")


def fill(module: torch.nn.Module, tensors: Mapping[str, torch.Tensor]) -> torch.nn.Module:
    """Put a file's tensors into a network that was built on the meta device.

    Args:
        module: built `skeleton.without_numbers`; `refuse_unfit` has let its account pass.
        tensors: any floating-point kind; they become float32.

    Returns:
        The same module with numbers, in eval mode, without gradients, channels last.
    """
    state = {key: _number(tensors.get(key), like) for key, like in module.state_dict().items()}
    module.load_state_dict(state, strict=True, assign=True)
    module.eval().requires_grad_(False)
    return module.to(memory_format=torch.channels_last)


def _number(found: torch.Tensor | None, like: torch.Tensor) -> torch.Tensor:
    if found is None:  # only a counter may be missing
        return torch.zeros(like.shape, dtype=like.dtype)
    return found.to(like.dtype)
