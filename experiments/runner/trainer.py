"""Lightning's Trainer, with the number of optimizer steps that the run will take."""

import math

from lightning.pytorch import Callback, LightningModule, Trainer
from lightning.pytorch.callbacks import GradientAccumulationScheduler


class RunTrainer(Trainer):
    """A Trainer whose number of steps follows accumulation that changes from epoch to epoch.

    Lightning's own takes that of the first epoch for all. The learning rate falls to 0 at the last
    step, and would otherwise do so too early or never.
    """

    @property
    def estimated_stepping_batches(self) -> int | float:
        estimate = super().estimated_stepping_batches
        schedules = [c for c in self.callbacks if isinstance(c, GradientAccumulationScheduler)]
        epochs = self.max_epochs
        if not schedules or epochs is None or epochs < 1:
            return estimate
        (schedule,) = schedules
        steps = sum(
            math.ceil(self.num_training_batches / schedule.get_accumulate_grad_batches(epoch))
            for epoch in range(epochs)
        )
        return steps if self.max_steps == -1 else min(steps, self.max_steps)


class AccumulationAfterResume(Callback):
    """Accumulates as scheduled in an epoch that is resumed in the middle.

    Lightning asks the schedule where an epoch starts, and a resumed epoch has no start.

    Args:
        schedule: The schedule, a callback that stands before this one.
    """

    def __init__(self, schedule: GradientAccumulationScheduler) -> None:
        self.schedule = schedule

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        factor = self.schedule.get_accumulate_grad_batches(trainer.current_epoch)
        trainer.accumulate_grad_batches = factor
