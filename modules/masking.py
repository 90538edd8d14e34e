"""Which tokens a model has to guess, and what it sees in their place."""

import functools
import math

import torch
from torch import Tensor

# How many spans are longer than 0, 1, 2 … tokens: SpanBERT's are geometric with 0.2, cut at ten
# (Joshi et al. 2020), XLNet's uniform from one to five (Yang et al. 2019).
GEOMETRIC = tuple(0.8**back for back in range(10))
UNIFORM = tuple((5 - back) / 5 for back in range(5))


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
    ids_BT: Tensor,
    probability: float,
    generator: torch.Generator | None = None,
    reach: tuple[float, ...] = GEOMETRIC,
) -> tuple[Tensor, Tensor]:
    """Spans that begin anywhere, also before the row, so that every place is equally likely.

    Args:
        probability: with which a place is in a span.
        reach: the share of spans longer than 0, 1, 2 … tokens; SpanBERT's if not given.

    Returns:
        The chosen places, (B, T) bool, and a uniform draw that all tokens of a span share, (B, T);
        where two spans overlap, it is that of the later one.
    """
    (rows, width), before = ids_BT.shape, len(reach) - 1
    starts_BS = torch.empty(rows, width + before, device=ids_BT.device)
    begins_BS = _uniform(starts_BS, generator) < _rate(probability, reach)
    draw_BS, kind_BS = _uniform(starts_BS, generator), _uniform(starts_BS, generator)
    chosen = torch.zeros(rows, width, dtype=torch.bool, device=ids_BT.device)
    kind = torch.zeros(rows, width, device=ids_BT.device)
    for back in reversed(range(len(reach))):  # the nearest start comes last and decides
        from_ = slice(before - back, before - back + width)
        here = begins_BS[:, from_] & (draw_BS[:, from_] < reach[back])
        chosen, kind = chosen | here, torch.where(here, kind_BS[:, from_], kind)
    return chosen, kind


@functools.cache
def _rate(probability: float, reach: tuple[float, ...]) -> float:
    """Spans begin with this probability at each place, if so many tokens are to be covered."""
    low, high = 0.0, 1.0
    for _ in range(50):
        rate = (low + high) / 2
        missed = math.prod(1 - rate * share for share in reach)
        low, high = (rate, high) if 1 - missed < probability else (low, rate)
    return rate


def _uniform(like: Tensor, generator: torch.Generator | None) -> Tensor:
    return torch.rand(like.shape, generator=generator, device=like.device)


def noise_spans(
    lengths_B: Tensor, width: int, density: float, mean: float, generator: torch.Generator
) -> Tensor:
    """The spans that are taken out of each row, (B, T) bool.

    As in T5's code: of n tokens round(n x density) are noise, in round(noise / mean) spans; noise
    and the rest are both cut at random places, and take turns, the rest first.
    """
    noise_B = (lengths_B * density).round().clamp(min=1).minimum(lengths_B - 1).long()
    spans_B = (noise_B / mean).round().clamp(min=1).minimum(lengths_B - noise_B).long()
    starts = []
    for parts_B in (lengths_B - noise_B, noise_B):
        # Which of the places 1 … n - 1 begin a new part: spans - 1 of them, all equally likely.
        place_T = torch.arange(width, device=lengths_B.device)
        draws_BT = torch.rand(len(lengths_B), width, generator=generator, device=lengths_B.device)
        draws_BT = draws_BT.masked_fill((place_T < 1) | (place_T >= parts_B[:, None]), 2.0)
        rank_BT = draws_BT.argsort(1).argsort(1)
        starts.append((rank_BT < spans_B[:, None] - 1) | (place_T == 0))
    # The k-th token of the rest is moved by the noise of the spans before its part, and so on.
    kept_part_BT, noise_part_BT = (part.long().cumsum(1) - 1 for part in starts)
    sizes = []
    for part_BT, count_B in ((kept_part_BT, lengths_B - noise_B), (noise_part_BT, noise_B)):
        inside = torch.arange(width, device=lengths_B.device) < count_B[:, None]
        size_BT = torch.zeros_like(part_BT).scatter_add(1, part_BT, inside.long())
        sizes.append(size_BT)
    begin_BT = sizes[0].cumsum(1) + sizes[1].cumsum(1) - sizes[1]  # of each span
    edge_BT = torch.zeros(len(lengths_B), width + 1, dtype=torch.int64, device=lengths_B.device)
    real_BT = torch.arange(width, device=lengths_B.device) < spans_B[:, None]
    edge_BT.scatter_add_(1, begin_BT.clamp(max=width), real_BT.long())
    edge_BT.scatter_add_(1, (begin_BT + sizes[1]).clamp(max=width), -real_BT.long())
    return edge_BT.cumsum(1)[:, :width] > 0
