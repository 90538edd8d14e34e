"""Splits of one file: by the hash of each text, and stratified by class."""

import hashlib
from collections.abc import Hashable, Sequence

from datamodules.copies import normalized

_FEW = 10  # texts of a class, below which its share of a split would be less than one


def hash_of(text: str) -> float:
    """The hash of a text, from 0 to 1; not of its spacing and case."""
    digest = hashlib.sha256(normalized(text).encode()).digest()
    return int.from_bytes(digest[:8], "big") / 2**64


def hash_split(text: str, validation: float = 0.1, test: float = 0.1) -> str:
    """The split of a text by its hash, whatever else is in the file."""
    h = hash_of(text)
    return "test" if h < test else "validation" if h < test + validation else "train"


def stratified_split(
    texts: Sequence[str],
    strata: Sequence[Hashable],
    validation: float = 0.1,
    test: float = 0.1,
) -> dict[str, list[int]]:
    """Split so that each stratum has its share in each split; the order of the rows is no matter.

    Of each stratum, the texts with the lowest hashes are the test, the next ones the validation.
    Copies of a text go into one split together. Strata of less than 10 texts are split together,
    and each of them keeps a text in train.

    Args:
        texts: The N texts.
        strata: The stratum of each text, such as its class.
        validation: The share of the texts for validation.
        test: The share of the texts for the test.

    Returns:
        The positions for "train", "validation" and "test", in their order; some may be empty.
    """
    groups: dict[float, list[int]] = {}
    for i, text in enumerate(texts):
        groups.setdefault(hash_of(text), []).append(i)
    members: dict[Hashable, list[float]] = {}
    for h, places in groups.items():
        first = strata[places[0]]
        least = first if len(places) == 1 else min((strata[i] for i in places), key=str)
        members.setdefault(least, []).append(h)
    found: dict[str, list[float]] = {"train": [], "validation": [], "test": []}

    def divide(hashes: list[float], total: int, least: int) -> None:
        tests = max(least, round(test * total)) if test else 0
        both = tests + (max(least, round(validation * total)) if validation else 0)
        found["test"] += hashes[:tests]
        found["validation"] += hashes[tests:both]
        found["train"] += hashes[both:]

    few: list[float] = []
    for hashes in map(sorted, members.values()):
        if len(hashes) >= _FEW:
            divide(hashes, len(hashes), 0)
        else:
            few += hashes[:-1]
            found["train"].append(hashes[-1])
    rare = sum(len(hashes) < _FEW for hashes in members.values())
    divide(sorted(few), len(few) + rare, int(rare == len(members)))
    return {name: sorted(i for h in part for i in groups[h]) for name, part in found.items()}
