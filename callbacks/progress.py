"""Progress of a run: a bar in a terminal, a line now and then elsewhere."""

import os
import sys
import time
from typing import Any

from lightning.pytorch import LightningModule, Trainer
from lightning.pytorch.callbacks import TQDMProgressBar
from lightning.pytorch.callbacks.progress.tqdm_progress import Tqdm


class Progress(TQDMProgressBar):
    """Shows loss, accuracy and tokens/s while training, and one line after each validation.

    Args:
        seconds: Time between lines where the output is not a terminal.
    """

    def __init__(self, seconds: float = 15.0) -> None:
        # The bar, and the lines; a dumb terminal cannot move its cursor up, as two bars need.
        dumb = os.environ.get("TERM") == "dumb"
        self.terminal = sys.stdout.isatty() and sys.stderr.isatty() and not dumb
        super().__init__(refresh_rate=1 if self.terminal else 0, leave=False)
        self.seconds = seconds
        self._shown = 0.0

    def get_metrics(self, trainer: Trainer, pl_module: LightningModule) -> dict[str, Any]:
        shown = super().get_metrics(trainer, pl_module)
        return {
            name.removeprefix("train/").replace("tokens_per_second", "tok/s"): _short(name, value)
            for name, value in shown.items()
            if name.startswith("train/") or name == "tokens_per_second"
        }

    def on_train_epoch_start(self, trainer: Trainer, *_: Any) -> None:
        super().on_train_epoch_start(trainer)
        self.train_progress_bar.set_description(f"Epoch {trainer.current_epoch + 1}")

    def on_train_batch_end(
        self,
        trainer: Trainer,
        pl_module: LightningModule,
        outputs: Any,
        batch: Any,
        batch_idx: int,
    ) -> None:
        super().on_train_batch_end(trainer, pl_module, outputs, batch, batch_idx)
        if self.terminal or time.monotonic() - self._shown < self.seconds:
            return
        self._shown = time.monotonic()
        values = " ".join(f"{k} {v}" for k, v in self.get_metrics(trainer, pl_module).items())
        self._line(trainer, f"  step {batch_idx + 1}/{trainer.num_training_batches}  {values}")

    def on_validation_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        super().on_validation_end(trainer, pl_module)
        if trainer.state.fn == "fit" and not trainer.sanity_checking:
            known = trainer.callback_metrics
            values = "  ".join(
                f"{name} {_short(name, float(known[name]))}"
                for name in sorted(known, reverse=True)
                if name.startswith("val/")
            )
            self._line(trainer, values)

    def _line(self, trainer: Trainer, text: str) -> None:
        if trainer.is_global_zero:
            epochs = trainer.max_epochs if trainer.max_epochs and trainer.max_epochs > 0 else "?"
            Tqdm.write(f"epoch {trainer.current_epoch + 1}/{epochs}  {text}", file=sys.stderr)


def _short(name: str, value: Any) -> str:
    value = float(value)
    return f"{value:,.0f}" if name == "tokens_per_second" else f"{value:.4f}"
