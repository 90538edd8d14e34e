"""Checkpoints that are complete or absent, and one-line errors for those that cannot be read."""

import errno
import io
import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from lightning.pytorch import Trainer
from lightning.pytorch.callbacks import ModelCheckpoint, WeightAveraging
from lightning.pytorch.plugins.io import TorchCheckpointIO
from torch import Tensor
from torch.distributed.checkpoint import FileSystemReader
from torch.distributed.checkpoint.metadata import TensorStorageMetadata

from experiments.common import files
from experiments.common.exits import one_line

METADATA = "meta.pt"  # the name that Lightning gives all but the tensors of a sharded checkpoint


class AtomicCheckpointIO(TorchCheckpointIO):
    """Writes each checkpoint beside its final place and then renames it.

    Lightning writes it under /tmp and moves it, which is a slow copy between two disks.

    Args:
        run: The folder of the run, which is not made again if it has gone.
    """

    def __init__(self, run: Path) -> None:
        super().__init__()
        self.run = run
        self._ahead: dict[str, Any] = {}

    def save_checkpoint(self, checkpoint: dict, path: Any, storage_options: Any = None) -> None:
        if not self.run.is_dir():
            gone = "the folder of the run is not there any more"
            raise FileNotFoundError(errno.ENOENT, gone, str(self.run))
        buffer = io.BytesIO()  # torch.save to a file turns a full disk's error into another
        torch.save(checkpoint, buffer)
        Path(path).parent.mkdir(parents=True, exist_ok=True)
        with files.atomic_write(path) as scratch:
            scratch.write_bytes(buffer.getbuffer())

    def read_ahead(self, file: Path) -> dict[str, Any]:
        """Reads a checkpoint before Lightning does, which then is given the same tensors.

        Returns:
            A copy of the outermost dict. Of a sharded checkpoint it holds all but the tensors: the
            weights in ``state_dict`` have their shapes alone; it is empty if the files are those of
            another strategy.
        """
        if file.is_dir():
            return _read_shapes(file)
        self._ahead[str(file)] = torch.load(file, map_location="cpu", weights_only=True)
        return dict(self._ahead[str(file)])

    def load_checkpoint(self, path: Any, *args: Any, **kwargs: Any) -> dict[str, Any]:
        """Reads a checkpoint, unless it was read ahead; that is handed out once."""
        if (held := self._ahead.pop(str(path), None)) is not None:
            return held
        return super().load_checkpoint(path, *args, **kwargs)


def _read_shapes(folder: Path) -> dict[str, Any]:
    """The contents of a sharded checkpoint, with empty tensors in place of the weights."""
    if not (folder / METADATA).is_file():
        return {}
    held = torch.load(folder / METADATA, map_location="cpu", weights_only=True)
    saved = FileSystemReader(folder).read_metadata().state_dict_metadata
    held["state_dict"] = {
        name.removeprefix("model."): torch.empty(entry.size, device="meta")
        for name, entry in saved.items()
        if name.startswith("model.") and isinstance(entry, TensorStorageMetadata)
    }
    return held


class Best(ModelCheckpoint):
    """Keeps the best checkpoint, also if the run's folder was moved before the run is resumed.

    Of validations with the same value of the metric, the one with the lowest val/loss is the best;
    a value that is not a number is worse than any number. If a callback averages the weights, the
    checkpoint holds the averages: they were validated.

    Args:
        on_better: Is called in every process after a validation that is the best so far.

    Attributes:
        measured: All validation metrics of the best checkpoint.
        place: The ``epoch``, from 1, and ``step`` of the best checkpoint.
    """

    def __init__(
        self, *args: Any, on_better: Callable[[Trainer], None] | None = None, **kwargs: Any
    ) -> None:
        super().__init__(*args, **kwargs)
        self.on_better = on_better
        self.measured: dict[str, float] = {}
        self.place: dict[str, int] = {}

    def check_monitor_top_k(self, trainer: Trainer, current: Tensor | None = None) -> bool:
        if super().check_monitor_top_k(trainer, current):
            return True
        if current is None or self.best_model_score is None:
            return False
        worst = math.inf if self.mode == "min" else -math.inf
        value, best = float(current), float(self.best_model_score)
        tied = (worst if math.isnan(value) else value) == best
        loss = float(trainer.callback_metrics.get("val/loss", math.nan))
        lower = loss < self.measured.get("val/loss", -math.inf)
        return trainer.strategy.reduce_boolean_decision(tied and lower)

    def _update_best_and_save(self, current: Tensor, trainer: Trainer, monitors: dict) -> None:
        known = trainer.callback_metrics
        self.measured = {name: float(known[name]) for name in known if name.startswith("val/")}
        self.place = {"epoch": trainer.current_epoch + 1, "step": trainer.global_step}
        super()._update_best_and_save(current, trainer, monitors)
        if self.on_better:
            self.on_better(trainer)

    def _save_checkpoint(self, trainer: Trainer, filepath: str) -> None:
        # Lightning does not tell WeightAveraging of a checkpoint that holds only weights.
        averages = [
            callback
            for callback in trainer.callbacks
            if isinstance(callback, WeightAveraging) and callback._average_model is not None
        ]
        for callback in averages:
            callback._swap_models(trainer.lightning_module)
        super()._save_checkpoint(trainer, filepath)
        for callback in averages:
            callback._swap_models(trainer.lightning_module)

    def state_dict(self) -> dict[str, Any]:
        return {**super().state_dict(), "measured": self.measured, "place": self.place}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        self.measured = state_dict.get("measured", {})
        self.place = state_dict.get("place", {})
        super().load_state_dict({**state_dict, "dirpath": self.dirpath})


@contextmanager
def one_line_if_unreadable(file: Path, lead: str = "") -> Iterator[None]:
    """Turns the error of a checkpoint that cannot be read into a one-line ValueError."""
    try:
        yield
    except Exception as error:  # torch has many ways to say that a file is broken
        raise ValueError(
            f"{lead}{file} cannot be read ({one_line(error)}): delete it to begin again"
        ) from error
