"""Which rows make up which batch: like lengths together, a token budget, seed and epoch."""

from collections.abc import Iterator

import numpy as np
import torch
from torch.utils.data import DataLoader, Sampler


def width_of(lengths: np.ndarray) -> np.ndarray:
    """Round each length up to a bucket whose width is at most 1/16 of it.

    Rows of one bucket change places from epoch to epoch; the list of widths does not, and so the
    number of batches and the shape of each is the same in every epoch.
    """
    step = 2 ** np.maximum(0, np.floor(np.log2(np.maximum(lengths, 1))).astype(np.int64) - 4)
    return -(-lengths // step) * step


def cut(widths: np.ndarray, batch_tokens: int | None, batch_size: int | None, ranks: int) -> list:
    """Cut ascending ``widths`` into slices of at most ``batch_tokens`` padded tokens per rank.

    A row wider than the budget is a batch of its own. With ``batch_size`` the count is fixed.
    """
    slices, start = [], 0
    for place in range(len(widths)):
        rows = place - start + 1
        per_rank = -(-rows // ranks)
        full = per_rank > batch_size if batch_size else per_rank * widths[place] > batch_tokens
        if full and rows > ranks:
            slices.append(slice(start, place))
            start = place
    if start < len(widths):
        slices.append(slice(start, len(widths)))
    # The last slice may hold fewer rows than there are ranks; each rank needs at least one.
    if len(slices) > 1 and slices[-1].stop - slices[-1].start < ranks:
        last = slices.pop()
        slices[-1] = slice(slices[-1].start, last.stop)
    return slices


class LengthBatches(Sampler[list[int]]):
    """Batches of row numbers for one rank; every row once an epoch, on one rank only.

    Args:
        lengths: tokens per row, (N,).
        batch_tokens: padded tokens that a batch may hold on each rank.
        batch_size: rows per batch instead; exactly one of the two is given.
        shuffle: by ``seed`` and epoch; without it rows come in ascending length.
        rank: this process, of ``ranks``.
    """

    def __init__(
        self,
        lengths: np.ndarray,
        batch_tokens: int | None,
        batch_size: int | None,
        shuffle: bool,
        seed: int = 0,
        rank: int = 0,
        ranks: int = 1,
    ) -> None:
        assert (batch_tokens is None) != (batch_size is None)
        self.widths = width_of(np.asarray(lengths, dtype=np.int64))
        self.shuffle, self.seed, self.rank, self.ranks = shuffle, seed, rank, ranks
        self.slices = cut(np.sort(self.widths), batch_tokens, batch_size, ranks)
        self.epoch = self.start = 0
        self.sampler = self  # where Lightning looks for set_epoch

    def set_epoch(self, epoch: int) -> None:
        self.epoch = epoch

    def __len__(self) -> int:
        return len(self.slices)

    def __iter__(self) -> Iterator[list[int]]:
        start, self.start = self.start, 0
        random = np.random.default_rng([self.seed, self.epoch])
        ties = random.random(len(self.widths)) if self.shuffle else np.arange(len(self.widths))
        rows = np.lexsort((ties, self.widths))
        order = random.permutation(len(self)) if self.shuffle else np.arange(len(self))
        for number in order[start:]:
            yield rows[self.slices[number]][self.rank :: self.ranks].tolist()


def _as_it_is(batch: dict) -> dict:
    return batch  # the rows come as a padded batch already


class ResumableLoader(DataLoader):
    """A DataLoader over :class:`LengthBatches` whose place in the epoch is part of the checkpoint.

    Lightning saves ``state_dict()`` with the fit loop. What counts is batches handed out, not
    batches that workers have prefetched.
    """

    def __init__(self, rows, batches: LengthBatches, workers: int = 0) -> None:
        super().__init__(
            rows,
            batch_sampler=batches,
            num_workers=workers,
            collate_fn=_as_it_is,
            pin_memory=torch.cuda.is_available(),
            persistent_workers=workers > 0,
            generator=torch.Generator(),  # or each epoch would draw from the global generator
        )
        self.position = 0

    def __iter__(self):
        self.position = self.batch_sampler.start
        for batch in super().__iter__():
            self.position += 1
            yield batch

    def state_dict(self) -> dict[str, int]:
        return {"position": self.position}

    def load_state_dict(self, state: dict[str, int]) -> None:
        # A checkpoint from the end of an epoch continues with the first batch of the next.
        self.batch_sampler.start = state["position"] % len(self)
