"""Keeps the newest rows of a run's log in its checkpoints."""

from typing import Any

from lightning.pytorch import Callback, LightningModule, Trainer

from experiments.tracking.keys import STEP
from experiments.tracking.logger import RunLogger


class LogTail(Callback):
    """Puts the newest rows into each checkpoint and logs them again on resume.

    A kill costs W&B's log up to a second, and a checkpoint nothing. If the checkpoint is newer than
    the log, the resumed curve would lack the steps between them.
    """

    def __init__(self, logger: RunLogger) -> None:
        self.logger = logger

    def on_save_checkpoint(
        self, trainer: Trainer, pl_module: LightningModule, checkpoint: dict[str, Any]
    ) -> None:
        rows, connector = self.logger.tail(), trainer._logger_connector
        # Lightning saves inside on_train_batch_end and logs that batch's row only afterwards;
        # nothing public has the row yet.
        inside_batch = trainer.training and connector._first_loop_iter is not None
        if inside_batch and connector.should_update_logs:
            loop = trainer.fit_loop
            if not loop._should_accumulate():
                step = loop.epoch_loop._batches_that_stepped
                pending = {k: float(v) for k, v in connector.metrics["log"].items()}
                rows.append({**pending, "epoch": trainer.current_epoch, STEP: step})
        checkpoint["log_tail"] = rows

    def on_load_checkpoint(
        self, trainer: Trainer, pl_module: LightningModule, checkpoint: dict[str, Any]
    ) -> None:
        if trainer.state.fn == "fit":  # testing the best checkpoint repeats nothing
            for row in checkpoint.get("log_tail", []):
                self.logger.log_metrics({k: v for k, v in row.items() if k != STEP}, row[STEP])
