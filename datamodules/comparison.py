"""Compares the rows of labelled splits: texts with different labels, and texts in two splits."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np

from datamodules.copies import conflict_warning, conflicts, shared_texts, shared_warning
from datamodules.files import Table
from datamodules.labels.classes import check_two_classes
from datamodules.splitting import key_of
from datamodules.text_splits import Dataset

_ODD = np.uint64(0x9E3779B97F4A7C15)  # so that a pair is not its texts in the other order


def compare(
    dataset: Dataset, tables: Mapping[str, Table], drop_shared: bool
) -> tuple[Dataset, np.ndarray]:
    """Find texts with different labels, and texts in two splits.

    Returns:
        The data, with a line on each finding, and the hashes of the training texts.
    """
    splits, warnings, counts = dict(dataset.splits), list(dataset.warnings), dict(dataset.counts)
    rows = {split: table.rows for split, table in tables.items()}
    firsts = {split: _keys(part.texts) for split, part in splits.items()}
    keys = {  # of pairs, both texts count
        split: firsts[split] if part.pairs is None else firsts[split] ^ _keys(part.pairs) * _ODD
        for split, part in splits.items()
    }
    for split, part in splits.items():
        if part.labels is None:
            continue
        label_of = partial(_in_words, part.labels, dataset.label_names)
        # The copies in a train that is split later are left out then.
        alone = split == "train" and "validation" not in splits
        exact, near = conflicts(part.keys, keys[split], part.labels)
        for found, how in (
            (exact, "labels, the first one counts" if alone else "labels, all are kept"),
            (near, "labels in copies that differ in case or spacing, all are kept"),
        ):
            if found:
                warnings.append(conflict_warning(found, part.texts, rows[split], label_of, how))
        if exact or near:
            counts.setdefault("conflicts", {})[split] = len(exact) + len(near)
    for (one, other), places in shared_texts(keys).items():
        counts.setdefault("shared_texts", {})[f"{one}, {other}"] = len(places)
        pair = rows[one], rows[other]
        here, there = splits[one].labels, splits[other].labels
        differing = sum(here[i] != there[j] for i, j in places) if here and there else 0
        line = shared_warning((one, other), places, splits[one].texts, pair, differing)
        if one == "train":
            cure = "train leaves them out" if drop_shared else "--data.drop_shared true drops them"
            line = f"{line}; {cure}{' from train' * (not drop_shared)}"
        warnings.append(line)
    if drop_shared:
        others = [own for split, own in keys.items() if split != "train"] or [keys["train"][:0]]
        kept = np.flatnonzero(~np.isin(keys["train"], np.concatenate(others))).tolist()
        if not kept:
            message = "validation and test have every text of train: give other files"
            raise tables["train"].fault(message, "drop_shared")
        splits["train"] = splits["train"].take(kept)
        firsts["train"] = firsts["train"][kept]
        if dataset.kind == "class":
            check_two_classes(tables["train"], splits["train"].labels or [])
    compared = replace(dataset, splits=splits, warnings=warnings, counts=counts)
    return compared, firsts["train"]


def _keys(texts: Sequence[str]) -> np.ndarray:
    """The hashes of N texts, (N,) uint64."""
    return np.fromiter(map(key_of, texts), np.uint64, len(texts))


def _in_words(labels: Any, names: Sequence[str], i: int) -> str:
    """A label by its name, for people to read."""
    label = labels[i]
    if isinstance(label, list):
        return "+".join(names[n] for n in label) or "none"
    return names[label] if names and isinstance(label, int) else f"{label:g}"
