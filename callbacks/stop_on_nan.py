"""A stop at the first loss that is not a number."""

from collections.abc import Mapping
from typing import Any

import torch
from lightning.pytorch import Callback, LightningModule, Trainer

_NEVER = 2**62


class StopOnNaN(Callback):
    """Stops a run whose loss is NaN or infinite, by ``ValueError`` with step and learning rate.

    A metric that is not finite stops nothing: a correlation of constant guesses is NaN.

    Reading the loss makes a GPU wait, so there it stays on the device and is read every
    ``log_every_n_steps``. Checkpoints come after callbacks: on a CPU none is written from such
    weights.

    Attributes:
        metrics: The steps after which a validation metric was not finite for the first time.
    """

    def __init__(self) -> None:
        self.metrics: dict[str, int] = {}
        self.first_bad: torch.Tensor | None = None
        self.rate = 0.0

    def on_train_batch_start(
        self, trainer: Trainer, pl_module: LightningModule, batch: Any, batch_idx: int
    ) -> None:
        if trainer.optimizers:
            self.rate = trainer.optimizers[0].param_groups[0]["lr"]  # the end has the next step's

    def on_train_batch_end(
        self,
        trainer: Trainer,
        pl_module: LightningModule,
        outputs: Any,
        batch: Any,
        batch_idx: int,
    ) -> None:
        if (loss := loss_of(outputs)) is None:  # a batch that the module left out
            return
        self._note(loss, trainer.global_step)
        if (
            loss.device.type == "cpu"
            or trainer.global_step % (trainer.log_every_n_steps or 50) == 0
        ):
            self._stop(trainer)

    def on_validation_batch_end(
        self,
        trainer: Trainer,
        pl_module: LightningModule,
        outputs: Any,
        batch: Any,
        batch_idx: int,
        dataloader_idx: int = 0,
    ) -> None:
        if trainer.state.fn == "fit" and (loss := loss_of(outputs)) is not None:
            self._note(loss, trainer.global_step)

    def on_validation_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        if self.first_bad is not None:
            self._stop(trainer)  # before a checkpoint is chosen

    def on_train_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        if self.first_bad is not None:
            self._stop(trainer)

    def on_validation_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        if trainer.state.fn == "fit" and not trainer.sanity_checking:
            for name, value in trainer.callback_metrics.items():
                if name.startswith("val/") and not torch.isfinite(value):
                    self.metrics.setdefault(name, trainer.global_step)

    def state_dict(self) -> dict[str, Any]:
        return {"metrics": self.metrics}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        self.metrics = state_dict["metrics"]

    def _note(self, loss: torch.Tensor, step: int) -> None:
        here = torch.full_like(loss, step, dtype=torch.int64)
        now = torch.where(torch.isfinite(loss), torch.full_like(here, _NEVER), here)
        self.first_bad = now if self.first_bad is None else torch.minimum(self.first_bad, now)

    def _stop(self, trainer: Trainer) -> None:
        step = int(self.first_bad)
        # All processes stop together: one alone would leave the others waiting for it.
        if trainer.strategy.reduce_boolean_decision(step < _NEVER, all=False):
            raise ValueError(
                f"the loss is no longer a finite number at step {min(step, trainer.global_step)} "
                f"(learning rate {self.rate:.3g}): lower --model.learning_rate or raise "
                f"--model.warmup_ratio"
            )


def loss_of(outputs: Any) -> torch.Tensor | None:
    """The loss that a step has returned, alone or by name; None without one."""
    loss = outputs.get("loss") if isinstance(outputs, Mapping) else outputs
    return loss.detach().mean() if isinstance(loss, torch.Tensor) else None
