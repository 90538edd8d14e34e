"""Makes Lightning's averaged weights right before the first of them is taken."""

import torch
from lightning.pytorch import Callback, LightningModule, Trainer
from lightning.pytorch.callbacks import EMAWeightAveraging, WeightAveraging


class AverageFollowsWeights(Callback):
    """Keeps an average that has not begun equal to the weights; stands before the callback.

    Lightning validates, keeps and exports the average, which is the untrained weights until it is
    updated for the first time.

    Args:
        average: The callback that averages.
    """

    def __init__(self, average: WeightAveraging) -> None:
        self.average = average

    def on_fit_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Refuse an average that would not begin before the training ends."""
        if not isinstance(self.average, EMAWeightAveraging) or trainer.fast_dev_run:
            return
        for unit, end in (
            ("step", trainer.estimated_stepping_batches),
            ("epoch", _epochs(trainer)),
        ):
            begin = getattr(self.average, f"update_starting_at_{unit}")
            if begin is not None and begin >= end:
                raise ValueError(
                    f"--trainer.callbacks.update_starting_at_{unit} {begin}: nothing would be "
                    f"averaged, as the training has {end} {unit}s"
                )

    def on_validation_epoch_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self._follow(pl_module)

    def on_train_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self._follow(pl_module)

    def _follow(self, pl_module: LightningModule) -> None:
        averaged = self.average._average_model
        if averaged is not None and int(averaged.n_averaged) == 0:
            with torch.no_grad():
                pairs = zip(averaged.module.parameters(), pl_module.parameters(), strict=True)
                for mean, weight in pairs:
                    mean.copy_(weight)


def _epochs(trainer: Trainer) -> float:
    limit = trainer.max_epochs
    return float("inf") if limit is None or limit < 0 else limit
