"""Random numbers as a function of the run's seed and the batch's number."""

from typing import Any

import torch
from lightning.pytorch import Callback, LightningModule, Trainer


class StepSeed(Callback):
    """Seeds torch before each training batch by seed, rank and the number of batches so far.

    Dropout then draws the same numbers in a resumed run as in an unbroken one, and validating
    more often or adding a callback does not change the training.

    Args:
        seed: The run's seed.
    """

    def __init__(self, seed: int) -> None:
        self.seed = seed

    def on_train_batch_start(
        self, trainer: Trainer, pl_module: LightningModule, batch: Any, batch_idx: int
    ) -> None:
        number = trainer.fit_loop.total_batch_idx * trainer.world_size + trainer.global_rank
        # One large odd multiplier keeps neighbouring seeds' sequences apart.
        torch.manual_seed((self.seed * 0x9E3779B97F4A7C15 + number) % 2**63)
