"""Schemes of tags: BIO and its relatives for entities, plain tags for parts of speech."""

import re
from collections.abc import Sequence

_PREFIXED = re.compile(r"([BIESLUM])[-_](.+)")
_OUTSIDE = ("O", "o", "0", "OUT")


class StrayTag(ValueError):
    """A tag that the scheme of the others does not know."""

    def __init__(self, tag: str) -> None:
        super().__init__(
            f"the tag {tag!r} is neither O nor begins with B-, I-, E- or S-, as others do: write "
            f"it so, or without prefixes all of them"
        )
        self.tag = tag


def has_entities(names: Sequence[str]) -> bool:
    """Tell whether tags mark entities: whether one of them begins with B- or I-."""
    return any(found[1] in "BI" for found in map(_PREFIXED.fullmatch, names) if found)


def to_bio(tags: Sequence[str]) -> tuple[list[str], int]:
    """Rewrite the tags of a sentence as BIO, the scheme in which B- opens every entity.

    IOB1 (in which I- opens it), BIOES and BILOU are read as well. An entity that begins inside,
    with I- after another type or after none, is read as one that begins there, as the evaluation
    of CoNLL-2000 does (Tjong Kim Sang & Buchholz 2000).

    Returns:
        The tags, and the number of entities that began inside.

    Raises:
        StrayTag: For a tag without a prefix.
    """
    found, inside, before = [], 0, ""
    for tag in tags:
        if tag in _OUTSIDE:
            found.append("O")
            before = ""
            continue
        parts = _PREFIXED.fullmatch(tag)
        if parts is None:
            raise StrayTag(tag)
        prefix, kind = parts[1], parts[2]
        opens = prefix in "BSU" or kind != before
        inside += opens and prefix not in "BSU"
        found.append(f"{'B' if opens else 'I'}-{kind}")
        # What E and S, or L and U, have closed goes on with no I-.
        before = "" if prefix in "ESLU" else kind
    return found, inside


def bio_names(types: Sequence[str]) -> list[str]:
    """The tags of these types in the order of their ids: O, B-x, I-x, B-y …"""
    return ["O", *(f"{prefix}-{kind}" for kind in types for prefix in "BI")]
