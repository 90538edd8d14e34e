"""The time of a training batch by part: a table, and a trace of the operations."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal

import torch
from jsonargparse.typing import NonNegativeInt, PositiveInt
from lightning.pytorch import Callback, LightningModule, Trainer
from lightning.pytorch.profilers import PyTorchProfiler

from callbacks import step_clock
from datamodules.whole_files import atomic_write, write_text

TABLE, TRACE = "step-profile.txt", "step-trace.json.gz"


class StepProfile(Callback):
    """Measures the parts of training batches: a table in the end, and a trace of operations.

    The parts are data, corrupt, forward, backward, optimizer, logging, callbacks, and Lightning for
    all else. Processor time beside wall time tells a busy machine from slow code: it is the sum
    over this process's threads. Validation is left out. The training is the same as without it; on
    a GPU it waits for the device after each part, and is slower while it is measured.

    The table is printed and written to ``step-profile.txt``. ``step-trace.json.gz`` is a trace that
    chrome://tracing and https://ui.perfetto.dev open.

    Args:
        batches: Number of batches in the table.
        skip: Number of batches before that are left out, as kernels are compiled in them.
        traced: Number of batches in the trace, between the two; 0 for no trace.
        folder: Folder of the files; the run's by default, in Python the Trainer's
            default_root_dir.
    """

    def __init__(
        self,
        batches: PositiveInt = 50,
        skip: NonNegativeInt = 5,
        traced: NonNegativeInt = 2,
        folder: str | None = None,
    ) -> None:
        self.batches, self.skip = int(PositiveInt(batches)), int(NonNegativeInt(skip))
        self.traced, self.folder = int(NonNegativeInt(traced)), folder
        self.files: list[Path] = []
        self._clock: step_clock.StepClock | None = None
        self._operations, self._seen = "", 0
        self._state: Literal["before", "measures", "after"] = "before"
        self._undo: list[Callable[[], None]] = []

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self._seen, self._state, self._operations = 0, "measures", ""
        inner: Any = trainer.profiler
        self._clock = step_clock.StepClock(
            inner, trainer.strategy.root_device, lambda: self._next(trainer)
        )
        if isinstance(inner, PyTorchProfiler):
            self.traced = 0  # two of torch's profilers cannot run at once
        trainer.profiler = self._clock
        self._undo.append(lambda: setattr(trainer, "profiler", inner))
        self._time_calls(pl_module, ("log", "log_dict"), "logging")
        self._time_calls(pl_module, ("corrupt",), "corrupt")
        for logger in trainer.loggers:
            self._time_calls(logger, ("log_metrics",), "logging")

    def _time_calls(self, owner: Any, names: tuple[str, ...], part: str) -> None:
        """Time the calls of methods while the profile is taken."""
        for name in names:
            if (method := getattr(owner, name, None)) is not None and name not in vars(owner):
                vars(owner)[name] = step_clock.timed(self._clock, method, part)
                self._undo.append(lambda name=name: vars(owner).pop(name))

    def _next(self, trainer: Trainer) -> None:
        """Begin the next batch: left out, traced or timed."""
        clock = self._clock
        assert clock is not None  # it calls this
        self._end_batch()
        traced_from, timed_from = self.skip, self.skip + self.traced
        if self._seen >= timed_from + self.batches:
            self._stop(trainer)
            return
        if traced_from <= self._seen < timed_from and clock.trace is None:
            os.environ.setdefault("KINETO_LOG_LEVEL", "6")  # or it says that it begins and ends
            kinds = torch.profiler.supported_activities()
            clock.trace = torch.profiler.profile(activities=kinds)
            clock.trace.start()
        if self._seen >= timed_from and clock.trace is not None:
            self._keep_trace(trainer)
        clock.timed = self._seen >= timed_from
        clock.begin("batch", "Lightning", root=True)

    def _end_batch(self) -> None:
        if self._clock is not None and self._clock.end_batch():
            self._seen += 1

    def on_train_batch_start(self, trainer: Trainer, *_: Any) -> None:
        if self._clock is not None and self._state == "measures" and not self._clock.inside:
            self._next(trainer)  # its rows were fetched with those of the batch before

    def on_validation_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self._end_batch()

    def on_train_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self._end_batch()

    def _keep_trace(self, trainer: Trainer) -> None:
        """End torch's profiler, and write what it has seen."""
        assert self._clock is not None and self._clock.trace is not None
        trace, self._clock.trace = self._clock.trace, None
        trace.stop()
        if trainer.is_global_zero:
            self._operations = step_clock.operations(
                trace, min(self.traced, self._seen - self.skip)
            )
            with atomic_write(self._file(trainer, TRACE)) as scratch:
                named = scratch.with_suffix(".json.gz")  # torch compresses by the name's end
                trace.export_chrome_trace(str(named))
                named.replace(scratch)

    def _file(self, trainer: Trainer, name: str) -> Path:
        folder = Path(self.folder or trainer.default_root_dir)
        folder.mkdir(parents=True, exist_ok=True)
        self.files.append(folder / name)
        return self.files[-1]

    def _stop(self, trainer: Trainer) -> None:
        """Leave the Trainer and the module as they were."""
        if self._state == "measures":
            self._end_batch()
            if self._clock is not None and self._clock.trace is not None:
                self._keep_trace(trainer)
            self._state = "after"
        while self._undo:
            self._undo.pop()()

    def on_train_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self._stop(trainer)
        if trainer.is_global_zero and self._clock is not None:
            text = self.report()
            write_text(self._file(trainer, TABLE), f"{text}\n")
            print(f"\n{text}\n", flush=True)

    def report(self) -> str:
        """Return the tables; where the training was too short for one, a line that says so."""
        first = self.skip + self.traced
        if self._clock is None or not self._clock.batches:
            return (
                f"StepProfile: {self._seen} batches were trained, and it measures from batch "
                f"{first + 1} on: a lower skip or traced, or a longer training"
            )
        return "\n\n".join(filter(None, (step_clock.table(self._clock), self._operations)))

    def on_exception(
        self, trainer: Trainer, pl_module: LightningModule, exception: BaseException
    ) -> None:
        self._stop(trainer)
