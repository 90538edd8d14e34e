"""Answers as spans of a context: the best of a window, and of all windows of a question."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor

from datamodules.windows import NOWHERE


class Spans(NamedTuple):
    """The best spans of B windows, K each, the best first.

    Attributes:
        scores: The sum of the logits of start and end, (B, K); -inf where there is no span.
        first: The first token of each, (B, K).
        last: The last one, (B, K).
        nowhere: The score of "no answer", (B,).
    """

    scores: Tensor
    first: Tensor
    last: Tensor
    nowhere: Tensor


class Answer(NamedTuple):
    """An answer: its text, its score, and where it stands in the context."""

    text: str
    score: float
    start: int
    end: int


def best_spans(logits_BT2: Tensor, offsets_BT2: Tensor, longest: int, count: int = 1) -> Spans:
    """Find the spans of a context with the highest sum of logits: of all, not of the best ends.

    Args:
        logits_BT2: The logits of start and end of each token.
        offsets_BT2: As in ``datamodules.windows.Windows``.
        longest: The most tokens of an answer.
        count: The number of spans of each window, K.
    """
    logits_BT2 = logits_BT2.float()
    outside_BT = offsets_BT2[..., 0] < 0
    starts_BT, ends_BT = (logits_BT2[..., n].masked_fill(outside_BT, -torch.inf) for n in (0, 1))
    ends_BT = torch.nn.functional.pad(ends_BT, (0, longest - 1), value=-torch.inf)
    sums_BTL = starts_BT[..., None] + ends_BT.unfold(1, longest, 1)
    found = sums_BTL.flatten(1).topk(min(count, sums_BTL[0].numel()), dim=1)
    first_BK = found.indices // longest
    nowhere_BT = offsets_BT2[..., 0] == NOWHERE
    nowhere_B = (logits_BT2.sum(-1) * nowhere_BT).sum(1)
    return Spans(found.values, first_BK, first_BK + found.indices % longest, nowhere_B)


def text_of(context: str, offsets_T2: Sequence[Any], first: int, last: int) -> tuple[str, int, int]:
    """Return the text of a span of tokens, without spaces around it, with its start and end."""
    start, end = int(offsets_T2[first][0]), int(offsets_T2[last][1])
    text = context[start:end]
    start += len(text) - len(text.lstrip())
    text = text.strip()
    return text, start, start + len(text)


def best_answers(
    windows: Sequence[tuple[Spans, Tensor]],
    context: str,
    unanswerable: bool,
    threshold: float,
    count: int,
) -> list[Answer]:
    """Return the best answers of a question over all of its windows, the best first.

    Their scores are probabilities among all candidates, of which each text counts once. "No answer"
    has the empty text; it is first if its lowest logit exceeds the best span's by more than the
    threshold, as in the script of SQuAD 2.0.

    Args:
        windows: The spans of each window, (1, K), with its offsets, (T, 2).
        context: The context.
        unanswerable: Whether there may be no answer.
        threshold: The threshold.
        count: The most answers.
    """
    found: dict[tuple[int, int], tuple[float, str]] = {}
    for spans, offsets_T2 in windows:
        places = offsets_T2.tolist()
        for score, first, last in zip(
            spans.scores[0].tolist(), spans.first[0].tolist(), spans.last[0].tolist(), strict=True
        ):
            if score == -torch.inf:
                continue
            text, start, end = text_of(context, places, first, last)
            if text and score > found.get((start, end), (-torch.inf, ""))[0]:
                found[start, end] = score, text
    ranked = [(score, text, *place) for place, (score, text) in found.items()]
    ranked.sort(key=lambda row: -row[0])
    if unanswerable or not ranked:
        none = min(float(spans.nowhere) for spans, _ in windows)
        ahead = not ranked or none - ranked[0][0] > threshold
        at = 0 if ahead else sum(row[0] >= none for row in ranked)
        ranked.insert(at if ahead else max(1, at), (none, "", 0, 0))
    chances = torch.tensor([row[0] for row in ranked]).softmax(0).tolist()
    rows = zip(ranked, chances, strict=True)
    return [Answer(text, chance, start, end) for (_, text, start, end), chance in rows][:count]
