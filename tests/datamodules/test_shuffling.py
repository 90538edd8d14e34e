"""The order of very many rows: computed in parts, and still every row once an epoch."""

import numpy as np
import pytest
from numpy.random import SeedSequence

from datamodules import sampling
from datamodules.sampling import LengthBatchSampler, bucket_width
from datamodules.shuffling import shuffled
from tests.datamodules.test_sampling import epochs, lengths_of


@pytest.mark.parametrize("lengths", [lengths_of(301), np.append(np.full(300, 64), 7)])
@pytest.mark.parametrize("ranks", [1, 2])
def test_the_order_of_many_rows_is_not_kept(monkeypatch, lengths, ranks):
    settings = {"batch_tokens": None, "batch_size": 8, "seed": 2}
    whole = epochs(lengths, ranks, **settings)
    monkeypatch.setattr(sampling, "MANY_ROWS", 10)
    parts = epochs(lengths, ranks, **settings)
    assert (
        parts
        == epochs(lengths, ranks, **settings)
        != epochs(lengths, ranks, **settings | {"seed": 3})
    )
    assert parts[0] != parts[1]
    for by_rank, before in zip(parts, whole, strict=True):
        rows = [row for batches in by_rank for batch in batches for row in batch]
        assert sorted(rows) == list(range(len(lengths)))
        assert shapes(by_rank, lengths) == shapes(before, lengths)


def shapes(by_rank, lengths) -> list:
    """The widths of the rows of each batch, in any order."""
    return [sorted(sorted(bucket_width(lengths[b])) for b in batches) for batches in by_rank]


@pytest.mark.parametrize("size", [1, 2, 3, 5, 64, 1000, 4097])
def test_a_shuffle_in_parts_is_a_permutation(size):
    orders = {tuple(shuffled(np.arange(size), size, SeedSequence(k)).tolist()) for k in range(9)}
    assert all(sorted(order) == list(range(size)) for order in orders)
    assert size < 5 or len(orders) == 9
    if size > 100:  # no place is likelier than another
        firsts = [int(shuffled(np.array([0]), size, SeedSequence(k))[0]) for k in range(400)]
        assert 0.4 < np.mean(firsts) / size < 0.6


def test_widths_are_kept_in_a_byte_where_they_fit():
    sampler = LengthBatchSampler(np.full(50, 128), None, 4, shuffle=True)
    assert sampler.widths.dtype == np.uint8 and set(sampler.widths) == {128}
