"""A checkpoint to resume from."""

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from lightning.pytorch import LightningModule, Trainer
from lightning.pytorch.callbacks import Checkpoint


class LastCheckpoint(Checkpoint):
    """Writes ``last.ckpt`` after each validation, and whenever it is older than ``seconds``
    or the training is told to stop.

    It holds all that a killed run needs to resume to the same result: weights, optimizer, schedule,
    callbacks and the position in the data.

    Args:
        folder: Folder of the checkpoint.
        seconds: The most that a kill may cost.
        asked_to_end: Tells whether the training is to end by KeyboardInterrupt once it is saved;
            rank 0 is asked for all processes.
    """

    def __init__(
        self,
        folder: Path,
        seconds: float = 20.0,
        asked_to_end: Callable[[], bool] = lambda: False,
    ) -> None:
        self.file, self.seconds = Path(folder) / "last.ckpt", seconds
        self.asked_to_end = asked_to_end
        self._saved = 0.0

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self._saved = time.monotonic()

    def on_train_batch_end(
        self,
        trainer: Trainer,
        pl_module: LightningModule,
        outputs: Any,
        batch: Any,
        batch_idx: int,
    ) -> None:
        # The epoch's last batch is followed by validation, which ends in a checkpoint anyway.
        # Gradients that wait for more batches are in no checkpoint.
        if trainer.is_last_batch or (batch_idx + 1) % trainer.accumulate_grad_batches:
            return
        ends = self.asked_to_end()
        due = ends or trainer.should_stop or time.monotonic() - self._saved >= self.seconds
        due, ends = trainer.strategy.broadcast((due, ends))
        if due:
            self._save(trainer)
        if ends:
            raise KeyboardInterrupt

    def on_validation_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        if trainer.state.fn != "fit" or trainer.sanity_checking or trainer.fast_dev_run:
            return
        if not trainer.fit_loop._should_accumulate():  # nothing public tells
            self._save(trainer)
            if trainer.strategy.broadcast(self.asked_to_end()):
                raise KeyboardInterrupt

    def _save(self, trainer: Trainer) -> None:
        trained = [p for p in trainer.lightning_module.parameters() if p.requires_grad]
        finite = all(bool(p.isfinite().all()) for p in trained)
        if not trainer.strategy.reduce_boolean_decision(finite, all=True):
            return  # nobody wants to go on from such weights
        trainer.save_checkpoint(self.file, weights_only=False)  # the optimizer's state as well
        self._saved = time.monotonic()
