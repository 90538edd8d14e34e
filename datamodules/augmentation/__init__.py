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
    return _copies(texts, labels, _methods(methods), copies, seed)[0]


def _copies(
    texts: Sequence[str], labels: Sequence | None, methods: list[Method], copies: int, seed: int
) -> tuple[list[tuple[str, int]], list[int]]:
    """Make copies as ``augmented_copies`` does, and count those that each method changed."""
    rows = [row for row in range(len(texts)) for _ in range(copies)]
    made = [texts[row] for row in rows]
    changed = []
    for n, method in enumerate(methods):
        before = made
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
        changed.append(sum(one != two for one, two in zip(before, made, strict=True)))
    kept = [(text, row) for text, row in zip(made, rows, strict=True) if text != texts[row]]
    return kept, changed


def augment_dataset(dataset: Dataset, methods: str, copies: int, seed: int) -> Dataset:
    """Add changed copies of the training texts to a labelled data set.

    Args:
        methods: Names of methods, joined by commas.
    """
    train = dataset.splits["train"]
    if train.pairs is not None:
        raise ValueError("--data.augment: texts in pairs are not augmented; leave it out")
    names = methods.split(",")
    groups = train.labels and [str(label) for label in train.labels]
    try:
        steps = _methods(names)
        made, changed = _copies(train.texts, groups, steps, copies, seed)
        idle = [
            f"{name} changed none ({getattr(step, 'unchanged', 'it found nothing to change')})"
            for name, step, count in zip(names, steps, changed, strict=True)
            if not count
        ]
        if not made:
            raise ValueError(
                f"{methods}: no text was added to the {len(train.texts):,} training texts: "
                f"{'; '.join(idle) or 'the methods undid each other'}"
            )
    except (ValueError, OSError) as error:
        raise ValueError(f"--data.augment: {error}") from error
    texts = [*train.texts, *(text for text, _ in made)]
    labels: Any = None  # of the kind that the others have
    if train.labels is not None:
        labels = [*train.labels, *(train.labels[row] for _, row in made)]
    note = f"{len(made):,} training texts were added by {methods.replace(',', ', ')}"
    splits = dataset.splits | {"train": TextSplit(texts, None, labels)}
    notes = [*dataset.notes, note, *(f"--data.augment: {one}" for one in idle)]
    return replace(dataset, splits=splits, notes=notes)


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
