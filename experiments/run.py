"""One run: its folder, its record, its callbacks; fit, test on the best, export, result."""

import time
from pathlib import Path
from typing import Any

import psutil
from lightning.pytorch import LightningModule, Trainer
from lightning.pytorch.callbacks import Callback, LearningRateMonitor, ModelCheckpoint
from lightning.pytorch.utilities import rank_zero_only

from callbacks import Cost, LastCheckpoint, Predictions, Progress, StepSeed, StopOnNaN
from experiments import folders, report
from experiments.tracking import logger as tracking
from modules.exporting import export


class Run:
    """``outputs/<experiment>/<run id>/`` and all that goes into it."""

    def __init__(
        self,
        name: str,
        config: Any,
        parsed: dict[str, Any],
        datamodule: Any,
        model: LightningModule,
        resumed: Path | None,
    ) -> None:
        self.name, self.datamodule, self.model = name, datamodule, model
        self.folder = resumed or Path(config.output) / name / folders.new_id()
        self.config = report.plain(parsed)
        self.data, self.commit = datamodule.facts(), tracking.git_commit()
        self.checkpoints = self.folder / "checkpoints"
        self.last = self.checkpoints / "last.ckpt"
        mode, line = tracking.resolve_mode(config.tracking)
        if rank_zero_only.rank == 0:
            self.checkpoints.mkdir(parents=True, exist_ok=True)
            if not resumed:
                folders.write_yaml(self.folder / "config.yaml", parsed)
            print(report.opening(self, model, line))
        self.logger = tracking.start_logger(
            config.tracking,
            self.folder,
            self.folder.name,
            {**self.config, "dataset": self.data, "git_commit": self.commit},
            [f"data:{self.data['source']}"],
            resume=resumed is not None,
        )
        self.cost = Cost()
        self.best = ModelCheckpoint(
            self.checkpoints,
            "best",
            monitor=model.task.monitor,
            mode=model.task.mode,
            save_weights_only=True,
            enable_version_counter=False,
        )
        self.callbacks: list[Callback] = [
            StepSeed(config.seed_everything),
            self.cost,
            StopOnNaN(),
            Predictions(),
            LearningRateMonitor("step"),
            Progress(),
            tracking.LogTail(self.logger),
            self.best,
            LastCheckpoint(self.checkpoints),
        ]

    def fit_and_test(self, trainer: Trainer) -> None:
        """Train, or go on training; test the best checkpoint; export it; say what came of it."""
        onwards = self.last if self.last.exists() else None
        trainer.fit(self.model, self.datamodule, ckpt_path=onwards, weights_only=True)
        if trainer.interrupted:
            raise KeyboardInterrupt
        best = type(self.model).load_from_checkpoint(self.best.best_model_path, weights_only=True)
        if trainer.is_global_zero:
            export(best, self.folder / "export")
        metrics = trainer.test(best, self.datamodule, verbose=False)[0]
        if not trainer.is_global_zero:
            return
        metrics[self.model.task.monitor] = float(self.best.best_model_score)
        seconds = time.time() - psutil.Process().create_time()
        result = {
            "metrics": metrics,
            "config": self.config,
            "data": self.data,
            **self.cost.summary(),
            "seconds": round(seconds, 1),
            "git_commit": self.commit,
            "wandb": tracking.where(self.logger).splitlines()[0],
        }
        tracking.finish(self.logger, "finished", {**metrics, **self.cost.summary()})
        folders.write_json(self.folder / "result.json", result)
        print(report.closing(self, result, tracking.where(self.logger)))
