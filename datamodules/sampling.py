"""Which rows make up which batch: like lengths together, a token budget, seed and epoch."""

from collections.abc import Iterator
from itertools import pairwise

import numpy as np
import torch
from numpy.typing import ArrayLike
from torch.utils.data import DataLoader, Sampler


def width_of(lengths: np.ndarray) -> np.ndarray:
    """Round each length up to a bucket whose width is at most 1/16 of it.

    Rows of one bucket change places from epoch to epoch; the list of widths does not, and so the
    number of batches and the shape of each is the same in every epoch.
    """
    step = 2 ** np.maximum(0, np.floor(np.log2(np.maximum(lengths, 1))).astype(np.int64) - 4)
    return -(-lengths // step) * step


def padded(lengths: ArrayLike, longest: int) -> int:
    """Tokens that rows of these lengths are padded to: their bucket's width, for few shapes.

    On a CPU oneDNN compiles its kernels anew, and keeps them, for each shape that it meets.
    No row becomes longer than ``longest``, the longest of its split.
    """
    return min(int(width_of(np.asarray(lengths)).max()), longest)


def cut(widths: np.ndarray, batch_tokens: int | None, batch_size: int | None, ranks: int) -> list:
    """Cut ascending ``widths`` into slices of at most ``batch_tokens`` padded tokens per rank.

    A row wider than the budget is a batch of its own. With ``batch_size`` the count is fixed.
    """
    edges = [0]
    if batch_size:  # no loop over rows, of which a corpus has millions
        edges = list(range(0, len(widths), batch_size * ranks))
    for place in range(0 if batch_size else len(widths)):
        rows = place - edges[-1] + 1
        if -(-rows // ranks) * widths[place] > batch_tokens and rows > ranks:
            edges.append(place)
    edges.append(len(widths))
    # Each rank needs a row of each slice: a last slice of fewer takes some from those before it.
    for number in range(len(edges) - 2, 0, -1):
        edges[number] = min(edges[number], edges[number + 1] - ranks)
    if len(edges) > 2 and edges[1] < ranks:
        del edges[1]
    return [slice(*pair) for pair in pairwise(edges)]


class LengthBatches(Sampler[list[int]]):
    """Batches of row numbers for one rank; every row once an epoch, on one rank only.

    Args:
        lengths: tokens per row, (N,).
        batch_tokens: padded tokens that a batch may hold on each rank.
        batch_size: rows per batch instead; exactly one of the two is given.
        shuffle: by ``seed`` and epoch; without it rows come in ascending length.
        rank: this process, of ``ranks``.
        cut_for: devices that the batches are cut for, if others than ``ranks``: a resumed run
            keeps its batches, and so its curve, on however many devices it goes on.
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
        cut_for: int | None = None,
    ) -> None:
        assert (batch_tokens is None) != (batch_size is None)
        if len(lengths) < ranks:
            raise ValueError(
                f"--trainer.devices: {ranks} devices cannot share a split of {len(lengths)} rows"
            )
        self.widths = width_of(np.asarray(lengths, dtype=np.int64))
        self.shuffle, self.seed, self.rank, self.ranks = shuffle, seed, rank, ranks
        self.cut_for = cut_for or ranks
        self.slices = cut(np.sort(self.widths), batch_tokens, batch_size, self.cut_for)
        if (fewest := min(part.stop - part.start for part in self.slices)) < ranks:
            raise ValueError(
                f"--trainer.devices: the run's batches were cut for {self.cut_for}, and {ranks} "
                f"devices cannot share one of {fewest} rows: go on with {fewest} at most"
            )
        self.epoch, self.resumed = 0, {"epoch": 0, "position": 0}
        self.sampler = self  # where Lightning looks for set_epoch

    def set_epoch(self, epoch: int) -> None:
        self.epoch = epoch

    @property
    def start(self) -> int:
        """Batches of this epoch that were handed out before the run was stopped."""
        return self.resumed["position"] if self.resumed["epoch"] == self.epoch else 0

    def __len__(self) -> int:
        return len(self.slices)

    def __iter__(self) -> Iterator[list[int]]:
        start, self.resumed = self.start, {"epoch": 0, "position": 0}
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

    What counts is batches handed out, not batches that workers have prefetched.
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
        return {"epoch": self.batch_sampler.epoch, "position": self.position}

    def load_state_dict(self, state: dict[str, int]) -> None:
        self.batch_sampler.resumed = state
