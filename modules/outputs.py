"""The outputs of a module's head for a batch, and what they say: labels by name, or numbers."""

from typing import Any

import numpy as np
import torch
from torch import Tensor

from modules.backbones import unwrap
from modules.text_rows import check_finite

NAMED = ("class", "several", "tags")  # the kinds of labels whose outputs have names


def names_of(task: Any, model: Any = None) -> list[str]:
    """Return the names of the labels in the order of their ids; none of a number or an answer.

    They are the task's ``labels``, else its head's, else those in the config of the network.
    """
    for owner in (task, getattr(task, "head", None)):
        if names := getattr(owner, "labels", None):
            return list(names)
    if task is None or model is None or task.vectors or task.label_kind not in NAMED:
        return []
    known = getattr(getattr(unwrap(model), "config", None), "id2label", None) or {}
    return [str(known[number]) for number in sorted(known)]


def labels_of(module: Any) -> list[str]:
    """Return the names of a module's labels, as :func:`names_of`; none without a task."""
    return names_of(getattr(module, "task", None), getattr(module, "model", None))


def head_logits(module: Any, batch: Any) -> Tensor:
    """Return the outputs of the module's head for a batch, float32 on the CPU.

    They are (B, labels), (B,) or (B, 1) for a number, (B, T, tags), (B, T, 2) for a span,
    (B, choices), or (B, H) for a vector.

    Raises:
        ValueError: If the batch lacks an entry that the task reads, an output is not finite, or
            the outputs are not as many as the labels.
    """
    name = type(module.task).__name__
    try:
        found = module.predict_logits(batch)
    except KeyError as error:
        key = error.args[0] if error.args else None
        if key in batch or key not in module.task.batch_keys:
            raise
        raise ValueError(f"a batch lacks {key}, which {name} reads to predict") from error
    if not isinstance(found, Tensor):
        kind = type(found).__name__
        raise ValueError(f"{name}.logits: must return a tensor to predict, and returns a {kind}")
    logits = found.float().cpu()
    # A question with fewer choices than others may have -inf in place of the rest.
    choices = module.task.label_kind == "choice"
    check_finite(logits[logits != -torch.inf] if choices else logits)
    _check_shape(module, logits)
    return logits


def _check_shape(module: Any, logits: Tensor) -> None:
    task, shape = module.task, tuple(logits.shape)
    name, kind = type(task).__name__, task.label_kind
    if task.vectors:
        wanted, good = "(rows, width), a vector for each row", logits.ndim == 2
    elif kind == "number":
        wanted = "(rows,) or (rows, 1), a number for each row"
        good = shape[:1] == (logits.numel(),)
    elif kind == "span":
        wanted = "(rows, tokens, 2), a start and an end for each token"
        good = logits.ndim == 3 and shape[2] == 2
    elif kind == "choice":
        wanted = "(questions, choices), two choices or more, which the batch counts in choices"
        good = logits.ndim == 2 and shape[1] > 1
    else:
        if shape:  # a single number has none
            _check_names(name, len(labels_of(module)), shape)
        rows = "(rows, tokens" if kind == "tags" else "(rows"
        wanted, good = f"{rows}, labels)", logits.ndim == 2 + (kind == "tags")
    if not good:
        raise ValueError(
            f"{name}.logits: must have the shape {wanted}, where label_kind is {kind}, and has "
            f"the shape {shape}"
        )


def _check_names(name: str, count: int, shape: tuple[int, ...]) -> None:
    """Refuse outputs that have no names, or too few, or of which a label is always the same."""
    if shape[-1] < 2 and count < 2:
        raise ValueError(
            f"{name}: its network has one output, which is no class: give it two or more, or the "
            f"task label_kind = 'number'"
        )
    if shape[-1] != count:
        raise ValueError(
            f"{name}: its network has {shape[-1]} outputs, and {count or 'no'} labels have names: "
            f"give the task labels, a list of the outputs' names in their order"
        )


def values(module: Any, logits: Tensor) -> list[Any]:
    """Return the prediction of each row of logits, (N, outputs), (N,), or (N, T, tags)."""
    if module.task.vectors:
        return logits.tolist()
    if module.task.label_kind == "number":
        return logits.reshape(len(logits)).tolist()
    names = labels_of(module)
    if module.task.label_kind == "several":
        return [[names[n] for n in row.nonzero()[:, 0].tolist()] for row in logits > 0]
    if module.task.label_kind == "tags":  # of each token
        return [[names[n] for n in row] for row in logits.argmax(-1).tolist()]
    return [names[number] for number in logits.argmax(-1).tolist()]


def probabilities(module: Any, logits: Tensor) -> np.ndarray | None:
    """Return the probabilities of the labels, (N, labels); None without labels."""
    if not labels_of(module):
        return None
    several = module.task.label_kind == "several"
    found: Tensor = logits.sigmoid() if several else torch.softmax(logits, -1)
    return found.numpy()
