"""Answers that a prompted language model chooses among those that each question brings along."""

from collections.abc import Mapping, Sequence
from typing import Any, Literal

import torch
from torch import Tensor, nn
from torchmetrics import MetricCollection

from datamodules.packaged import pad_id
from modules.prompts import scoring
from modules.tasks.answer_scores import RightShare
from modules.tasks.question_prompts import Row

COLUMNS = ("question", "context", "choices")
BATCH_KEYS = ("attention_mask", "columns", "labels")
_LOWEST = torch.finfo(torch.float32).min  # the score of a choice that a question has not


def check_columns(task: Any, columns: list[str]) -> None:
    """Refuse rows without choices."""
    if "choices" not in columns:
        raise ValueError(
            "--model.task.answers choices: reads questions with choices; give --data ChoiceFiles "
            "--data.source PATH, or --model.task.answers words"
        )


def solved(task: Any, columns: Mapping[str, Sequence[Any]]) -> tuple[list[Row], list[str]]:
    """Return the rows of training columns, and the answer to each."""
    rows = task.encoding.of_texts(columns)
    return rows, [row["choices"][place] for row, place in zip(rows, columns["right"], strict=True)]


def reserve(task: Any, row: Row) -> int:
    """Return the tokens that the answer to a row may take."""
    return max(len(task.encoding.answer(row, choice)) for choice in row["choices"])


def prepare(task: Any, batch: Any, training: bool) -> Any:
    """Return the prompts of a batch with their choices; ``rows`` and ``before`` are their texts."""
    columns = batch["columns"]
    if "choices" in columns:
        task.encoding.check_drawn()
    else:  # the two texts on which a network is tried when it is built
        texts = [text or "a" for text in columns["text"]]
        columns = {"question": texts[:1], "context": [""], "choices": [texts]}
    rows = task.encoding.of_texts(columns)
    before = task.encoding.before(rows)
    held = {name: batch[name] for name in ("index", "labels") if name in batch}
    device = batch["attention_mask"].device
    made = encode(task, rows, before, device)
    return {**held, **made, "columns": columns, "rows": rows, "before": before}


def encode(task: Any, rows: Sequence[Row], before: Sequence[str], device: Any) -> Any:
    """Encode the prompts of B rows behind these texts, each with its own choices."""
    asked, found = task.encoding, []
    for row, lead in zip(rows, before, strict=True):
        shown, _, _ = asked.fitted(row, asked.most_tokens - reserve(task, row), lead)
        prompt = asked.prompt(shown, lead)
        found += scoring.encode_causal(asked.tokenizer, [prompt], row["choices"])
    return scoring.collate(found, pad_id(asked.tokenizer), device)


def logits(task: Any, model: Any, batch: Any) -> Tensor:
    """Return the log-likelihood of each choice, (B, most choices) fp32."""
    cache = task.prefix_cache
    scores_BL = scoring.answer_log_likelihoods(model, batch, task.normalize, cache)
    counts_B = torch.tensor([len(row["choices"]) for row in batch["rows"]])
    there_BL = torch.arange(scores_BL.shape[1]) < counts_B[:, None]
    return scores_BL.where(there_BL.to(scores_BL.device), _LOWEST)


def content_free(task: Any, batch: Any, texts: Sequence[str]) -> list[Any]:
    """Return a prepared batch for each text, which stands in place of question and context."""
    found = []
    for text in texts:
        rows = [
            {**row, "question": text, "context": row["context"] and text} for row in batch["rows"]
        ]
        made = encode(task, rows, batch["before"], batch["input_ids"].device)
        found.append({**made, "rows": rows})
    return found


def evaluation(task: Any, model: Any, batch: Any, stage: Literal["val", "test"]) -> dict[str, Any]:
    """Return nothing: the metrics read the scores alone."""
    return {}


def loss(logits: Tensor, batch: Any) -> Tensor:
    """Return the cross-entropy of the right choices."""
    return nn.functional.cross_entropy(logits.float(), batch["labels"])


def num_targets(batch: Any) -> int:
    """Return the number of questions."""
    return len(batch["labels"])


def metrics(task: Any, stage: Literal["train", "val", "test"]) -> MetricCollection:
    """Return the share of right choices."""
    return MetricCollection({"accuracy": RightShare()})
