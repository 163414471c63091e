"""Lightning: a callback that watches a training.

    trainer = Trainer(callbacks=[Watch(rule="bptt-detached-reset", module=lambda model: model.net, html="watch.html")])

Gradients are judged before the optimiser steps, unscaled and not yet clipped. Where several batches are one step, the
step is judged as a whole, which needs no ``loss``.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from gradcert.reference.installing import install
from gradcert.watching import watch

try:
    from lightning.pytorch import Callback
except ModuleNotFoundError as error:  # of Lightning, or of what it needs itself
    absent = f"Lightning is not installed; to fix it: {install('lightning')}"
    raise ModuleNotFoundError(absent, name="lightning") from error

__all__ = ["Watch"]


def second(batch: Any) -> Any:
    """Return the target of a batch that is a pair of inputs and target; None where it is no pair."""
    return batch[1] if isinstance(batch, (tuple, list)) and len(batch) == 2 else None


class Watch(Callback):
    """Watches the gradients of a training (`gradcert.watch`).

    Parameters
    ----------
    module : (the LightningModule) -> the module that is called step by step; by default the LightningModule itself.
    target : (batch) -> what a `loss` compares with; by default the second of a pair.
    html, json : files that are written at the end.
    scalars : whether the judgements go to the trainer's loggers, where these are TensorBoard's.
    options : of `gradcert.watch`: rule, every, loss, ...

    Attributes
    ----------
    watching : what watches, once the training has begun; ``watching.report()`` says what was found.
    """

    def __init__(
        self,
        *,
        module: Callable[[Any], Any] | None = None,
        target: Callable[[Any], Any] = second,
        html: str | None = None,
        json: str | None = None,
        scalars: bool = True,
        **options: Any,
    ) -> None:
        self.watching: Any = None
        self._module, self._target, self._files, self._options = module, target, (html, json), options
        self._scalars = scalars
        self._batch: Any = None

    def on_train_start(self, trainer: Any, pl_module: Any) -> None:
        """Begin to watch."""
        self.watching = watch(pl_module if self._module is None else self._module(pl_module), **self._options)
        for logger in getattr(trainer, "loggers", ()) if self._scalars else ():
            if callable(getattr(logger.experiment, "add_scalar", None)):
                self.watching.tensorboard(logger.experiment)

    def on_train_batch_start(self, trainer: Any, pl_module: Any, batch: Any, batch_idx: int) -> None:
        """Remember the batch."""
        self._batch = batch

    def on_before_optimizer_step(self, trainer: Any, pl_module: Any, optimizer: Any) -> None:
        """Judge the gradients."""
        self.watching.step(y=self._target(self._batch))

    def on_train_end(self, trainer: Any, pl_module: Any) -> None:
        """Write what was asked for."""
        self._end()

    def on_exception(self, trainer: Any, pl_module: Any, exception: BaseException) -> None:
        """Write what there is."""
        self._end()

    def _end(self) -> None:
        if self.watching is None:
            return
        self.watching.__exit__(None, None, None)
        for file, write in zip(self._files, (self.watching.html, self.watching.json), strict=True):
            if file is not None:
                write(file)
