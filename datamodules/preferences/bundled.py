"""Couples of answers made of the bundled instructions, as no registry has any by people."""

import re
from collections.abc import Callable

import numpy as np

from datamodules.instructions.bundled import instructlab
from datamodules.instructions.conversations import Conversation
from datamodules.preferences.records import Example
from datamodules.splitting import hash_split

_DRAWN = 64  # other records, of which the one with the question most alike lends its answer
_SAME = 0.8  # share of common words from which on two questions may have one answer


def answers() -> tuple[dict[str, list[Example]], str, list[str]]:
    """Make couples of the bundled instructions; with them come their name and remarks.

    The chosen answer is the record's own, the rejected one that of another record: of 64 drawn by
    a fixed seed, the one whose question has most words in common. Both are of one split, so that
    no answer is chosen in one and rejected in another.
    """
    records, _, name = instructlab()
    groups: dict[str, list[Conversation]] = {}
    for record in records:
        if len(record) == 2:
            groups.setdefault(hash_split(record[0].content), []).append(record)
    found = [couple for group in groups.values() for couple in _couples(group)]
    note = (
        f"{name}: rejected answers are those of other records with a question alike; no registry "
        f"has preferences by people to train on"
    )
    return {"train": found}, f"couples of answers made of {name}", [note]


def _couples(records: list[Conversation]) -> list[Example]:
    words = [frozenset(re.findall(r"\w+", record[0].content.lower())) for record in records]
    drawn = np.random.default_rng(0).integers(len(records), size=(len(records), _DRAWN))
    made = []
    for place, others in enumerate(drawn.tolist()):
        own, answer = words[place], records[place][-1].content

        def alike(other: int, own: frozenset[str] = own) -> float:
            return len(own & words[other]) / max(1, len(own | words[other]))

        usable = [o for o in others if records[o][-1].content != answer and alike(o) < _SAME]
        if usable:
            lent = records[max(usable, key=alike)][-1]
            made.append(Example(records[place], (records[place][0], lent)))
    return made


SETS: dict[str, Callable[[], tuple[dict[str, list[Example]], str, list[str]]]] = {
    "bundled": answers,
}
