"""The base of callbacks that measure the same before and after a run."""

import sys
from typing import Any, ClassVar

from lightning.pytorch import Callback, LightningModule, Trainer


class BeforeAndAfter(Callback):
    """Measures before the first step and at the end of the test; survives a resume.

    A subclass overrides ``measure`` and ``conclude``, and names what they call.
    """

    data_methods: ClassVar[tuple[str, ...]] = ()
    task_methods: ClassVar[tuple[str, ...]] = ()

    def __init__(self) -> None:
        self.before: dict[str, Any] = {}

    def setup(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        data = getattr(trainer, "datamodule", None)
        if lacking := [name for name in self.data_methods if not hasattr(data, name)]:
            raise ValueError(
                f"{type(self).__name__}: needs a data module with {', '.join(lacking)}, such as "
                f"Instructions"
            )
        task = getattr(pl_module, "task", None)
        if lacking := [name for name in self.task_methods if not hasattr(task, name)]:
            raise ValueError(
                f"{type(self).__name__}: needs a module whose task has {', '.join(lacking)}, such "
                f"as InstructionFollowing"
            )

    def measure(self, trainer: Trainer, pl_module: LightningModule) -> dict[str, Any]:
        """Return the measures as plain values, for the checkpoint.

        Only the first of several devices calls it.
        """
        raise NotImplementedError

    def conclude(self, trainer: Trainer, pl_module: LightningModule, after: dict) -> None:
        """Log the measures ``before`` and ``after``."""
        raise NotImplementedError

    def _measured(self, trainer: Trainer, pl_module: LightningModule) -> dict[str, Any]:
        if trainer.is_global_zero:
            when = "after" if self.before else "before"
            print(f"{type(self).__name__}: measuring {when}", file=sys.stderr, flush=True)
        training = pl_module.training
        found = self.measure(trainer, pl_module.eval()) if trainer.is_global_zero else None
        pl_module.train(training)
        return trainer.strategy.broadcast(found)

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        if not self.before and not trainer.fast_dev_run:
            self.before = self._measured(trainer, pl_module)

    def on_test_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        if self.before:
            self.conclude(trainer, pl_module, self._measured(trainer, pl_module))

    def state_dict(self) -> dict[str, Any]:
        return {"before": self.before}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        self.before = state_dict["before"]
