"""`maskscope.watch_callback`: the same for Lightning, which is not imported here.

Lightning calls each hook of each callback by its name. Where it is loaded already, the callback is
one of its own kind; where it is not, an object that answers every hook.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

from maskscope.watching.watch import Watch

LIBRARIES = ("lightning.pytorch", "pytorch_lightning")


class _Hooks:
    """What Lightning asks of a callback when a training is on."""

    def __init__(self, image: Any, pick: Callable[[Any], Any], **options: Any) -> None:
        self._image, self._pick, self._options = image, pick, options
        self.watch: Watch | None = None  # from the start of the training on

    def on_fit_start(self, trainer: Any, pl_module: Any) -> None:
        """Open the picture; on the first process alone, where there are several."""
        if getattr(trainer, "is_global_zero", True):
            self.watch = Watch(self._pick(pl_module), self._image, **self._options)

    def on_train_epoch_end(self, trainer: Any, pl_module: Any) -> None:
        """Look."""
        if self.watch is not None:
            self.watch.step(trainer.current_epoch)

    def on_fit_end(self, trainer: Any, pl_module: Any) -> None:
        """Write the report."""
        if self.watch is not None:
            self.watch.close()

    def on_exception(self, trainer: Any, pl_module: Any, exception: BaseException) -> None:
        """Write the report of what there was."""
        self.on_fit_end(trainer, pl_module)


class _Duck(_Hooks):
    """A callback without a base: every other hook does nothing."""

    state_key = "maskscope"

    def __getattr__(self, name: str) -> Any:
        if name.startswith("on_") or name in ("setup", "teardown", "load_state_dict"):
            return _nothing
        if name == "state_dict":
            return _no_state
        raise AttributeError(name)


def _no_state() -> dict[str, Any]:
    """There is nothing that a checkpoint has to keep."""
    return {}


def _nothing(*_: Any, **__: Any) -> None:
    """Nothing is done at this hook."""


def watch_callback(image: Any, *, model: Callable[[Any], Any] | None = None, **options: Any) -> Any:
    """A callback for `Trainer(callbacks=[...])`: watch a picture while Lightning trains.

    Args:
        image: as for `watch`.
        model: what of the LightningModule is the network: `lambda module: module.net`; None: the
            module itself.
        options: as for `watch`.
    """
    pick = model or (lambda module: module)
    base = next((sys.modules[name].Callback for name in LIBRARIES if name in sys.modules), None)
    kind = _Duck if base is None else type("WatchCallback", (_Hooks, base), {})
    return kind(image, pick, **options)
