"""Splits of one file: by the hash of each text, and stratified by class."""

import hashlib
from collections.abc import Hashable, Sequence

import numpy as np

from datamodules.copies import normalized

_PARTS = ("train", "validation", "test")
_FEW = 10  # texts of a class, below which its share of a split would be less than one


def key_of(text: str) -> int:
    """The hash of a text, below 2**64; not of its spacing and case."""
    return int.from_bytes(hashlib.sha256(normalized(text).encode()).digest()[:8], "big")


def hash_of(text: str) -> float:
    """The hash of a text, from 0 to 1; not of its spacing and case."""
    return key_of(text) / 2**64


def hash_split(text: str, validation: float = 0.1, test: float = 0.1) -> str:
    """The split of a text by its hash, whatever else is in the file."""
    h = hash_of(text)
    return "test" if h < test else "validation" if h < test + validation else "train"


def stratified_split(
    keys: Sequence[int] | np.ndarray,
    strata: Sequence[Hashable],
    validation: float = 0.1,
    test: float = 0.1,
) -> dict[str, list[int]]:
    """Split so that each stratum has its share in each split; the order of the rows is no matter.

    Of each stratum, the texts with the lowest hashes are the test, the next ones the validation.
    Copies of a text go into one split together. Strata of less than 10 texts are split together,
    and each of them keeps a text in train.

    Args:
        keys: The hash of each of N texts; see ``key_of``.
        strata: The stratum of each text, such as its class.
        validation: The share of the texts for validation.
        test: The share of the texts for the test.

    Returns:
        The positions for "train", "validation" and "test", in their order; some may be empty.
    """
    unique, first, inverse, counts = np.unique(
        np.array(keys, np.uint64), return_index=True, return_inverse=True, return_counts=True
    )
    stratum = [strata[i] for i in first.tolist()]
    by_key, ends = np.argsort(inverse, kind="stable"), np.cumsum(counts)
    for place in np.flatnonzero(counts > 1).tolist():
        copies = by_key[ends[place] - counts[place] : ends[place]]
        stratum[place] = min((strata[i] for i in copies.tolist()), key=str)
    members: dict[Hashable, list[int]] = {}  # the places in `unique`, which are in order
    for place, name in enumerate(stratum):
        members.setdefault(name, []).append(place)
    part = np.zeros(len(unique), np.int8)

    def divide(places: list[int], total: int, least: int) -> None:
        tests = max(least, round(test * total)) if test else 0
        both = tests + (max(least, round(validation * total)) if validation else 0)
        part[places[:tests]] = _PARTS.index("test")
        part[places[tests:both]] = _PARTS.index("validation")

    few: list[int] = []
    for places in members.values():
        if len(places) >= _FEW:
            divide(places, len(places), 0)
        else:
            few += places[:-1]
    rare = sum(len(places) < _FEW for places in members.values())
    divide(sorted(few), len(few) + rare, int(rare == len(members)))
    of_row = part[inverse]
    return {name: np.flatnonzero(of_row == n).tolist() for n, name in enumerate(_PARTS)}
