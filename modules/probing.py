"""Two short rows for a task, on which a network is tried when a module is built."""

from typing import Any

import torch
from torch import Tensor

from datamodules.packaged import load_tokenizer, pad_id
from datamodules.words import NO_TAG
from modules.outputs import names_of
from modules.text_rows import pad

TEXTS = ("A short text.", "This one is the longer of the two, but not by many words.")
LONGEST = 24  # tokens


def probe_batch(task: Any, model: Any, backbone: str, longest: int = LONGEST) -> dict[str, Any]:
    """Return two rows of different length, padded on the right, with labels that fit the task.

    Args:
        task: A task.
        model: Its network, whose config may name the labels.
        backbone: Whose tokenizer reads them.
        longest: The most tokens of a row.
    """
    tokenizer = load_tokenizer(backbone)
    most = min(longest, LONGEST)
    rows = [tokenizer(text, truncation=True, max_length=most)["input_ids"] for text in TEXTS]
    device = next(model.parameters()).device
    ids_BT = pad(rows, pad_id(tokenizer)).to(device)
    mask_BT = pad([[1] * len(row) for row in rows], 0).to(device)
    # In a prompt, which stands beside others in a short context.
    short = [text[: most // 2] for text in TEXTS]
    columns = {"text": short, "pair": short[::-1]}
    columns |= {"source": short, "target": short[::-1], "reference": short[::-1]}
    batch = {"input_ids": ids_BT, "attention_mask": mask_BT, "index": torch.arange(2)}
    if task.label_kind == "none":
        answers = {"supervised": mask_BT.bool() & _behind_first(mask_BT)}
        return {**batch, "columns": columns, **answers, "desirable": torch.tensor([[1], [0]])}
    if task.label_kind == "choice":  # one question with two choices
        batch |= {"choices": torch.tensor([2]), "choice_mask": mask_BT.bool()}
    return {**batch, "columns": columns, "labels": _labels(task, model, mask_BT)}


def _behind_first(mask_BT: Tensor) -> Tensor:
    return torch.arange(mask_BT.shape[1]) > 0


def _labels(task: Any, model: Any, mask_BT: Tensor) -> Tensor:
    if task.label_kind == "tags":
        return torch.where(mask_BT.bool(), 0, NO_TAG)
    if task.vectors and task.label_kind == "class":
        return torch.zeros(2, dtype=torch.int64)  # a text needs another of its label
    if task.label_kind == "number":
        return torch.tensor([0.5, -0.5])
    if task.label_kind == "several":
        return torch.eye(2, len(names_of(task, model)), dtype=torch.int64)
    if task.label_kind == "span":
        return torch.tensor([[0, 1], [1, 1]])
    return torch.tensor([1]) if task.label_kind == "choice" else torch.arange(2)
