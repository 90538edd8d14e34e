"""Which tokens a masked language model has to guess, and what it sees in their place."""

import functools

import torch
from torch import Tensor

LONGEST = 10  # tokens of a span


def mask_tokens(
    ids: Tensor,
    eligible: Tensor,
    mask_id: int,
    vocabulary: int,
    probability: float = 0.15,
    generator: torch.Generator | None = None,
) -> tuple[Tensor, Tensor]:
    """BERT's corruption (Devlin et al. 2019): what the model sees, and which tokens it guesses.

    Args:
        ids: (…) int64.
        eligible: (…) bool, where a token may be chosen: not padding, not a special token.
        mask_id: of the mask token.
        vocabulary: tokens to draw from.
        probability: with which an eligible token is chosen, each by itself.
        generator: of the draws; torch's own if None. On the device of ``ids``.

    Returns:
        The corrupted ids, (…) int64, and the chosen places, (…) bool.
    """
    chosen = (_uniform(ids, generator) < probability) & eligible
    return hide(ids, chosen, mask_id, vocabulary, _uniform(ids, generator), generator), chosen


def hide(
    ids: Tensor,
    chosen: Tensor,
    mask_id: int,
    vocabulary: int,
    kind: Tensor,
    generator: torch.Generator | None = None,
) -> Tensor:
    """Of the chosen tokens 80 % are masked, 10 % drawn from the vocabulary, 10 % stay as they are.

    Args:
        kind: (…) uniform draws that decide between the three.
    """
    drawn = torch.randint(vocabulary, ids.shape, generator=generator, device=ids.device)
    seen = torch.where(chosen & (kind < 0.8), mask_id, ids)
    return torch.where(chosen & (kind >= 0.9), drawn, seen)


def choose_words(
    starts_BT: Tensor, probability: float, generator: torch.Generator | None = None
) -> Tensor:
    """Whole words (the later BERT models): all tokens of a word are chosen, or none, (B, T) bool.

    Args:
        starts_BT: bool, where a word begins. What comes before the first is a word too.
    """
    word_BT = starts_BT.long().cumsum(1)
    draws_BW = _uniform(torch.cat([starts_BT, starts_BT[:, :1]], 1), generator)
    return draws_BW.gather(1, word_BT) < probability


def choose_spans(
    ids_BT: Tensor, probability: float, generator: torch.Generator | None = None
) -> tuple[Tensor, Tensor]:
    """Spans as in SpanBERT (Joshi et al. 2020): lengths are geometric with 0.2, cut at 10 tokens.

    They begin anywhere, also before the row, so that every token is chosen with the same
    probability; where two overlap, the later one decides.

    Returns:
        The chosen places, (B, T) bool, and a uniform draw that all tokens of a span share, (B, T).
    """
    rows, width = ids_BT.shape
    starts_BS = torch.empty(rows, width + LONGEST - 1, device=ids_BT.device)
    begins_BS = _uniform(starts_BS, generator) < _rate(probability)
    length_BS = 1 + (_uniform(starts_BS, generator).log() / torch.tensor(0.8).log()).floor()
    kind_BS = _uniform(starts_BS, generator)
    chosen = torch.zeros(rows, width, dtype=torch.bool, device=ids_BT.device)
    kind = torch.zeros(rows, width, device=ids_BT.device)
    for back in reversed(range(LONGEST)):  # of the spans that reach a place the last one wins
        from_ = slice(LONGEST - 1 - back, LONGEST - 1 - back + width)
        here = begins_BS[:, from_] & (length_BS[:, from_].clamp(max=LONGEST) > back)
        chosen, kind = chosen | here, torch.where(here, kind_BS[:, from_], kind)
    return chosen, kind


@functools.cache
def _rate(probability: float) -> float:
    """Spans begin with this probability at each place, if so many tokens are to be covered."""
    low, high = 0.0, 1.0
    for _ in range(50):
        rate, missed = (low + high) / 2, 1.0
        for back in range(LONGEST):
            missed *= 1 - rate * 0.8**back
        low, high = (rate, high) if 1 - missed < probability else (low, rate)
    return rate


def _uniform(like: Tensor, generator: torch.Generator | None) -> Tensor:
    return torch.rand(like.shape, generator=generator, device=like.device)
