"""A check of labelled text before training: its classes, and what looks wrong with them."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from datamodules import text_tables
from datamodules.copies import excerpt
from datamodules.labels import suspicious
from datamodules.spelling import listed
from datamodules.text_splits import Dataset, TextSplit

_CLASSES = 10  # that the table shows
_RARE = 10  # training rows
_EXAMPLE = 44  # characters
_YELLOW, _PLAIN = "\033[33m", "\033[0m"


def class_counts(dataset: Dataset) -> dict[str, list[int]]:
    """The rows of each class, or with each label, in the order of the classes, by split."""
    return {
        name: _counts(split, len(dataset.label_names), dataset.kind)
        for name, split in dataset.splits.items()
    }


def _counts(split: TextSplit, classes: int, kind: str) -> list[int]:
    labels: Any = split.labels or []
    ids = labels if kind == "class" else [label for row in labels for label in row]
    return np.bincount(np.asarray(ids, np.int64), minlength=classes).tolist()


def baseline(dataset: Dataset) -> dict[str, float]:
    """The score of a model that always gives one answer, on validation and test.

    For classes it is the accuracy of the most frequent class of train, for numbers the squared
    error of the mean of train.
    """
    if dataset.kind not in ("class", "number"):
        return {}
    train: Any = dataset.splits["train"].labels
    others = {name: split.labels for name, split in dataset.splits.items() if name != "train"}
    if dataset.kind == "number":
        mean = np.mean(train)
        return {name: float(np.mean((np.array(v) - mean) ** 2)) for name, v in others.items()}
    most = _most_frequent(train)
    return {name: float(np.mean(np.array(values) == most)) for name, values in others.items()}


def _most_frequent(labels: Any) -> int:
    return int(np.bincount(np.asarray(labels)).argmax())


def facts(dataset: Dataset) -> dict[str, Any]:
    """The facts about the labels that the records of a run keep."""
    found: dict[str, Any] = dict(dataset.counts)
    if dataset.kind in ("class", "several"):
        found["label_counts"] = class_counts(dataset)  # in the order of the labels
    if scores := baseline(dataset):
        name = "majority_accuracy" if dataset.kind == "class" else "mean_squared_error_of_mean"
        found["baseline"] = {name: scores}
    return found


def preflight(dataset: Dataset, colour: bool) -> str:
    """A table of the labels, a baseline, and a line on each thing that looks wrong.

    Args:
        colour: Whether to print warnings in yellow.
    """
    warnings = list(dataset.warnings)
    if dataset.kind == "none":
        shown = []
    elif dataset.kind == "number":
        shown = [_numbers(dataset), _baseline_of_numbers(dataset)]
        warnings += suspicious.number_warnings(np.array(dataset.splits["train"].labels, float))
    else:
        counts = class_counts(dataset)
        shown = [_classes(dataset, counts)]
        shown.append(_several(dataset) if dataset.kind == "several" else _majority(dataset))
        rows = {split: len(part.texts) for split, part in dataset.splits.items()}
        warnings += suspicious.name_warnings(
            dataset.label_names, counts["train"], rows["train"], dataset.kind == "several"
        )
        warnings += rare_lines(dataset.label_names, counts)
    lines = [f"{_YELLOW}{line}{_PLAIN}" if colour else line for line in warnings]
    return "\n".join([*shown, *lines])


def _classes(dataset: Dataset, counts: Mapping[str, Sequence[int]]) -> str:
    """The most frequent classes with their rows by split, and an example of each."""
    names, train = dataset.label_names, counts["train"]
    order: list[int] = list(range(len(names)))
    hidden: list[int] = []
    if len(names) > _CLASSES:
        order = sorted(order, key=lambda n: (-train[n], n))
        order, hidden = order[: _CLASSES - 2], order[_CLASSES - 2 :]
    examples = _examples(dataset.splits["train"], dataset.kind)
    cells = [("label" if dataset.kind == "several" else "class", *counts, "example")]
    for n in order:
        rows = (f"{found[n]:,}" for found in counts.values())
        cells.append((excerpt(names[n], 24), *rows, examples.get(n, "")))
    if hidden:
        sums = (f"{sum(found[n] for n in hidden):,}" for found in counts.values())
        fewest = f"each with {train[hidden[-1]]:,} to {train[hidden[0]]:,} training rows"
        cells.append((f"{len(hidden):,} more", *sums, fewest))
    return text_tables.columns(cells, right=range(1, len(counts) + 1))


def _examples(train: TextSplit, kind: str) -> dict[int, str]:
    """The first training text of each class."""
    found: dict[int, str] = {}
    labels: Any = train.labels or []
    for i, label in enumerate(labels):
        for n in label if kind == "several" else [label]:
            if n not in found:
                texts = (
                    [train.texts[i]] if train.pairs is None else [train.texts[i], train.pairs[i]]
                )
                found[n] = " ‖ ".join(excerpt(text, _EXAMPLE // len(texts)) for text in texts)
    return found


def _majority(dataset: Dataset) -> str:
    most = dataset.label_names[_most_frequent(dataset.splits["train"].labels)]
    scores = ", ".join(f"{100 * score:.1f} % ({name})" for name, score in baseline(dataset).items())
    return f"baseline: always {excerpt(most)!r} has an accuracy of {scores}"


def _several(dataset: Dataset) -> str:
    sizes = {}
    for name, split in dataset.splits.items():
        labels: Any = split.labels
        sizes[name] = np.array([len(row) for row in labels])
    means = ", ".join(f"{found.mean():.2f} ({name})" for name, found in sizes.items())
    none = ", ".join(f"{(found == 0).sum():,} ({name})" for name, found in sizes.items())
    return f"labels a row: {means}; rows with none: {none}"


def _numbers(dataset: Dataset) -> str:
    cells: list[tuple[str, ...]] = [
        ("numbers", "rows", "least", "mean", "most", "standard deviation")
    ]
    for name, split in dataset.splits.items():
        values = np.array(split.labels, float)
        figures = (values.min(), values.mean(), values.max(), values.std())
        cells.append((name, f"{len(values):,}", *(f"{figure:.4g}" for figure in figures)))
    return text_tables.columns(cells, right=range(1, len(cells[0])))


def _baseline_of_numbers(dataset: Dataset) -> str:
    mean = np.mean(np.array(dataset.splits["train"].labels, float))
    errors = ", ".join(f"{error:.4g} ({name})" for name, error in baseline(dataset).items())
    return f"baseline: always the mean, {mean:.4g}, has a mean squared error of {errors}"


def rare_lines(
    names: Sequence[str], counts: Mapping[str, Sequence[int]], unit: str = "rows"
) -> list[str]:
    """Lines on classes with few training rows, and on classes that a split lacks.

    Args:
        names: The names of the classes.
        counts: The rows of each by split, (classes,).
        unit: The name of what is counted.
    """
    lines = []
    few = [n for n in range(len(names)) if counts["train"][n] < _RARE]
    if few:
        named = listed([f"{names[n]!r} ({counts['train'][n]:,})" for n in few])
        lines.append(
            f"rare: {len(few):,} with less than {_RARE} training {unit}: {named}; merge them with "
            f"others, or add {unit}"
        )
    for split, found in counts.items():
        absent = [repr(name) for name, count in zip(names, found, strict=True) if not count]
        if absent and split != "train":
            lines.append(
                f"rare: {len(absent):,} without {unit} in {split}: {listed(absent)}; nothing is "
                f"measured of them"
            )
    return lines
