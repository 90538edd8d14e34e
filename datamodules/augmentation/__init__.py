"""Augmentation: changed copies of training texts."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from random import Random
from typing import Any

from datamodules.augmentation.methods import METHODS, BackTranslation, Recombination
from datamodules.spelling import did_you_mean
from datamodules.text_splits import Dataset, TextSplit

Method = Callable[[str, Random], str]


def augmented_copies(
    texts: Sequence[str],
    labels: Sequence | None,
    methods: Sequence[str | Method],
    copies: int,
    seed: int,
) -> list[tuple[str, int]]:
    """Make changed copies of texts, each with the place of the text that it was made of.

    All methods change each copy one after the other. A copy depends on the text, its number and
    the seed, not on the other rows (by recombination also on those of its label). A copy that no
    method changes is left out.

    Args:
        texts: The N texts.
        labels: The N labels, if recombination is to stay within a label.
        methods: Names of ``METHODS``, or methods with settings of their own.
        copies: The number of copies of each text.
        seed: The seed of all draws.
    """
    rows = [row for row in range(len(texts)) for _ in range(copies)]
    made = [texts[row] for row in rows]
    for n, method in enumerate(_methods(methods)):
        seeds = [f"{seed}/{n}/{place % copies}/{texts[row]}" for place, row in enumerate(rows)]
        randoms = [Random(text) for text in seeds]
        if isinstance(method, BackTranslation):
            made = method.translate_all(made)
        elif isinstance(method, Recombination):
            others = _others(randoms, rows, labels or [None] * len(texts))
            parts = zip(made, randoms, others, strict=True)
            made = [
                text if other is None else method(text, random, texts[other])
                for text, random, other in parts
            ]
        else:
            made = [method(text, random) for text, random in zip(made, randoms, strict=True)]
    return [(text, row) for text, row in zip(made, rows, strict=True) if text != texts[row]]


def augment_dataset(dataset: Dataset, methods: str, copies: int, seed: int) -> Dataset:
    """Add changed copies of the training texts to a labelled data set.

    Args:
        methods: Names of methods, joined by commas.
    """
    train = dataset.splits["train"]
    if train.pairs is not None:
        raise ValueError("--data.augment: texts in pairs are not augmented; leave it out")
    groups = train.labels and [str(label) for label in train.labels]
    try:
        made = augmented_copies(train.texts, groups, methods.split(","), copies, seed)
    except (ValueError, OSError) as error:
        raise ValueError(f"--data.augment: {error}") from error
    texts = [*train.texts, *(text for text, _ in made)]
    labels: Any = None  # of the kind that the others have
    if train.labels is not None:
        labels = [*train.labels, *(train.labels[row] for _, row in made)]
    note = f"{len(made):,} training texts were added by {methods.replace(',', ', ')}"
    splits = dataset.splits | {"train": TextSplit(texts, None, labels)}
    return replace(dataset, splits=splits, notes=[*dataset.notes, note])


def _methods(methods: Iterable[str | Method]) -> list[Method]:
    for name in methods:
        if isinstance(name, str) and name not in METHODS:
            hint = did_you_mean(name, METHODS)
            raise ValueError(f"augmentation {name}: there are {', '.join(METHODS)}{hint}")
    return [METHODS[name]() if isinstance(name, str) else name for name in methods]


def _others(
    randoms: Sequence[Random], rows: Sequence[int], labels: Sequence
) -> Iterator[int | None]:
    """Draw another row of the same label for each row, or None if there is no other."""
    groups: dict[Any, list[int]] = {}
    for row, label in enumerate(labels):
        groups.setdefault(label, []).append(row)
    for random, row in zip(randoms, rows, strict=True):
        group = groups[labels[row]]
        other = group[random.randrange(len(group) - 1)] if len(group) > 1 else None
        yield group[-1] if other == row else other
