"""Short runs of tiny models, and what they logged."""

import functools
from pathlib import Path
from typing import Any

import lightning
import torch
from lightning.pytorch import LightningDataModule, LightningModule, Trainer
from lightning.pytorch.callbacks import Checkpoint
from lightning.pytorch.loggers.logger import Logger
from torch import Tensor

from callbacks import StepSeed
from datamodules import TextFiles
from datamodules.batches import LabelledBatch
from datamodules.tokens import TokenRows
from modules.finetuning.base import FineTuningModule
from modules.registry import registered

STRATEGIES = list(registered(FineTuningModule).values())


class Memory(Logger):
    """Keeps what is logged: ``curve`` is a list of (step, metrics)."""

    name, version = "memory", 0

    def __init__(self) -> None:
        super().__init__()
        self.curve: list[tuple[int, dict[str, float]]] = []
        self.tables: dict[str, dict[str, Any]] = {}

    def log_hyperparams(self, *args: Any, **kwargs: Any) -> None: ...

    def log_metrics(self, metrics: dict[str, float], step: int | None = None) -> None:
        self.curve.append((step, dict(metrics)))

    def log_table(self, key: str, **table: Any) -> None:
        self.tables[key] = table

    def values(self, name: str) -> list[tuple[int, float]]:
        return [(step, metrics[name]) for step, metrics in self.curve if name in metrics]


def make(strategy: type[LightningModule], backbone: str, seed: int = 0, **settings: Any):
    """A module whose random weights are a function of the seed."""
    lightning.seed_everything(seed, verbose=False)
    return strategy(backbone=backbone, **settings)


def read(source: Path, backbone: str, **settings: Any) -> TextFiles:
    data = TextFiles(source=str(source), tokenizer=backbone, **settings)
    data.prepare_data()
    data.setup("fit")
    return data


def trainer(callbacks: list, **settings: Any) -> Trainer:
    settings = {"max_epochs": 2, "precision": "32-true", "log_every_n_steps": 1, **settings}
    return Trainer(
        accelerator=settings.pop("accelerator", "cpu"),
        callbacks=callbacks,
        logger=settings.pop("logger", None) or Memory(),
        num_sanity_val_steps=0,
        enable_progress_bar=any(hasattr(callback, "get_metrics") for callback in callbacks),
        enable_checkpointing=any(isinstance(callback, Checkpoint) for callback in callbacks),
        enable_model_summary=False,
        use_distributed_sampler=False,
        **settings,
    )


def fit(
    module: LightningModule,
    data: LightningDataModule,
    *callbacks: Any,
    resume: Path | None = None,
    **settings: Any,
) -> Trainer:
    runs = trainer([StepSeed(5), *callbacks], **settings)
    runs.fit(module, data, ckpt_path=resume, weights_only=True)
    return runs


@functools.cache
def rows(backbone: str, source: Path, pair: str | None = None) -> TokenRows:
    """The training split, which no test changes: each batch of it is made anew."""
    return read(source, backbone, pair_column=pair)._rows["train"]


def batch_of(backbone: str, source: Path, count: int = 8, pair: str | None = None) -> LabelledBatch:
    """The first rows of the training split."""
    return rows(backbone, source, pair).__getitems__(list(range(count)))


def logits(module: LightningModule, batch: LabelledBatch) -> Tensor:
    with torch.no_grad():
        return module.eval()(batch)


def trained_and_loaded(
    module: FineTuningModule, source: Path, folder: Path, precision: str
) -> tuple[FineTuningModule, LabelledBatch]:
    """The module after an epoch in which only what should has moved, and a batch on which its
    checkpoint gives the same logits."""
    backbone = module.hparams["backbone"]
    before, fixed = trained(module), frozen(module)
    fit(module, read(source, backbone, batch_size=8), max_epochs=1, precision=precision)
    file = folder / "weights.ckpt"
    module.trainer.save_checkpoint(file, weights_only=True)
    assert torch.load(file, weights_only=True)["state_dict"].keys() == before.keys()
    module = module.in_full_precision()
    for name, value in frozen(module).items():
        assert torch.equal(value, fixed[name]) or "original_module" in name, name
    assert not [n for n, value in trained(module).items() if torch.equal(value, before[n])]
    again = type(module).load_from_checkpoint(file, weights_only=True)
    batch = batch_of(backbone, source)
    assert torch.equal(logits(again, batch), logits(module, batch))
    return module, batch


def trained(module: LightningModule) -> dict[str, Tensor]:
    return {n: p.detach().clone() for n, p in module.named_parameters() if p.requires_grad}


def frozen(module: LightningModule) -> dict[str, Tensor]:
    return {n: p.detach().clone() for n, p in module.named_parameters() if not p.requires_grad}
