"""Ends of documents and sentences of many shards, memory-mapped: they can be larger than memory."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

_TYPE = np.dtype("<i8")  # written as uint64; a common type with int64 would be a copy in floats


class StoredEnds:
    """Ascending ends, in tokens of the stream. Like an array, but on disk.

    Args:
        files: A file of uint64 for each shard, in tokens of the shard.
        starts: The start of each shard in the stream and the end of the last, (shards + 1,) int64.
    """

    def __init__(self, files: Sequence[Path], starts: np.ndarray) -> None:
        self.files, self.starts = list(files), starts
        counts = [file.stat().st_size // _TYPE.itemsize for file in files]
        self.firsts = np.cumsum([0, *counts])  # the number of ends before each shard
        self._maps: dict[int, np.ndarray] = {}

    def __len__(self) -> int:
        return int(self.firsts[-1])

    def __iter__(self) -> Iterator[int]:
        for number in range(len(self.files)):
            yield from (self.of_shard(number) + self.starts[number]).tolist()

    def __getitem__(self, places: Any) -> Any:
        """The ends at these places, an int64 array of any shape; or one of them, for an integer."""
        wanted = np.asarray(places)
        found = np.empty(wanted.shape, dtype=np.int64)
        shards = np.searchsorted(self.firsts, wanted, "right") - 1
        for number in np.unique(shards):
            here = shards == number
            inside = wanted[here] - self.firsts[number]
            found[here] = self._map(number)[inside] + self.starts[number]
        return found if found.shape else int(found)

    def searchsorted(self, values: Any, side: str = "left") -> Any:
        """Count the ends before each value, and with "right" also those that equal it."""
        wanted = np.asarray(values)
        # All ends of the shards that end before a value come before it.
        shards = np.searchsorted(self.starts[1:], wanted, side)  # type: ignore[call-overload]
        found = np.full(wanted.shape, len(self), dtype=np.int64)
        for number in np.unique(shards):
            if number < len(self.files):
                here = shards == number
                inside = wanted[here] - self.starts[number]
                found[here] = self.firsts[number] + self._map(number).searchsorted(inside, side)
        return found if found.shape else int(found)

    def of_shard(self, number: int) -> np.ndarray:
        """The ends of one shard in its own tokens, in memory, (ends,) int64."""
        return np.fromfile(self.files[number], dtype=_TYPE)

    def _map(self, number: int) -> np.ndarray:
        if number not in self._maps:
            self._maps[number] = np.memmap(self.files[number], _TYPE, "r")
        return self._maps[number]

    def __getstate__(self) -> dict[str, Any]:
        return {**vars(self), "_maps": {}}  # a worker process maps the files itself


def last_end(file: Path) -> int | None:
    """Read the last end of a file, 0 of an empty one, and None of one that is cut in an end."""
    size = file.stat().st_size
    if size % _TYPE.itemsize:
        return None
    return int(np.fromfile(file, _TYPE, 1, offset=size - _TYPE.itemsize)[0]) if size else 0
