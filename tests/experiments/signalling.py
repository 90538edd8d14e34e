"""A user's callback, chosen by flag, that sends its own process a signal at given places."""

import os
import time
from pathlib import Path

from lightning.pytorch import Callback


class SignalAt(Callback):
    """Signals where a run comes to one of ``places``, once each: the file ``sent`` remembers.

    Args:
        places: hook:step, separated by commas, such as train_batch_end:3.
        number: of the signal; 9 kills.
        again: whether to send it a second time while the first is dealt with.
    """

    def __init__(self, places: str, number: int = 9, again: bool = False) -> None:
        self.places, self.number, self.again = places.split(","), number, again

    def _at(self, hook: str, step: int) -> None:
        sent = Path("sent")
        before = sent.read_text().split() if sent.exists() else []
        place = f"{hook}:{step}"
        if place in self.places and place not in before:
            sent.write_text(" ".join([*before, place]))
            os.kill(os.getpid(), self.number)

    def on_train_batch_start(self, trainer, pl_module, batch, batch_idx):
        self._at("train_batch_start", trainer.global_step)

    def on_train_batch_end(self, trainer, pl_module, outputs, batch, batch_idx):
        self._at("train_batch_end", trainer.global_step)

    def on_validation_batch_end(self, trainer, pl_module, outputs, batch, batch_idx):
        self._at("validation_batch_end", trainer.global_step)

    def on_validation_end(self, trainer, pl_module):
        self._at("validation_end", trainer.global_step)

    def on_train_epoch_end(self, trainer, pl_module):
        self._at("train_epoch_end", trainer.global_step)

    def on_test_batch_end(self, trainer, pl_module, outputs, batch, batch_idx):
        self._at("test_batch_end", batch_idx)

    def on_exception(self, trainer, pl_module, exception):
        if self.again:
            os.kill(os.getpid(), self.number)


class Beat(Callback):
    """Writes when each step ended to the file ``beat``, which loses nothing to a kill."""

    def on_train_batch_end(self, trainer, pl_module, outputs, batch, batch_idx):
        with open("beat", "a") as file:
            file.write(f"{time.time()} {trainer.global_step - 1}\n")


class Notifier(Callback):
    """Would tell somebody about the run, and cannot if it ``fails``."""

    def __init__(self, url: str, password: str, fails: bool = False) -> None:
        self.url, self.fails = url, fails

    def on_train_batch_end(self, trainer, pl_module, outputs, batch, batch_idx):
        if self.fails:
            raise RuntimeError(f"{self.url} does not answer")


class Slow(Callback):
    """Waits so many seconds after each step."""

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds

    def on_train_batch_end(self, trainer, pl_module, outputs, batch, batch_idx):
        time.sleep(self.seconds)
