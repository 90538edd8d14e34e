"""A tracked run whose logged values are known in advance."""

import time

import lightning.pytorch as pl
import torch

from experiments.tracking.log_tail import LogTail
from experiments.tracking.logger import Tracking, start_logger

KEY = "0123456789abcdef" * 2 + "01234567"


CONFIG = {"model": {"rank": 8, "alpha": 0.5, "targets": ["q", "v"], "head": None}, "seed": 1}


class Tiny(pl.LightningModule):
    """A line whose logged values are known in advance: they depend on the step alone."""

    def __init__(self, rank: int = 8, pause: float = 0.0, beat: str | None = None):
        super().__init__()
        self.save_hyperparameters()
        self.layer = torch.nn.Linear(1, 1)
        self.scores = iter([0.5, 0.9, 0.7])

    def training_step(self, batch, index):
        time.sleep(self.hparams.pause)
        step = self.trainer.global_step
        self.log("train/loss", 100.0 - step)
        if self.hparams.beat:
            with open(self.hparams.beat, "a") as file:
                file.write(f"{time.time()} {step}\n")
        return self.layer(batch).mean()

    def validation_step(self, batch, index):
        score = next(self.scores, 0.0)
        self.log("val/accuracy", score)
        self.log("val/loss", 1 - score)

    def configure_optimizers(self):
        return torch.optim.SGD(self.parameters(), lr=0.0)


def train(logger, folder, steps=5, checkpoint=None, **module):
    rows = torch.utils.data.DataLoader(torch.ones(steps if steps < 10 else 200, 1))
    trainer = pl.Trainer(
        logger=logger, max_steps=steps, max_epochs=-1, accelerator="cpu", log_every_n_steps=1,
        enable_progress_bar=False, enable_model_summary=False, num_sanity_val_steps=0,
        callbacks=[
            pl.callbacks.ModelCheckpoint(folder, every_n_train_steps=5, save_last=True),
            LogTail(logger),
        ],
    )  # fmt: skip
    val = torch.utils.data.DataLoader(torch.ones(1, 1)) if steps < 10 else None
    trainer.fit(Tiny(**module), rows, val, ckpt_path=checkpoint, weights_only=True)


def open_run(folder, run_id="one", config=CONFIG, resume=False, **flags):
    flags = {"mode": "offline", **flags}
    return start_logger(Tracking(**flags), folder, run_id, config, ["bundled"], resume)
