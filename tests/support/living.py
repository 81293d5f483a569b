"""Living models for tests: small, of several libraries, and odd ones with telling names."""

from __future__ import annotations

import torch
from torch import nn

import examples
from core.architectures import build_network
from core.checkpoint import read_checkpoint
from core.image import decode_image


def picture(name="scene_01"):
    """UInt8[h w 3] of a scene of the example."""
    (path,) = (each for each in examples.SCENES if each.stem == name)
    return decode_image(path.read_bytes()).pixels


def example_model():
    """The example's network as its owner has it: an nn.Module in eval mode."""
    checkpoint = read_checkpoint(examples.CHECKPOINT, name="example", digest="0" * 64)
    return build_network(checkpoint).module.requires_grad_(True)


class Tiny(nn.Module):
    """A hand-written network: two convolutions, a BatchNorm, a dropout."""

    def __init__(self, classes=3, channels=3):
        super().__init__()
        self.first = nn.Conv2d(channels, 8, 3, padding=1, bias=False)
        self.norm = nn.BatchNorm2d(8)
        self.drop = nn.Dropout(0.5)
        self.last = nn.Conv2d(8, classes, 1)

    def forward(self, x):
        return self.last(self.drop(torch.relu(self.norm(self.first(x)))))


class AtAQuarter(Tiny):
    """Logits at a quarter of the size, as SegFormer's."""

    def forward(self, x):
        return super().forward(nn.functional.avg_pool2d(x, 4))


class Returning(Tiny):
    """What `form` makes of the logits."""

    def __init__(self, form):
        super().__init__()
        self.form = form

    def forward(self, x):
        return self.form(super().forward(x))


class Raising(Tiny):
    """Stops on everything."""

    def forward(self, x):
        raise RuntimeError("expected all tensors on the same device")


class Interrupted(Tiny):
    """Its user presses Ctrl-C during the forward."""

    def forward(self, x):
        super().forward(x)
        raise KeyboardInterrupt


def everything_of(model):
    """All that may not change about a model: to be compared before and after."""
    return {
        "modes": [module.training for module in model.modules()],
        "switches": [each.requires_grad for each in model.parameters()],
        "gradients": [each.grad is None for each in model.parameters()],
        "numbers": [each.detach().clone() for each in (*model.parameters(), *model.buffers())],
        "versions": [each._version for each in (*model.parameters(), *model.buffers())],
        "addresses": [each.data_ptr() for each in (*model.parameters(), *model.buffers())],
        "devices": [each.device for each in (*model.parameters(), *model.buffers())],
        "hooks": [len(module._forward_hooks) for module in model.modules()],
        "random": torch.get_rng_state(),
    }


def differences(before, after):
    """The names of what is not the same any more."""
    return [name for name in before if not _same(before[name], after[name])]


def _same(one, other):
    if isinstance(one, torch.Tensor):
        return torch.equal(one, other)
    if isinstance(one, list) and one and isinstance(one[0], torch.Tensor):
        return all(map(torch.equal, one, other))
    return one == other
