"""Length batches against what they promise, over ranks and epochs; resuming at every place."""

from itertools import pairwise

import numpy as np
import pytest
import torch

from datamodules.sampling import (
    LengthBatchSampler,
    ResumableLoader,
    batch_edges,
    bucket_width,
    padded_width,
)
from datamodules.tokens import TokenRows


def lengths_of(rows: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).geometric(0.05, rows) + 2


def epochs(lengths, ranks=1, count=3, **settings) -> list[list[list[list[int]]]]:
    """Batches by epoch and rank."""
    settings = {"batch_tokens": 256, "batch_size": None, "shuffle": True, **settings}
    samplers = [
        LengthBatchSampler(lengths, rank=r, world_size=ranks, **settings) for r in range(ranks)
    ]
    found = []
    for epoch in range(count):
        for sampler in samplers:
            sampler.set_epoch(epoch)
        found.append([list(sampler) for sampler in samplers])
        assert all(len(batches) == len(samplers[0]) for batches in found[-1])
    return found


CASES = {
    "mixed": lengths_of(301),
    "one row": np.array([7]),
    "few rows": np.array([9, 4, 5]),
    "equal": np.full(50, 12),
    "long rows": np.array([400, 400, 300, 3, 4, 5]),
    "a short tail": np.full(17, 64),  # 4 rows to a rank, and one left over
    "all too long": np.full(7, 999),
}


@pytest.mark.parametrize("shuffle", [True, False])
@pytest.mark.parametrize("ranks", [1, 2, 3])
@pytest.mark.parametrize("case", CASES)
def test_every_row_once_an_epoch_on_one_rank_and_within_the_budget(case, ranks, shuffle):
    lengths = CASES[case]
    if len(lengths) < ranks:
        with pytest.raises(ValueError, match=f"{ranks} devices cannot share a split of 1 rows"):
            epochs(lengths, ranks)
        return
    for by_rank in epochs(lengths, ranks, shuffle=shuffle):
        rows = [row for batches in by_rank for batch in batches for row in batch]
        assert sorted(rows) == list(range(len(lengths)))
        assert len({len(batches) for batches in by_rank}) == 1
        for batch in (batch for batches in by_rank for batch in batches):
            assert batch
            within = len(batch) * bucket_width(lengths[batch]).max() <= 256
            # 7 rows over 2 or 3 ranks, or 3 rows over 2, cannot come one to a batch.
            uneven = len(batch) == 2 and len(lengths) % ranks and case == "all too long"
            assert within or len(batch) == 1 or uneven


@pytest.mark.parametrize("ranks", [1, 2, 3])
def test_random_cases(ranks):
    for seed in range(60):
        random = np.random.default_rng(seed)
        lengths = random.integers(1, 60, random.integers(ranks, 40))
        for by_rank in epochs(lengths, ranks, count=2, batch_tokens=64):
            rows = [row for batches in by_rank for batch in batches for row in batch]
            assert sorted(rows) == list(range(len(lengths))), seed
            assert len({len(batches) for batches in by_rank}) == 1
            # Room for one row of the widest to spare: only where too few are left to share.
            small = bucket_width(lengths).min() * 2 <= 64
            for batch in (batch for batches in by_rank for batch in batches):
                within = len(batch) * bucket_width(lengths[batch]).max() <= 64
                assert batch and (within or len(batch) == 1 or not small or len(rows) < 3 * ranks)


@pytest.mark.parametrize("ranks", [1, 2])
def test_batch_size_fixes_the_count(ranks):
    for by_rank in epochs(CASES["mixed"], ranks, batch_tokens=None, batch_size=8):
        sizes = [len(batch) for batches in by_rank for batch in batches]
        assert max(sizes) == 8 and sum(sizes) == 301 and sizes.count(8) >= 301 // 8 - ranks


def test_the_budget_is_used_and_like_lengths_share_a_batch():
    lengths = lengths_of(5_000)
    (batches,) = epochs(lengths, count=1, batch_tokens=1024)[0]
    filled = [len(batch) * int(lengths[batch].max()) for batch in batches]
    assert sum(filled) / lengths.sum() < 1.07  # hardly any padding
    assert np.mean(filled) > 0.85 * 1024


def test_widths_cover_their_lengths_by_a_sixteenth_at_most():
    lengths = np.arange(1, 5_000)
    widths = bucket_width(lengths)
    assert (widths >= lengths).all() and (widths <= lengths * 17 / 16).all()
    assert (np.diff(widths) >= 0).all() and len(np.unique(widths)) < 200


def test_order_is_a_function_of_seed_and_epoch():
    lengths = CASES["mixed"]
    one, again, other = (epochs(lengths, seed=seed) for seed in (1, 1, 2))
    assert one == again
    assert one[0] != one[1] != one[2] and one != other
    assert {frozenset(b) for b in one[0][0]} != {frozenset(b) for b in one[1][0]}  # and the company
    assert len({len(ranks[0]) for ranks in one}) == 1
    shapes = [sorted((len(b), bucket_width(lengths[b]).max()) for b in ranks[0]) for ranks in one]
    assert shapes[0] == shapes[1] == shapes[2]
    still = epochs(lengths, shuffle=False)
    assert still[0] == still[1]


