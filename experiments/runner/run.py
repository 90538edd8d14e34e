"""One run: its folder, its record, its callbacks; fit, test on the best, export, result."""

import shutil
import sys
from pathlib import Path
from typing import Any

import psutil
import torch
from filelock import FileLock
from lightning.pytorch import LightningDataModule, LightningModule, Trainer
from lightning.pytorch.callbacks import Callback, LearningRateMonitor
from lightning.pytorch.loggers import Logger
from lightning.pytorch.utilities import rank_zero_only

from callbacks import (
    LastCheckpoint,
    MFUMonitor,
    Predictions,
    Progress,
    StepSeed,
    StopOnNaN,
    ThroughputMonitor,
)
from callbacks.throughput import parameter_counts
from experiments.common import files
from experiments.common.shell import this_command
from experiments.runner import run_folder
from experiments.runner.checkpoints import Best, readable
from experiments.runner.summary import closing, colours, opening, plain
from experiments.tracking import artifacts, provenance
from experiments.tracking import logger as tracking
from modules.exporting import export
from modules.finetuning.base import FineTuningModule


class Run:
    """``outputs/<experiment>/<run id>/`` and all that goes into it; nothing before ``open``."""

    def __init__(
        self,
        name: str,
        config: Any,
        parsed: dict[str, Any],
        datamodule: LightningDataModule,
        model: LightningModule,
        resumed: Path | None,
    ) -> None:
        self.name, self.datamodule, self.model = name, datamodule, model
        self.resumed, self.flags, self.parsed = resumed, config.tracking, parsed
        self.folder = resumed or Path(config.output) / name / run_folder.new_id()
        self.config, self.data = plain(parsed), datamodule.facts()
        self.commit = tracking.git_commit()
        self.inputs: dict[str, provenance.Node] = {}  # on rank 0, which declares them
        self.outputs: dict[str, provenance.Node] = {}
        self.last = self.folder / "checkpoints" / "last.ckpt"
        self.logger: tracking.RunLogger | None = None
        self.trainer: Trainer | None = None
        self.lock: FileLock | None = None  # on rank 0, while the run goes on
        self.cost = ThroughputMonitor()
        self.utilization = MFUMonitor(self.cost.rate)
        self.best = Best(
            self.last.parent,
            "best",
            monitor=model.monitor,
            mode=model.mode,
            save_weights_only=True,
            save_on_train_epoch_end=False,  # with the validation, so that last.ckpt knows of it
            enable_version_counter=False,
        )
        self.callbacks: list[Callback] = [
            StepSeed(config.seed_everything),
            self.cost,
            self.utilization,
            StopOnNaN(),
            Predictions(),
            LearningRateMonitor("step"),
            Progress(),
            self.best,
            LastCheckpoint(self.last.parent, config.checkpoint_seconds),
        ]

    def open(self, trainer: Trainer, loggers: list[Logger]) -> None:
        """Make the folder and the record; if that fails, a new run leaves nothing behind."""
        self.trainer = trainer
        if trainer.fast_dev_run:
            self.flags.mode = "disabled"
        _, line = tracking.resolve_mode(self.flags)
        notes = [] if self.resumed is None else [self._onwards()]
        try:
            if rank_zero_only.rank == 0:
                backbone = self.config["model"].get("backbone")
                self.inputs = provenance.inputs_of(self.data, self.datamodule, backbone)
                notes += provenance.broken(self.inputs)
                run_folder.make(self.folder, self.parsed)
                self.lock = files.hold(self.folder)
                print(opening(self, notes, line), flush=True)
                if hasattr(self.datamodule, "preflight"):
                    print(f"\n{self.datamodule.preflight(colours())}\n", flush=True)
            self.logger = tracking.start_logger(
                self.flags,
                self.folder,
                self.folder.name,
                {
                    **self.config,
                    "dataset": self.data,
                    "parameters": parameter_counts(self.model),
                    "experiment": self.name,
                    "git_commit": self.commit,
                    "inputs": provenance.flat(self.inputs),
                },
                [f"data:{self.data['source']}"],
                resume=self.resumed is not None,
            )
            artifacts.declare(self.logger, self.inputs, {})
        except BaseException:
            if self.resumed is None and rank_zero_only.rank == 0:
                shutil.rmtree(self.folder, ignore_errors=True)
            raise
        trainer.loggers = [self.logger, *loggers]
        trainer.callbacks.append(tracking.LogTail(self.logger))

    def _onwards(self) -> str:
        """Check the checkpoint to go on from before anything is opened."""
        if not self.last.exists():
            run_folder.check_same(self.folder, self.parsed)
            return f"{self.folder.name} has no checkpoint yet: from the beginning"
        if self.last.is_dir():  # of a sharded strategy, which reads it itself
            return f"going on from {self.last}"
        lead = f"--resume {self.folder.name}: "
        with readable(self.last, lead):
            held = torch.load(self.last, map_location="cpu", weights_only=True)
        try:
            self.model.on_load_checkpoint(held)
            run_folder.check_same(self.folder, self.parsed)
            self.datamodule.load_state_dict(held[type(self.datamodule).__qualname__])
        except ValueError as error:
            raise ValueError(f"{lead}{error}") from error
        return f"going on after step {held['global_step']} (epoch {held['epoch'] + 1})"

    def fit_and_test(self) -> None:
        """Train, or go on training; test the best checkpoint; export it; say what came of it."""
        trainer, model, notes = self.trainer, self.model, []
        onwards = self.last if self.last.exists() else None
        trainer.fit(model, self.datamodule, ckpt_path=onwards, weights_only=True)
        if trainer.interrupted:
            raise KeyboardInterrupt
        best = self.last.with_name("best.ckpt")
        if best.exists():
            with readable(best):
                model = type(model).load_from_checkpoint(
                    best, map_location="cpu", weights_only=True
                )
        else:
            notes.append("no validation chose a checkpoint: these are the last weights")
        # A corpus has no rows for a test: the best weights are measured on the validation rows.
        measure = trainer.test if isinstance(model, FineTuningModule) else trainer.validate
        metrics = dict((measure(model, self.datamodule, verbose=False) or [{}])[0])
        if self.best.best_model_score is not None:
            metrics[model.monitor] = float(self.best.best_model_score)
        if trainer.is_global_zero:
            facts = {
                "data": tracking.redact(self.data),
                "metrics": metrics,
                "tokens": self.cost.tokens,
                "git_commit": self.commit,
            }
            export(model, self.folder / "export", facts)
            made = {"run": self.folder.name, "commit": self.commit, "inputs": self.inputs}
            self.outputs["model"] = provenance.sign(self.folder / "export", self._title(), made)
            self._conclude(metrics, notes)

    def measure(self) -> None:
        """Where nothing trains: validate and test, and say what came of it."""
        shown: dict[str, float] = {}
        for of in (self.trainer.test, self.trainer.validate):
            shown |= dict((of(self.model, self.datamodule, verbose=False) or [{}])[0])
        chosen = {name: v for name, v in shown.items() if name.startswith("test/")}
        if self.model.monitor in shown:
            chosen[self.model.monitor] = shown[self.model.monitor]
        if self.trainer.is_global_zero:
            self.last.parent.rmdir()
            self._conclude(chosen, [])

    def _conclude(self, metrics: dict[str, float], notes: list[str]) -> None:
        started, cost = psutil.Process().create_time(), self.cost.summary()
        first = cost.pop("first_batch_at")
        kept = [f for f in (self.last.with_name("best.ckpt"), self.last) if f.is_file()]
        cost["mfu"] = self.utilization.mfu()
        cost["checkpoint_bytes"] = kept[0].stat().st_size if kept else 0
        file = self.folder / "result.json"
        model = self.outputs.get("model") or self.inputs["backbone"]
        name = f"{self._title()}-evaluation"
        self.outputs["evaluation"] = provenance.evaluation(name, metrics, model, self.data, file)
        result = {
            "metrics": metrics,
            "config": tracking.redact(self.config),
            "data": tracking.redact(self.data),
            "inputs": tracking.redact(self.inputs),
            "outputs": tracking.redact(provenance.flat(self.outputs)),
            **cost,
            "seconds": round(self.cost.elapsed(), 1),
            "seconds_to_first_step": first and round(first - started, 1),
            "git_commit": self.commit,
            "wandb": tracking.address(self.logger),
        }
        where = tracking.where(self.logger)
        files.write_json(file, result)
        artifacts.declare(self.logger, {}, self.outputs)
        facts = ("seconds", "seconds_to_first_step")
        tested = {k: v for k, v in metrics.items() if k.startswith("test/")}  # val/ has its best
        summary = {**tested, **cost}
        self.close("finished", **summary, **{key: result[key] for key in facts})
        print(closing(self, result, notes, where), flush=True)

    def _title(self) -> str:
        """What the run's model is called elsewhere."""
        return f"{self.name}-{self.folder.name}"

    def how_to_resume(self) -> str:
        """The command that goes on with a run that has stopped."""
        if not (self.folder / "config.yaml").exists():
            return "Nothing was written"
        name = self.folder.name if self.folder.parts[0] == "outputs" else str(self.folder)
        start = "Go on" if self.last.exists() else "No checkpoint yet; begin again"
        return f"{start} with: {this_command([sys.argv[0], '--resume', name])}"

    def close(self, state: str, error: str = "", **summary: Any) -> None:
        """Close the record, and end the other processes of a run that has failed."""
        launcher = getattr(self.trainer and self.trainer.strategy, "launcher", None)
        for process in getattr(launcher, "procs", []) if state != "finished" else []:
            process.kill()
        if self.logger is not None:
            summary = {**summary, "error": error} if error else summary
            tracking.finish(self.logger, state, summary)
        if self.lock is not None:
            files.let_go(self.lock)
