"""Whether the labels of the data are those that a task's head was made for."""

import re
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from datamodules.words import NO_TAG
from modules.notices import note
from modules.outputs import names_of
from modules.tasks.base import Task

_KINDS = {
    "class": "a class",
    "number": "a number",
    "several": "several classes",
    "tags": "a tag for each word",
    "span": "an answer in a context",
    "choice": "choices of its own",
    "words": "an answer in free words",
}
_MADE_UP = re.compile(r"LABEL_\d+")  # a name where the data had not named its labels yet
# The task and the data module of each kind that no flag turns into another.
_ALONE = {
    "tags": ("TokenClassification", "TaggedFiles"),
    "span": ("QuestionAnswering", "QuestionFiles"),
    "choice": ("MultipleChoice", "ChoiceFiles"),
    "words": ("PromptedGeneration", "QuestionFiles"),
}


def check_data(task: Task, data: Any) -> None:
    """Refuse a data module whose labels are others than those of the task.

    A data module that does not tell the kind of its labels passes here; its batches are checked.
    Names that are no names of the task are named in a note: only their order tells what they mean.

    Raises:
        ValueError: If the kind, the number or the order of the labels differs.
    """
    wanted, kind = task.label_kind, getattr(data, "labels", None)
    if not isinstance(kind, str) or kind not in _KINDS or wanted not in _KINDS:
        return
    name = type(task).__name__
    if kind == "words" and wanted == "span" and hasattr(task, "decoding"):
        return  # it writes the answer, wherever that stands
    if kind != wanted and not _ALONE.keys().isdisjoint((kind, wanted)):
        cure = f"data of {_ALONE[wanted][1]}" if wanted in _ALONE else ""
        cure = f"--model.task {_ALONE[kind][0]}" if kind in _ALONE else cure
        raise ValueError(
            f"--model.task {name}: needs {_KINDS[wanted]} for a row, and the data has "
            f"{_KINDS[kind]}; give {cure}"
        )
    if kind != wanted:
        raise ValueError(
            f"--data.labels {kind}: a row of the data has {_KINDS[kind]} as its label, and {name} "
            f"needs {_KINDS[wanted]}; give --data.labels {wanted} or another task"
        )
    if kind in ("span", "choice"):  # no names that rows share
        return
    ours, theirs = names_of(task), _names(getattr(data, "label_names", None))
    if len(theirs) > len(ours) > 0:
        raise ValueError(
            f"--model.task {name}: made for {len(ours)} labels, and the data has {len(theirs)} "
            f"({', '.join(theirs[:8])}); {_remedy(task, len(theirs))}"
        )
    places = {name: place for place, name in enumerate(ours)}
    if any(places.get(name, place) != place for place, name in enumerate(theirs)):
        raise ValueError(
            f"--model.task.labels: {', '.join(ours[:8])} is another order than that of the data, "
            f"{', '.join(theirs[:8])}; {_remedy(task, len(theirs))}"
        )
    unknown = [name for name in theirs if name not in places]
    if unknown and not all(_MADE_UP.fullmatch(name) for name in (*ours[:1], *ours[-1:])):
        note(
            f"{name}: the data's labels are {', '.join(theirs[:8])}, and the task's "
            f"{', '.join(ours[:8])}: they are taken for the same in this order"
        )


def _names(labels: Any) -> list[str]:
    """Return the names of labels in the order of their ids; none where they are not told."""
    if isinstance(labels, Mapping):
        labels = [labels[number] for number in sorted(labels)]
    return [str(name) for name in labels or []]


def check_batch(task: Task, batch: Any) -> None:
    """Refuse labels that the task's head has no output for. A batch without labels passes.

    Raises:
        ValueError: If a label is of another type, or out of range; the message names the first.
    """
    labels = batch.get("labels") if isinstance(batch, Mapping) else None
    if not isinstance(labels, Tensor) or not labels.numel() or task.label_kind not in _KINDS:
        return
    name, whole = type(task).__name__, labels.dtype == torch.int64
    if task.label_kind == "number":
        if not labels.is_floating_point() or labels.ndim != 1:
            raise ValueError(
                f"--model.task {name}: needs one number for each row, float32 of shape (rows,), "
                f"and the labels are {_described(labels)}"
            )
        return
    count = len(names_of(task))
    if task.label_kind == "several":
        if labels.ndim != 2 or (count and labels.shape[1] != count):
            raise ValueError(
                f"--model.task {name}: made for {count} labels, so that a batch has 0 or 1 in "
                f"shape (rows, {count}), and the labels are {_described(labels)}; "
                f"{_remedy(task, None)}"
            )
        return
    if task.label_kind in ("span", "choice"):
        if hasattr(task, "decoding"):  # writes the answer, and does not read where it stands
            return
        _check_places(name, task.label_kind, labels, batch)
        return
    tags = task.label_kind == "tags"
    if not whole or labels.ndim != 1 + tags:
        wanted = (
            f"a tag for each token, {NO_TAG} where there is none, int64 of shape (rows, tokens)"
            if tags
            else "the id of a class for each row, int64 of shape (rows,)"
        )
        raise ValueError(
            f"--model.task {name}: needs {wanted}, and the labels are {_described(labels)}"
        )
    labels = labels[labels != NO_TAG] if tags else labels
    outside = labels[(labels < 0) | (labels >= count)] if count else labels[:0]
    if len(outside):
        found = int(outside[0])
        raise ValueError(
            f"--model.task {name}: made for {count} classes, 0 to {count - 1}, and a row has the "
            f"label {found}; {_remedy(task, found + 1 if found >= count else None)}"
        )


def _check_places(name: str, kind: str, labels: Tensor, batch: Mapping[str, Any]) -> None:
    """Refuse answers outside of a window, or choices that a question has not."""
    wanted = "the first and the last token of each answer, int64 of shape (rows, 2)"
    if kind == "choice":
        wanted = "the place of the right choice of each question, int64 of shape (questions,)"
    if labels.dtype != torch.int64 or labels.shape[1:] != ((2,) if kind == "span" else ()):
        raise ValueError(
            f"--model.task {name}: needs {wanted}, and the labels are {_described(labels)}"
        )
    most = batch["choices"] if kind == "choice" else batch["input_ids"].shape[1]
    outside = labels[(labels < 0) | (labels >= most)]
    if len(outside):
        raise ValueError(f"--model.task {name}: needs {wanted}, and one is {int(outside[0])}")


def _remedy(task: Task, count: int | None) -> str:
    """The arguments that a task for other labels has."""
    labels = f"{type(task).__name__}(labels=data.label_names)"
    if count and "num_classes" in type(task).__init__.__annotations__:
        return f"give task={labels}, or num_classes={count} for at least so many"
    return f"give task={labels}, with the names in the order of their ids"


def _described(labels: Tensor) -> str:
    return f"{str(labels.dtype).removeprefix('torch.')} of shape {tuple(labels.shape)}"
