"""A random order of very many rows that is computed in parts and not kept in memory."""

import numpy as np

_ROUNDS = 4
_MULTIPLIERS = np.array([0xBF58476D1CE4E5B9, 0x94D049BB133111EB], dtype=np.uint64)


class OrderOfMany:
    """Rows in ascending width, those of one width in a random order of the seed and the epoch.

    Args:
        widths: The width of each row, (N,).
    """

    def __init__(self, widths: np.ndarray, seed: int, epoch: int) -> None:
        self.seed, self.epoch = seed, epoch
        values, counts = np.unique(widths, return_counts=True)
        self.edges = np.cumsum([0, *counts])  # the places where a new width begins
        # Rows of a dense corpus are all of one width, but for the last.
        same = len(values) == 1 or (counts[0] == 1 and len(values) == 2 and widths[-1] < widths[0])
        order = None if same else np.argsort(widths, kind="stable")
        self.rows = None if order is None else order.astype(np.min_scalar_type(len(widths)))
        self.last_first = same and len(values) == 2

    def __getitem__(self, part: slice) -> np.ndarray:
        """The numbers of the rows at these places of the order, int64."""
        places = np.arange(part.start, part.stop)
        groups = np.searchsorted(self.edges, places, "right") - 1
        for group in np.unique(groups):
            here, first = groups == group, self.edges[group]
            key = np.random.SeedSequence([self.seed, self.epoch, int(group)])
            count = int(self.edges[group + 1] - first)
            places[here] = first + shuffled(places[here] - first, count, key)
        if self.rows is not None:
            return self.rows[places].astype(np.int64)
        return (places - 1) % self.edges[-1] if self.last_first else places


def shuffled(places: np.ndarray, size: int, key: np.random.SeedSequence) -> np.ndarray:
    """Return what stands at these places of a random permutation of the numbers below ``size``.

    A Feistel network of four rounds over the next power of four, walked until the number is small
    enough (Black & Rogaway 2002, "Ciphers with arbitrary finite domains").

    Args:
        places: (…) integers below ``size``.
        key: The seed of the permutation.
    """
    half = np.uint64(max(1, (max(1, size - 1).bit_length() + 1) // 2))
    low = np.uint64((1 << int(half)) - 1)
    keys = key.generate_state(_ROUNDS, np.uint64)
    found = places.astype(np.uint64)
    left = np.ones(found.shape, dtype=bool)
    while left.any():
        one, two = found[left] >> half, found[left] & low
        for round_key in keys:
            one, two = two, one ^ (_mixed(two, round_key) & low)
        found[left] = (one << half) | two
        left = found >= size
    return found.astype(np.int64)


def _mixed(values: np.ndarray, key: np.uint64) -> np.ndarray:
    """Mix the bits of 64-bit numbers (the end of SplitMix64, Steele et al. 2014)."""
    values = values + key
    for shift, multiplier in zip((30, 27), _MULTIPLIERS, strict=True):
        values = (values ^ (values >> np.uint64(shift))) * multiplier
    return values ^ (values >> np.uint64(31))
