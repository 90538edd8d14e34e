"""Stop at the first loss that is not a number."""

from typing import Any

import torch
from lightning.pytorch import Callback, LightningModule, Trainer


class StopOnNaN(Callback):
    """Raises ``ValueError`` with the step and the learning rate when the loss is NaN or infinite.

    Looking at the loss makes a GPU wait, so there it is kept on the device and read every
    ``log_every_n_steps``. Checkpoints come after callbacks: none is written from such weights on
    a CPU.
    """

    def __init__(self) -> None:
        self.first_bad: torch.Tensor | None = None
        self.rate = 0.0

    def on_train_batch_start(
        self, trainer: Trainer, pl_module: LightningModule, batch: Any, batch_idx: int
    ) -> None:
        self.rate = trainer.optimizers[0].param_groups[0]["lr"]  # the end has the next step's

    def on_train_batch_end(
        self,
        trainer: Trainer,
        pl_module: LightningModule,
        outputs: Any,
        batch: Any,
        batch_idx: int,
    ) -> None:
        loss = outputs["loss"].detach()
        step = torch.full_like(loss, trainer.global_step, dtype=torch.int64)
        now = torch.where(torch.isfinite(loss), torch.full_like(step, 2**62), step)
        self.first_bad = now if self.first_bad is None else torch.minimum(self.first_bad, now)
        if loss.device.type == "cpu" or trainer.global_step % trainer.log_every_n_steps == 0:
            step = int(self.first_bad)
            if step < 2**62:
                raise ValueError(
                    f"the loss is no longer a finite number at step {step} (learning rate "
                    f"{self.rate:.3g}): lower --model.learning_rate or raise --model.warmup"
                )
