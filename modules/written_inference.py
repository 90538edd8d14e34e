"""The texts that a module writes for texts, as its task encodes and decodes them."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from modules.encoding import Text, needs_context, pair_columns
from modules.tasks import writing
from modules.text_rows import evaluating, token_batches


def writes_targets(module: Any, batch: Any = None) -> bool:
    """Tell whether the module writes a text for a text; of a batch, if it holds the sources."""
    if not hasattr(module.task, "decoding") or module.task.label_kind == "choice":
        return False
    if batch is None:
        return True
    return (
        isinstance(batch, Mapping) and _sources(module.task, batch.get("columns", {})) is not None
    )


def write_batch(module: Any, batch: Any) -> dict[str, Any]:
    """Write the targets of a batch of a data module.

    Returns:
        ``index``, the places of the rows in their split, and ``prediction``, B texts.
    """
    with evaluating(module):
        sources = _sources(module.task, batch["columns"]) or []
        said = writing.write(module.task, module.model, sources)
    return {"index": batch["index"].cpu(), "prediction": said}


def write_targets(
    module: Any, texts: Sequence[Text], batch_tokens: int, tokens: int | None
) -> tuple[list[str], None, list[bool]]:
    """Write a text for each of N texts.

    Args:
        module: A module whose task has ``encoding`` and ``decoding``.
        texts: N texts; questions may be pairs with their contexts, or mappings of these names.
        batch_tokens: The most padded tokens of a batch, those that are written among them.
        tokens: Tokens after which a text is cut; the task's own number if None.

    Returns:
        The N texts, no probabilities, and whether each source was cut.
    """
    task = module.task
    if task.label_kind == "span":
        texts = [_question(task, text, place, len(texts)) for place, text in enumerate(texts, 1)]
    columns = task.encoding.of_texts(pair_columns(task, texts))
    tokens = task.decoding.max_new_tokens if tokens is None else tokens
    ids, truncated = task.encoding.sources(columns, room=tokens)
    said = [""] * len(texts)
    with evaluating(module):
        costs = np.array([len(row) + tokens for row in ids]) * task.decoding.num_beams
        for chosen in token_batches(costs, batch_tokens):
            found = writing.write(task, module.model, [columns[row] for row in chosen], tokens)
            for row, text in zip(chosen, found, strict=True):
                said[row] = text
    return said, None, truncated


def _question(task: Any, text: Any, place: int, count: int) -> Any:
    """Return a question with its context, which is "" of a question alone.

    Raises:
        ValueError: If the template reads a context, and the question has none.
    """
    if isinstance(text, Mapping) and "question" in text:
        context = text.get("context")
        text = text["question"] if context is None else (text["question"], context)
    if isinstance(text, str) and needs_context(task):
        raise ValueError(
            f"text {place} of {count:,} has no context, which the template of "
            f"{type(task).__name__} reads: give a pair of question and context"
        )
    return (text, "") if isinstance(text, str) else text


def _sources(task: Any, columns: Mapping[str, Sequence[str]]) -> Sequence[Any] | None:
    """Return what a data module's rows have to be answered; None if they are not such rows."""
    if "source" in columns:
        return columns["source"]
    return task.encoding.of_texts(columns) if task.pairs and "pair" in columns else None
