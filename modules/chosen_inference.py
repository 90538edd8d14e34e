"""The choices of a module among the answers that each question brings along."""

from collections.abc import Mapping, Sequence
from typing import Any

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
        chances = scores[at : at + len(own)].softmax(0).tolist()
        best = max(range(len(own)), key=lambda place: chances[place])
        said.append({"answer": own[best], "index": best, "score": chances[best], "scores": chances})
        cut.append(any(found.cut[at : at + len(own)]))
        at += len(own)
    return said, None, cut


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
