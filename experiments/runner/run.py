"""One run from its start to its end: folder, lock, callbacks, tracked record."""

import shutil
import sys
from functools import partial
from pathlib import Path
from typing import Any

from lightning.pytorch import LightningDataModule, LightningModule, Trainer
from lightning.pytorch.callbacks import Callback, LearningRateMonitor
from lightning.pytorch.loggers import Logger
from lightning.pytorch.utilities import rank_zero_only

from callbacks import (
    Curves,
    LastCheckpoint,
    MFUMonitor,
    Predictions,
    Progress,
    StepSeed,
    StopOnNaN,
    ThroughputMonitor,
    WrittenTexts,
)
from callbacks.throughput import parameter_counts
from experiments.common import files, metrics, signals
from experiments.common.runs import record_end, warnings_of
from experiments.common.shell import relative, this_command
from experiments.runner import held_out, naming, predictions, run_folder
from experiments.runner.checkpoints import AtomicCheckpointIO, Best, one_line_if_unreadable
from experiments.runner.meaning import meaning
from experiments.runner.summary import by_flag_names, colours, opening, warned
from experiments.tracking import artifacts, provenance
from experiments.tracking import logger as tracking
from experiments.tracking.log_tail import LogTail
from modules.checkpointing import GradientCheckpointing
from modules.compiling import Compiled
from modules.padding_free import PaddingFree


