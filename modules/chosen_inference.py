"""The choices of a module among the answers that each question brings along."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch

from datamodules.choices import encode_choices
from datamodules.packaged import pad_id
from modules.encoding import max_tokens, tokenizer_of
from modules.text_rows import Rows, batch_of, check_finite, evaluating, pad, token_batches


def choose(
    module: Any, texts: Sequence[Any], batch_tokens: int
) -> tuple[list[Any], None, list[bool]]:
    """Choose an answer to each question.

    Args:
        module: A module whose task chooses.
        texts: Pairs of a question and a list of choices, or mappings with these names and perhaps
            a context, which stands before the question.
        batch_tokens: The most padded tokens of a batch.

    Returns:
        For each question a mapping with answer, its place among the choices (index), its score,
        and the scores of all, which are probabilities; None; and whether a row was cut.

    Raises:
        ValueError: If one is not a question with two choices or more.
    """
    asked = [question_of(text, place, len(texts)) for place, text in enumerate(texts, 1)]
    if hasattr(module.task, "encoding"):
        return _prompted(module, texts, asked, batch_tokens)
    tokenizer = tokenizer_of(module)
    limit = max_tokens(module, tokenizer)
    questions, choices = [question for question, _ in asked], [own for _, own in asked]
    found = encode_choices(tokenizer, questions, choices, limit)
    rows = Rows(found.ids, found.types, found.cut, {}, pad_id(tokenizer))
    scores = torch.zeros(len(found.ids))
    with evaluating(module):
        for part in token_batches(module.num_input_tokens(rows.lengths), batch_tokens):
            batch = batch_of(module, rows, part)
            mask = pad([found.masks[row] for row in part], 0).bool()
            # A row each, as its question's others may be in another batch.
            logits = module.predict_logits({**batch, "choice_mask": mask.to(module.device)})
            scores[part] = logits[:, 0].float().cpu()
    check_finite(scores)
    said, cut, at = [], [], 0
    for own in choices:
        said.append(_chosen(own, scores[at : at + len(own)]))
        cut.append(any(found.cut[at : at + len(own)]))
        at += len(own)
    return said, None, cut


def _chosen(choices: Sequence[str], scores_L: torch.Tensor) -> dict[str, Any]:
    chances = scores_L.softmax(0).tolist()
    best = max(range(len(choices)), key=lambda place: chances[place])
    return {"answer": choices[best], "index": best, "score": chances[best], "scores": chances}


def _prompted(
    module: Any, texts: Sequence[Any], asked: Sequence[tuple[str, list[str]]], batch_tokens: int
) -> tuple[list[Any], None, list[bool]]:
    """Choose by prompts, which the module's task makes of question, context and choices."""
    task, names = module.task, ("question", "context", "choices")
    rows = []
    for text, (question, choices) in zip(texts, asked, strict=True):
        context = ""
        if isinstance(text, Mapping) and text.get("question"):
            question, context = text["question"].strip(), text.get("context") or ""
        rows.append(dict(zip(names, (question, context, choices), strict=True)))
    prompts = [
        task.encoding.fitted(row, task.encoding.most_tokens - task.form.reserve(task, row), before)
        for row, before in zip(rows, task.encoding.before(rows), strict=True)
    ]
    costs = [len(ids) * len(row["choices"]) for (_, ids, _), row in zip(prompts, rows, strict=True)]
    said: list[Any] = [None] * len(rows)
    with evaluating(module):
        for part in token_batches(np.array(costs), batch_tokens):
            columns = {name: [rows[place][name] for place in part] for name in names}
            mask = torch.ones(len(part), 1, device=module.device)
            scores_BL = module.predict_logits({"columns": columns, "attention_mask": mask}).cpu()
            check_finite(scores_BL)
            for place, scores_L in zip(part, scores_BL, strict=True):
                own = rows[place]["choices"]
                said[place] = _chosen(own, scores_L[: len(own)])
    return said, None, [cut for *_, cut in prompts]


def question_of(text: Any, place: int, count: int) -> tuple[str, list[str]]:
    """Return the question, with its context before it, and its choices.

    Raises:
        ValueError: If the text is neither a pair of both nor a mapping with them.
    """
    if isinstance(text, Mapping) and "choices" in text:
        parts = [str(text[n]).strip() for n in ("context", "question") if text.get(n)]
        text = " ".join(part for part in parts if part), text["choices"]
    good = isinstance(text, tuple | list) and len(text) == 2 and isinstance(text[0], str)
    if not good or isinstance(text[1], str) or not isinstance(text[1], Sequence):
        raise ValueError(
            f"text {place} of {count:,} is not a question with a list of choices: {text!r:.60}"
        )
    question, choices = text[0].strip(), list(text[1])
    if not question:
        raise ValueError(f"text {place} of {count:,}: the question is empty")
    if len(choices) < 2 or not all(isinstance(one, str) and one.strip() for one in choices):
        raise ValueError(
            f"text {place} of {count:,}: give two choices or more, each a text: {choices!r:.60}"
        )
    return question, choices
