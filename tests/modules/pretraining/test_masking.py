"""MaskSampler: what is chosen, how often, and what the model sees, over a million tokens."""

import math

import pytest
import torch

from datamodules.packaged import load_tokenizer
from modules import masking
from modules.pretraining.mask_sampler import MaskSampler
from modules.pretraining.word_starts import word_starts
from tests import stories

ROWS, WIDTH = 4000, 257


@pytest.fixture(scope="module", params=["bpe", "wordpiece", "unigram"])
def tokenizer(request, tmp_path_factory):
    kind, folder = request.param, tmp_path_factory.mktemp(request.param)
    return load_tokenizer(f"{stories.write(folder, kind=kind, entries=270 + 50)}/tokenizer")


def draw(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def within(count: int, of: int, share: float, deviations: float = 5) -> bool:
    """Whether so many of so many is what a binomial would give."""
    return abs(count - of * share) < deviations * math.sqrt(of * share * (1 - share))


@pytest.mark.parametrize("probability", [0.15, 0.4])
def test_shares_of_single_tokens(tokenizer, probability):
    size = len(tokenizer)
    ids = torch.randint(size, (ROWS, WIDTH), generator=draw(1))
    mask = torch.ones_like(ids, dtype=torch.bool)
    mask[:, 200:] = torch.arange(ROWS)[:, None] % 2 == 0
    masks = MaskSampler(tokenizer, probability)
    seen, chosen = masks(ids, mask, draw())
    special = torch.isin(ids, torch.tensor(tokenizer.all_special_ids))
    assert not (chosen & (special | ~mask)).any()
    count, total = int(chosen.sum()), int((mask & ~special).sum())
    assert within(count, total, probability)
    assert torch.equal(seen[~chosen], ids[~chosen])
    hidden = chosen & (seen == tokenizer.mask_token_id)
    same = chosen & (seen == ids)
    drawn_mask = 0.1 / size  # a drawn token may be the mask, or the token itself
    assert within(int(hidden.sum()), count, 0.8 + drawn_mask)
    assert within(int(same.sum()), count, 0.1 + drawn_mask)
    others = torch.bincount(seen[chosen & ~hidden & ~same], minlength=size)
    assert (others > 0).sum() > 0.95 * size  # of the whole vocabulary
    assert not torch.equal(masks(ids, mask, draw(2))[1], chosen)
    again = masks(ids, mask, draw())
    assert torch.equal(again[0], seen)
    assert torch.equal(again[1], chosen)


def test_words_are_chosen_whole(tokenizer):
    text = "the old king painted two ships. nobody forgot an umbrella."
    ids = torch.tensor([tokenizer.encode(text, add_special_tokens=False)] * 3000)
    starts = word_starts(tokenizer)[ids]
    words = starts.long().cumsum(1)[0]
    pieces = [tokenizer.decode(ids[0][words == n]).strip() for n in words.unique()]
    if tokenizer.backend_tokenizer.model.__class__.__name__ != "WordPiece":
        assert pieces == text.split()
    masks = MaskSampler(tokenizer, 0.3, "word")
    _, chosen = masks(ids, torch.ones_like(ids, dtype=torch.bool), draw())
    for number in words.unique():
        part = chosen[:, words == number]
        assert torch.equal(part.any(1), part.all(1))
        assert within(int(part.all(1).sum()), 3000, 0.3)


@pytest.mark.parametrize("span_length_survival", [masking.GEOMETRIC, masking.UNIFORM])
@pytest.mark.parametrize("probability", [0.15, 1 / 6])
def test_spans_cover_every_place_alike(span_length_survival, probability):
    ids = torch.zeros(40_000, 25)
    chosen, kind = masking.choose_spans(ids, probability, draw(), span_length_survival)
    for place in range(25):  # also the first and the last
        assert within(int(chosen[:, place].sum()), len(ids), probability)
    longest = torch.zeros(len(ids))
    for place in range(25):
        same = (kind[:, place : place + 1] == kind) & chosen[:, place : place + 1]
        longest = longest.maximum(same.sum(1).float())
    assert longest.max() == len(span_length_survival)  # tokens of one span share their draw
    rare, _ = masking.choose_spans(torch.zeros(20_000, 200), 0.01, draw(), span_length_survival)
    starts = rare[:, 1:] & ~rare[:, :-1]
    assert int(rare.sum()) / int(starts.sum()) == pytest.approx(sum(span_length_survival), rel=0.05)


def test_a_span_is_hidden_in_one_way(tokenizer):
    ids = torch.randint(20, len(tokenizer), (2000, 60), generator=draw(1))
    masks = MaskSampler(tokenizer, 0.15, "span")
    seen, chosen = masks(ids, torch.ones_like(ids, dtype=torch.bool), draw())
    hidden = chosen & (seen == tokenizer.mask_token_id)
    assert within(int(hidden.sum()) // 4, int(chosen.sum()) // 4, 0.8)  # spans, not tokens, vary
    both = chosen[:, 1:] & chosen[:, :-1]
    changes = (hidden[:, 1:] != hidden[:, :-1]) & both
    assert changes.sum() < 0.15 * both.sum()  # by token it would be 0.32
