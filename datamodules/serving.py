"""Rows to batches, for every data module that serves by token budget; resumable."""

from collections.abc import Callable

import numpy as np
from lightning.pytorch import LightningDataModule

from datamodules.sampling import LengthBatches, ResumableLoader


class Serving(LightningDataModule):
    """Loaders over ``_rows``, and their place in the checkpoint.

    A subclass fills ``_rows`` by split (each with ``lengths`` and ``__getitems__``) in
    ``prepare_data``, and has ``fingerprint``, ``source``, ``origin`` and ``test_split``.
    """

    batches: type[LengthBatches] = LengthBatches
    fingerprint: str
    source: str
    origin: str
    test_split: str

    def __init__(
        self, seed: int, batch_tokens: int | None, batch_size: int | None, workers: int
    ) -> None:
        super().__init__()
        self.seed, self.workers = seed, workers
        self.batch_tokens, self.batch_size = batch_tokens, batch_size
        self._rows: dict = {}
        self._train: ResumableLoader | None = None
        self._resumed: dict | None = None
        self._cut_for: int | None = None  # devices of the run that is resumed
        # What a module makes of a row of so many tokens, which is what a batch has to hold.
        self.num_input_tokens: Callable[[np.ndarray], np.ndarray] = np.asarray

    def longest(self) -> int:
        """Tokens of the longest row of all splits. Needs ``setup``."""
        return max(int(rows.lengths.max()) for rows in self._rows.values())

    def setup(self, stage: str) -> None:
        self.prepare_data()  # from the cache, in the processes that waited

    def _loader(self, split: str, shuffle: bool, shared: bool = True) -> ResumableLoader:
        trainer, rows = self.trainer, self._rows[split]
        ranks = (trainer.global_rank, trainer.world_size) if trainer and shared else (0, 1)
        budget = None if self.batch_size else self.batch_tokens
        costs = self.num_input_tokens(rows.lengths)
        cut_for = self._cut_for if split == "train" else None
        batches = self.batches(
            costs, budget, self.batch_size, shuffle, self.seed, *ranks, cut_for=cut_for
        )
        return ResumableLoader(rows, batches, workers=self.workers)

    def train_dataloader(self) -> ResumableLoader:
        self._train = self._loader("train", shuffle=True)
        if self._resumed:
            self._train.load_state_dict(self._resumed)
            self._resumed = None
        return self._train

    def val_dataloader(self) -> ResumableLoader:
        return self._loader("validation", shuffle=False)

    def test_dataloader(self) -> ResumableLoader:
        return self._loader(self.test_split, shuffle=False)

    def whole_test(self) -> ResumableLoader:
        """The test rows of all devices."""
        return self._loader(self.test_split, shuffle=False, shared=False)

    def state_dict(self) -> dict:
        """The place in the epoch, for the checkpoint.

        Lightning makes the loader before it has read the checkpoint, if an optimizer asks for the
        number of steps, and then forgets the loader's own state.
        """
        return {"fingerprint": self.fingerprint} | self._place()

    def _place(self) -> dict:
        if not self._train:
            return {}
        return {"train": self._train.state_dict(), "devices": self._train.batch_sampler.cut_for}

    def load_state_dict(self, state_dict: dict) -> None:
        if state_dict["fingerprint"] != self.fingerprint:
            raise ValueError(
                f"--data.source {self.source}: {self.origin} is not what the run was trained on; "
                f"give it the data it had, or begin a new run"
            )
        self._resume(state_dict)

    def _resume(self, state_dict: dict) -> None:
        self._resumed, self._cut_for = state_dict.get("train"), state_dict.get("devices")
