"""Checkpoints of every step of a run."""

import shutil
from pathlib import Path

from lightning.pytorch import Callback

from callbacks import LastCheckpoint


class Copies(Callback):
    """A copy of last.ckpt for every step at which it was written."""

    def __init__(self, last: LastCheckpoint, folder: Path) -> None:
        self.files: dict[int, Path] = {}
        save = last._save

        def save_and_copy(trainer) -> None:
            save(trainer)
            self.files[trainer.global_step] = folder / f"{trainer.global_step}.ckpt"
            shutil.copy(last.file, self.files[trainer.global_step])

        last._save = save_and_copy