def test_ranks_agree_on_the_shape_of_each_batch():
    """Or one device waits for another at every step."""
    lengths = lengths_of(2_000)
    for first, second in zip(*epochs(lengths, ranks=2, count=1)[0], strict=True):
        assert 0 <= len(first) - len(second) <= 1
        widest = [int(bucket_width(lengths[batch]).max()) for batch in (first, second)]
        assert max(widest) <= 1.5 * min(widest) + 2


# ResumableLoader -------------------------------------------------------------------------------


def rows_of(lengths) -> TokenRows:
    starts = torch.from_numpy(np.concatenate([[0], np.cumsum(lengths)]))
    return TokenRows(
        torch.arange(int(starts[-1])).int(),
        torch.empty(0).byte(),
        starts,
        torch.arange(len(lengths)),
        torch.zeros(len(lengths)).bool(),
        pad=-1,
    )


def test_every_epoch_has_the_same_few_shapes():
    """As each is a set of kernels that oneDNN compiles and keeps."""
    lengths = lengths_of(2_000)
    rows, batches = rows_of(lengths), LengthBatchSampler(lengths, 1024, None, shuffle=True)
    shapes = []
    for epoch in range(3):
        batches.set_epoch(epoch)
        made = [rows.__getitems__(batch)["input_ids"] for batch in batches]
        shapes.append({tuple(ids.shape) for ids in made})
    assert shapes[0] == shapes[1] == shapes[2]
    assert padded_width(np.array([33, 20]), 100) == 34 and padded_width(np.array([33]), 33) == 33


def loader_of(workers: int) -> ResumableLoader:
    lengths = lengths_of(40)
    batches = LengthBatchSampler(lengths, 256, None, shuffle=True, seed=3)
    return ResumableLoader(rows_of(lengths), batches, workers)


def an_epoch(loader: ResumableLoader, number: int, stop: int | None = None) -> list[list[int]]:
    loader.batch_sampler.set_epoch(number)
    found = []
    for batch in loader:
        found.append(batch["index"].tolist())
        if len(found) == stop:
            break
    return found


@pytest.mark.parametrize("workers", [0, pytest.param(2, marks=pytest.mark.slow)])
def test_a_loader_goes_on_from_any_place_of_an_epoch(workers):
    whole = loader_of(workers)
    unbroken = [an_epoch(whole, number) for number in range(3)]
    size = len(whole)
    assert size >= 4
    for stop in range(1, size + 1) if workers == 0 else (1, size // 2, size):
        first = loader_of(workers)
        assert an_epoch(first, 0) == unbroken[0]
        assert an_epoch(first, 1, stop) == unbroken[1][:stop]
        state = first.state_dict()
        assert state == {"epoch": 1, "position": stop}
        second = loader_of(workers)
        second.load_state_dict(state)
        if stop < size:
            rest = an_epoch(second, 1, 1)  # and stopped once more
            assert rest == unbroken[1][stop : stop + 1]
            third = loader_of(workers)
            third.load_state_dict(second.state_dict())
            assert an_epoch(third, 1) == unbroken[1][stop + 1 :]
            assert an_epoch(third, 2) == unbroken[2]
        else:
            assert an_epoch(second, 2) == unbroken[2]


def test_an_epoch_that_was_cut_short_is_followed_by_a_whole_one():
    """--trainer.limit_train_batches ends an epoch before the loader does."""
    whole = loader_of(0)
    first = loader_of(0)
    an_epoch(first, 0, stop=2)
    second = loader_of(0)
    second.load_state_dict(first.state_dict())
    assert an_epoch(second, 1) == an_epoch(whole, 1)


def test_loading_draws_nothing_from_the_global_generator():
    torch.manual_seed(0)
    before = torch.get_rng_state()
    an_epoch(loader_of(0), 0)
    assert torch.equal(torch.get_rng_state(), before)


def test_a_fixed_number_of_rows_needs_no_loop():
    for rows, size, ranks in ((100, 7, 1), (101, 7, 3), (5, 7, 2), (22, 7, 3)):
        edges = batch_edges(np.full(rows, 3), None, size, ranks).tolist()
        slices = [slice(*pair) for pair in pairwise(edges)]
        naive, edges = [], [0]
        for place in range(rows):
            if -(-(place - edges[-1] + 1) // ranks) > size and place - edges[-1] + 1 > ranks:
                edges.append(place)
        naive = [*edges, rows]
        if naive[-1] - naive[-2] >= ranks:
            assert [s.start for s in slices] + [rows] == naive
        assert all(s.stop - s.start >= ranks for s in slices)
