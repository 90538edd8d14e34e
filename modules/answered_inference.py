"""Answers to questions about contexts, as a module with a head for spans marks them."""

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from datamodules.packaged import pad_id
from datamodules.windows import OUTSIDE, WINDOW, encode_windows
from modules.encoding import max_tokens, pair_columns, tokenizer_of
from modules.outputs import head_logits
from modules.tasks.answer_spans import Answer, Spans, best_answers, best_spans
from modules.text_rows import Rows, batch_of, evaluating, token_batches

_SPANS = 20  # of each window, among which the answers are
_PART = 256  # questions whose windows are in memory together


def answered(
    module: Any, texts: Sequence[Any], batch_tokens: int, answers: int
) -> tuple[list[Any], None, list[bool]]:
    """Answer questions about contexts, each read in windows where it is long.

    Args:
        module: A module whose task marks answers.
        texts: Pairs of a question and a context, or mappings with these names.
        batch_tokens: The most padded tokens of a batch.
        answers: The number of answers to each.

    Returns:
        For each question a mapping with answer, score, start and end, or with more than one answer
        a list of them; None; and whether the question was cut.

    Raises:
        ValueError: If one is not a question with a context.
    """
    columns = pair_columns(module.task, [_pair(text) for text in texts])
    for place, (question, context) in enumerate(zip(columns["text"], columns["pair"], strict=True)):
        if not question.strip() or not context.strip():
            name = "context" if question.strip() else "question"
            raise ValueError(f"text {place + 1} of {len(texts):,}: the {name} is empty")
    said: list[Any] = []
    cut: list[bool] = []
    for start in range(0, len(texts), _PART):
        part = {name: column[start : start + _PART] for name, column in columns.items()}
        found, shortened = _answered(module, part, batch_tokens, max(answers, 1))
        said += [[as_mapping(one) for one in row] for row in found]
        cut += shortened
    return [row if answers > 1 else row[0] for row in said], None, cut


def _answered(
    module: Any, columns: dict[str, list[str]], batch_tokens: int, answers: int
) -> tuple[list[list[Answer]], list[bool]]:
    tokenizer, task = tokenizer_of(module), module.task
    limit = min(max_tokens(module, tokenizer), WINDOW)
    windows = encode_windows(tokenizer, columns["text"], columns["pair"], limit)
    rows = Rows(windows.ids, windows.types, [], {}, pad_id(tokenizer))
    held: list[list[tuple[Spans, Tensor]]] = [[] for _ in columns["text"]]
    with evaluating(module):
        for chosen in token_batches(module.num_input_tokens(rows.lengths), batch_tokens):
            logits_BT2 = head_logits(module, batch_of(module, rows, chosen))
            for row, logits_T2 in zip(chosen, logits_BT2, strict=True):
                offsets_T2 = torch.from_numpy(windows.offsets[row]).long()
                own_1T2 = logits_T2[None, : len(offsets_T2)]
                spans = best_spans(own_1T2, offsets_T2[None], task.max_answer_tokens, _SPANS)
                held[windows.sources[row]].append((spans, offsets_T2))
    settings = (task.unanswerable, task.null_threshold, answers)
    pairs = zip(held, columns["pair"], strict=True)
    return [best_answers(found, context, *settings) for found, context in pairs], windows.cut


def window_answers(task: Any, logits_BT2: Tensor, batch: Mapping[str, Any]) -> list[Any]:
    """Return the best answer in each window of a batch of a data module."""
    if lacking := [name for name in ("offsets", "columns") if name not in batch]:
        raise ValueError(
            f"a batch lacks {' and '.join(lacking)}, which {type(task).__name__} reads to predict"
        )
    offsets_BT2 = batch["offsets"].cpu()
    found = []
    for row, context in enumerate(batch["columns"]["pair"]):
        size = int((offsets_BT2[row, :, 0] != OUTSIDE).nonzero().max()) + 1
        one = slice(row, row + 1)
        spans = best_spans(
            logits_BT2[one, :size], offsets_BT2[one, :size], task.max_answer_tokens, _SPANS
        )
        held = [(spans, offsets_BT2[row])]
        best = best_answers(held, context, task.unanswerable, task.null_threshold, 1)
        found.append(as_mapping(best[0]))
    return found


def as_mapping(answer: Answer) -> dict[str, Any]:
    """Return an answer under the names that transformers' pipelines had; no answer has no place."""
    start, end = (answer.start, answer.end) if answer.text else (None, None)
    return {"answer": answer.text, "score": answer.score, "start": start, "end": end}


def _pair(text: Any) -> Any:
    if isinstance(text, Mapping) and {"question", "context"} <= text.keys():
        return text["question"], text["context"]
    return text
