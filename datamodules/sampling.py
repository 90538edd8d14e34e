"""Batches of rows of like length within a token budget, by seed and epoch; resumable."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import torch
from numpy.typing import ArrayLike
from torch.utils.data import DataLoader, Sampler

from datamodules.shuffling import OrderOfMany

MANY_ROWS = 1 << 24  # of more, the order of an epoch is not kept in memory: 24 bytes a row


def bucket_width(lengths: np.ndarray) -> np.ndarray:
    """Round each length up to a bucket whose width is at most 1/16 of it.

    Rows of one bucket change places from epoch to epoch; the list of widths does not, and so the
    number of batches and the shape of each is the same in every epoch.
    """
    step = 2 ** np.maximum(0, np.floor(np.log2(np.maximum(lengths, 1))).astype(np.int64) - 4)
    return -(-lengths // step) * step


def padded_width(lengths: ArrayLike, max_width: int) -> int:
    """The width to which rows of these lengths are padded: their bucket's, so that shapes are few.

    On a CPU oneDNN compiles its kernels anew, and keeps them, for each shape that it meets.
    No row becomes longer than ``max_width``, the longest of its split.
    """
    return min(int(bucket_width(np.asarray(lengths)).max()), max_width)


def batch_edges(
    widths: np.ndarray, batch_tokens: int | None, batch_size: int | None, world_size: int
) -> np.ndarray:
    """Slice ascending ``widths`` into batches of at most ``batch_tokens`` padded tokens per rank.

    A row wider than the budget is a batch of its own. With ``batch_size`` the count is fixed.

    Returns:
        The edges of the slices, (batches + 1,) int64.
    """
    if batch_size:  # no loop over rows, of which a corpus has millions
        found = np.arange(0, len(widths), batch_size * world_size)
        edges = np.append(found if len(found) else 0, len(widths))
    else:
        assert batch_tokens is not None
        edges = np.array(_edges_by_tokens(widths, batch_tokens, world_size))
    # Each rank needs a row of each slice: a last slice of fewer takes some from those before it.
    room = world_size * np.arange(len(edges))
    edges[1:] = np.minimum.accumulate((edges - room)[:0:-1])[::-1] + room[1:]
    return np.delete(edges, 1) if len(edges) > 2 and edges[1] < world_size else edges


def _edges_by_tokens(widths: np.ndarray, batch_tokens: int, world_size: int) -> list[int]:
    edges = [0]
    for place, width in enumerate(widths.tolist()):
        rows = place - edges[-1] + 1
        if -(-rows // world_size) * width > batch_tokens and rows > world_size:
            edges.append(place)
    return [*edges, len(widths)]


class LengthBatchSampler(Sampler[list[int]]):
    """Samples batches of row numbers for one rank; a row comes once an epoch, on one rank only.

    Args:
        lengths: The number of tokens of each row, (N,).
        batch_tokens: The number of padded tokens that a batch may hold on each rank.
        batch_size: The number of rows of a batch; exactly one of these two is given.
        shuffle: Whether to shuffle by ``seed`` and epoch; without it rows come in ascending length.
        seed: The seed of the order.
        rank: The number of this process.
        world_size: The number of processes.
        planned_world_size: The number of processes that the batches are made for, if it is not
            ``world_size``: a resumed run keeps its batches, and so its curve, on other devices.
    """

    def __init__(
        self,
        lengths: np.ndarray,
        batch_tokens: int | None,
        batch_size: int | None,
        shuffle: bool,
        seed: int = 0,
        rank: int = 0,
        world_size: int = 1,
        planned_world_size: int | None = None,
    ) -> None:
        assert (batch_tokens is None) != (batch_size is None)
        if len(lengths) < world_size:
            raise ValueError(
                f"--trainer.devices: {world_size} devices cannot share a split of {len(lengths)} "
                f"rows"
            )
        self.widths = _compact_widths(lengths)
        self.shuffle, self.seed, self.rank, self.world_size = shuffle, seed, rank, world_size
        self.planned_world_size = planned_world_size or world_size
        self.edges = batch_edges(
            np.sort(self.widths), batch_tokens, batch_size, self.planned_world_size
        )
        if (fewest := int(np.diff(self.edges).min())) < world_size:
            raise ValueError(
                f"--trainer.devices: the run's batches were cut for {self.planned_world_size}, and "
                f"{world_size} devices cannot share one of {fewest} rows: go on with {fewest} at "
                f"most"
            )
        self.epoch, self.resumed = 0, {"epoch": 0, "position": 0}
        self.sampler = self  # where Lightning looks for set_epoch

    def set_epoch(self, epoch: int) -> None:
        self.epoch = epoch

    @property
    def start(self) -> int:
        """The number of batches of this epoch that were handed out before the run was stopped."""
        return self.resumed["position"] if self.resumed["epoch"] == self.epoch else 0

    def __len__(self) -> int:
        return len(self.edges) - 1

    def __iter__(self) -> Iterator[list[int]]:
        start, self.resumed = self.start, {"epoch": 0, "position": 0}
        random = np.random.default_rng([self.seed, self.epoch])
        rows: np.ndarray | OrderOfMany
        if not self.shuffle:
            rows = np.argsort(self.widths, kind="stable")
        elif len(self.widths) <= MANY_ROWS:
            rows = np.lexsort((random.random(len(self.widths)), self.widths))
        else:
            rows = OrderOfMany(self.widths, self.seed, self.epoch)
        order = random.permutation(len(self)) if self.shuffle else np.arange(len(self))
        for number in order[start:]:
            batch = rows[self.edges[number] : self.edges[number + 1]]
            yield batch[self.rank :: self.world_size].tolist()


def _compact_widths(lengths: np.ndarray) -> np.ndarray:
    """Round lengths up to their buckets, in the smallest type that holds the widest."""
    lengths = np.asarray(lengths)
    if not np.issubdtype(lengths.dtype, np.integer):
        lengths = lengths.astype(np.int64)
    table = bucket_width(np.arange(int(lengths.max()) + 1))
    return table.astype(np.min_scalar_type(int(table[-1])))[lengths]


def _identity(batch: Any) -> Any:
    return batch  # the rows come as a padded batch already


class ResumableLoader(DataLoader):
    """A DataLoader whose place in the epoch is part of the checkpoint.

    The place is the number of batches handed out, not of those that workers have prefetched.
    """

    batch_sampler: LengthBatchSampler

    def __init__(self, rows: Any, sampler: LengthBatchSampler, workers: int = 0) -> None:
        super().__init__(
            rows,
            batch_sampler=sampler,
            num_workers=workers,
            collate_fn=_identity,
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


class PlainBatches:
    """The batches of a loader; Lightning would give a ``DataLoader`` to predict another sampler."""

    def __init__(self, loader: ResumableLoader) -> None:
        self.loader = loader

    def __len__(self) -> int:
        return len(self.loader)

    def __iter__(self) -> Iterator[Any]:
        return iter(self.loader)
