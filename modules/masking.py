"""Random choices of tokens to mask, and what a model sees in their place."""

import functools
import math
from collections.abc import Callable, Sequence

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
    characters: Callable[..., tuple[Tensor, ...]] = lambda ids, *values: values,
) -> tuple[Tensor, Tensor]:
    """Mask tokens as BERT does (Devlin et al. 2019).

    Args:
        ids: (…) int64.
        eligible: (…) bool, where a token may be chosen: not padding, not a special token.
        mask_id: The id of the mask token.
        vocabulary: The number of tokens to draw replacements from.
        probability: The chance of an eligible token to be chosen, each by itself.
        generator: The generator of the draws, on the device of ``ids``; torch's own if None.
        characters: Gives all tokens of a character the same draws; see ``Characters``.

    Returns:
        The ids that the model sees, (…) int64, and the chosen tokens, (…) bool.
    """
    draws, kind = characters(ids, _uniform(ids, generator), _uniform(ids, generator))
    chosen = (draws < probability) & eligible
    return apply_80_10_10(ids, chosen, mask_id, vocabulary, kind, generator), chosen


def mask_rows(
    ids_BT: Tensor,
    eligible_BT: Tensor,
    real_BT: Tensor,
    seeds: Sequence[int],
    mask_id: int,
    vocabulary: int,
    probability: float,
    characters: Callable[..., tuple[Tensor, ...]],
) -> tuple[Tensor, Tensor]:
    """Mask tokens by :func:`mask_tokens`, each row by draws of its own, whatever stands beside it.

    Args:
        ids_BT: Token ids, int64, padded on the right.
        eligible_BT: Where a token may be chosen, bool.
        real_BT: 1 for a token and 0 for padding.
        seeds: The seed of each row's draws, B of them.
        mask_id: The id of the mask token.
        vocabulary: The number of tokens to draw replacements from.
        probability: The chance of an eligible token to be chosen.
        characters: Gives all tokens of a character the same draws, on the CPU.
    """
    seen_BT, chosen_BT = ids_BT.clone(), torch.zeros_like(eligible_BT)
    for row, seed in enumerate(seeds):
        here = row, slice(0, int(real_BT[row].sum()))
        rest = (mask_id, vocabulary, probability, torch.Generator().manual_seed(seed), characters)
        seen_T, chosen_T = mask_tokens(ids_BT[here].cpu(), eligible_BT[here].cpu(), *rest)
        seen_BT[here], chosen_BT[here] = seen_T.to(ids_BT), chosen_T.to(chosen_BT)
    return seen_BT, chosen_BT


def apply_80_10_10(
    ids: Tensor,
    chosen: Tensor,
    mask_id: int,
    vocabulary: int,
    kind: Tensor,
    generator: torch.Generator | None = None,
) -> Tensor:
    """Mask 80 % of the chosen tokens, replace 10 % by random ones, and leave 10 % as they are.

    Args:
        ids: (…) int64.
        chosen: (…) bool.
        mask_id: The id of the mask token.
        vocabulary: The number of tokens to draw replacements from.
        kind: (…) uniform draws from [0, 1) that decide between the three.
        generator: The generator of the replacements, on the device of ``ids``; torch's own if None.

    Returns:
        (…) int64.
    """
    drawn = torch.randint(vocabulary, ids.shape, generator=generator, device=ids.device)
    seen = torch.where(chosen & (kind < 0.8), mask_id, ids)
    return torch.where(chosen & (kind >= 0.9), drawn, seen)


def choose_words(
    starts_BT: Tensor, probability: float, generator: torch.Generator | None = None
) -> Tensor:
    """Choose whole words, as the later BERT models do: all tokens of a word, or none.

    Args:
        starts_BT: bool, where a word begins. What comes before the first is a word too.
        probability: The chance of a word to be chosen.
        generator: The generator of the draws; torch's own if None.

    Returns:
        The chosen tokens, (B, T) bool.
    """
    word_BT = starts_BT.long().cumsum(1)
    draws_BW = _uniform(torch.cat([starts_BT, starts_BT[:, :1]], 1), generator)
    return draws_BW.gather(1, word_BT) < probability


def choose_spans(
    ids_BT: Tensor,
    probability: float,
    generator: torch.Generator | None = None,
    span_length_survival: tuple[float, ...] = GEOMETRIC,
) -> tuple[Tensor, Tensor]:
    """Choose spans that begin anywhere, also before the row, so that all tokens are equally likely.

    Args:
        ids_BT: int64; only its shape and device count.
        probability: The chance of a token to be in a span.
        generator: The generator of the draws; torch's own if None.
        span_length_survival: The share of spans longer than 0, 1, 2 … tokens; SpanBERT's if not
            given.

    Returns:
        The chosen tokens, (B, T) bool, and a uniform draw that all tokens of a span share, (B, T);
        where two spans overlap, it is that of the later one.
    """
    (rows, width), before = ids_BT.shape, len(span_length_survival) - 1
    starts_BS = torch.empty(rows, width + before, device=ids_BT.device)
    begins_BS = _uniform(starts_BS, generator) < _span_start_rate(probability, span_length_survival)
    draw_BS, kind_BS = _uniform(starts_BS, generator), _uniform(starts_BS, generator)
    chosen = torch.zeros(rows, width, dtype=torch.bool, device=ids_BT.device)
    kind = torch.zeros(rows, width, device=ids_BT.device)
    for back in reversed(range(before + 1)):  # the nearest start comes last and decides
        from_ = slice(before - back, before - back + width)
        here = begins_BS[:, from_] & (draw_BS[:, from_] < span_length_survival[back])
        chosen, kind = chosen | here, torch.where(here, kind_BS[:, from_], kind)
    return chosen, kind


@functools.cache
def _span_start_rate(probability: float, span_length_survival: tuple[float, ...]) -> float:
    """Return the chance of a span to begin at a token, such that spans cover ``probability``."""
    low, high = 0.0, 1.0
    for _ in range(50):
        rate = (low + high) / 2
        missed = math.prod(1 - rate * share for share in span_length_survival)
        low, high = (rate, high) if 1 - missed < probability else (low, rate)
    return rate


def _uniform(like: Tensor, generator: torch.Generator | None) -> Tensor:
    return torch.rand(like.shape, generator=generator, device=like.device)


def noise_spans(
    lengths_B: Tensor,
    width: int,
    density: float,
    mean_span_length: float,
    generator: torch.Generator,
) -> Tensor:
    """Choose noise spans as T5's code does (Raffel et al. 2020).

    Of n tokens round(n x density) are noise, in round(noise / mean span length) spans. Noise and
    the rest are both cut at random, and take turns, the rest first.

    Args:
        lengths_B: Tokens of each row.
        width: T, the width of the rows.
        density: The share of the tokens that is noise.
        mean_span_length: In tokens.
        generator: The generator of the draws, on the device of ``lengths_B``.

    Returns:
        The tokens that are noise, (B, T) bool.
    """
    noise_B = (lengths_B * density).round().clamp(min=1).minimum(lengths_B - 1).long()
    spans_B = (noise_B / mean_span_length).round().clamp(min=1).minimum(lengths_B - noise_B).long()
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