class Run:
    """One run and its folder, ``<output>/<experiment>/<run id>/``; ``open`` makes it.

    Attributes:
        name: The name of the run, which all screens and records show.
        experiment: The name of the experiment's file, and so of the folder above the run's.
        folder: The absolute path of the run's folder: a callback may change the working directory.
        shown: The folder as a user would type it where the run began.
        last: The newest checkpoint.
        callbacks: The callbacks of every run.
        inputs: The data and weights that the run uses, with digests; only on rank 0.
        outputs: The model and evaluation that the run makes, with digests; only on rank 0.
        ended: The reason for which the training ended; empty before that.
        notes: Remarks for the first screen.
        warnings: Lines on what looked wrong before the training.
        found: The values that searches before the run have found, by the name of the finder.
        origins: The origin of each setting that is not a default, by flag.
        report: The measures of the predictions by split.
        earlier: The result of a finished run that is only to be tested; else empty.
        resume_flags: Further flags that resuming the run needs.
        requeued: A sentence about the scheduler's job that goes on with the run; else empty.
        checkpoint_io: Reads and writes the checkpoints.
    """

    def __init__(
        self,
        name: str,
        config: Any,
        parsed: dict[str, Any],
        datamodule: LightningDataModule,
        model: LightningModule,
        resumed: Path | None,
    ) -> None:
        self.experiment, self.datamodule, self.model = name, datamodule, model
        self.resumed, self.flags, self.parsed = resumed, config.tracking, parsed
        folder = resumed or Path(config.output) / name / run_folder.new_id()
        self.shown, self.folder = relative(folder.absolute()), folder.absolute()
        self.config, self.data = by_flag_names(parsed), datamodule.facts()
        self.name = naming.name_of(config.name, self.data, type(model).__name__)
        self.config["name"] = self.name
        self.metric_facts, self.meaning = metrics.declared(model), meaning(model, datamodule)
        self.commit = tracking.git_commit()
        self.inputs: dict[str, provenance.Node] = {}
        self.outputs: dict[str, provenance.Node] = {}
        self.last = self.folder / "checkpoints" / "last.ckpt"
        self.logger: tracking.RunLogger | None = None
        self.trainer: Trainer | None = None
        self.ended = ""
        self.notes: list[str] = []
        self.warnings: list[str] = warnings_of(resumed) if resumed else []
        self.found: dict[str, dict[str, Any]] = {}
        self.origins: dict[str, str] = {}
        self.resume_flags: tuple[str, ...] = ()
        self.requeued = ""
        self.checkpoint_io = AtomicCheckpointIO(self.folder)
        self.throughput = ThroughputMonitor()
        self.mfu = MFUMonitor(self.throughput.rate)
        self.not_finite, self.compiled = StopOnNaN(), Compiled(config.compile)
        self.checkpointing = GradientCheckpointing(config.gradient_checkpointing)
        self.padding_free = PaddingFree(config.padding_free)
        self.predictions, self.curves = Predictions(), Curves()
        self.report: dict[str, Any] = {}
        self.earlier: dict[str, Any] = held_out.earlier(resumed and self.folder, model.trains)
        self.best = Best(
            self.last.parent,
            "best",
            monitor=model.monitor,
            mode=model.mode,
            save_weights_only=True,
            save_on_train_epoch_end=False,  # with the validation, so that last.ckpt knows of it
            enable_version_counter=False,
            on_better=partial(predictions.keep_validation, self),
        )
        self.callbacks: list[Callback] = [
            StepSeed(config.seed_everything),
            self.throughput,
            self.mfu,
            self.not_finite,
            self.compiled,
            self.checkpointing,
            self.padding_free,
            self.predictions,
            WrittenTexts(),
            self.curves,
            LearningRateMonitor("step"),
            Progress(),
            self.best,
            LastCheckpoint(self.last.parent, config.checkpoint_seconds, signals.asked_to_end),
        ]

    def open(self, trainer: Trainer, loggers: list[Logger]) -> None:
        """Makes the folder and the record; if that fails, removes the folder of a new run.

        Args:
            trainer: Runs the module.
            loggers: The loggers that the user added.
        """
        self.trainer = trainer
        if trainer.fast_dev_run:
            self.flags.mode = "disabled"
        _, line = tracking.resolve_mode(self.flags)
        notes = [*self.notes, *([] if self.resumed is None else [self._check_resume()])]
        try:
            if rank_zero_only.rank == 0:
                backbone = self.config["model"].get("backbone")
                self.inputs = provenance.inputs_of(self.data, self.datamodule, backbone)
                notes += provenance.changed_inputs(self.inputs)
                known = {"name": self.name, "warnings": self.warnings, "origins": self.origins}
                run_folder.make(self.folder, self.parsed, **known)
                if self.found:
                    files.write_json(self.folder / "search.json", self.found)
                print(opening(self, notes, line), flush=True)
                preflight = getattr(self.datamodule, "preflight", lambda colour: "")
                new = [] if self.resumed else self.warnings  # a resumed run has said them before
                shown = [preflight(colours()), *warned(new, colours())]
                if any(shown):
                    print("\n" + "\n".join(filter(None, shown)) + "\n", flush=True)
            self.logger = tracking.start_logger(
                self.flags,
                self.folder,
                self.folder.name,
                {
                    **self.config,
                    "dataset": self.data,
                    "parameters": parameter_counts(self.model),
                    "experiment": self.experiment,
                    "git_commit": self.commit,
                    "inputs": provenance.for_config(self.inputs),
                    **({"metric_facts": self.metric_facts} if self.metric_facts else {}),
                    "meaning": self.meaning,
                },
                [f"data:{self.data['source']}"],
                resume=self.resumed is not None,
                name=self.name,
            )
            artifacts.declare(self.logger, self.inputs, {})
        except BaseException:
            if self.logger is not None:
                tracking.finish(self.logger, "failed", {})
            if self.resumed is None and rank_zero_only.rank == 0:
                shutil.rmtree(self.folder, ignore_errors=True)
            raise
        # Lightning's handlers call a collective in the middle of a step, and queue a SLURM job
        # again that would begin a new run; ours are in experiments/common/signals.py.
        trainer._signal_connector.register_signal_handlers = lambda: None
        trainer.loggers = [self.logger, *loggers]
        trainer.callbacks.append(LogTail(self.logger))

    def _check_resume(self) -> str:
        """Checks the checkpoint to resume from, before anything is opened; returns a note on it."""
        run_folder.check_same(self.folder, self.parsed)
        if self.earlier:
            return f"{self.folder.name}: testing the rows that were held out"
        if not self.last.exists():
            return f"{self.folder.name} has no checkpoint yet: starting from the beginning"
        lead = f"--resume {self.folder.name}: "
        with one_line_if_unreadable(Path(relative(self.last)), lead):
            held = self.checkpoint_io.read_ahead(self.last)
        try:
            if "state_dict" in held:
                self.model.on_load_checkpoint(held)
            if (state := held.get(type(self.datamodule).__qualname__)) is not None:
                self.datamodule.load_state_dict(state)
        except ValueError as error:
            raise ValueError(f"{lead}{error}") from error
        if "global_step" not in held:  # of a strategy whose files only it can read
            return f"going on from {relative(self.last)}"
        return f"going on after step {held['global_step']} (epoch {held['epoch'] + 1})"

    @property
    def title(self) -> str:
        """The name of the run's model in the records of later runs."""
        return f"{self.name}-{self.folder.name}"

    @property
    def word(self) -> str:
        """The run as ``--resume`` takes it: its id, or its folder if that is not in outputs/."""
        return self.folder.name if Path(self.shown).parts[:-2] == ("outputs",) else self.shown

    def how_to_resume(self) -> str:
        """A sentence with the command that resumes the run; empty if that would not help."""
        if self.requeued:
            return self.requeued
        if (self.folder / "result.json").exists():
            return f"The run is finished, see {self.shown}"
        if not (self.folder / "config.yaml").exists():
            return f"{self.shown} is not there any more"
        if self.config["trainer"]["fast_dev_run"]:
            return ""
        start = "Go on" if self.last.exists() else "No checkpoint yet; begin again"
        words = [sys.argv[0], "--resume", self.word, *self.resume_flags]
        return f"{start} with: {this_command(words)}"

    def close(self, state: str, error: str = "", **summary: Any) -> None:
        """Closes the record, and ends the other processes of a run that has failed."""
        launcher = getattr(self.trainer and self.trainer.strategy, "launcher", None)
        for process in getattr(launcher, "procs", []) if state != "finished" else []:
            process.kill()
        if self.logger is not None:
            summary = {**summary, "error": error} if error else summary
            tracking.finish(self.logger, state, summary)
        if rank_zero_only.rank == 0 and self.folder.is_dir():
            record_end(self.folder, state, error or self.ended)
        run_folder.release(self.folder)
