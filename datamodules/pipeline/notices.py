"""Notices of rights: lines that only state a copyright or a licence."""

import re

_RIGHTS = re.compile(r"copyright|©|\(c\)|rights|licen|版权|版權|著作|权利|權利", re.IGNORECASE)
# A notice names a year, a sign or the rights, and then an owner; prose goes on with a verb.
_OWNED = re.compile(
    r"\W*(?:portions )?((?:(?:copyright|©|\(c\))[\s,:]*)+)((?:[12]\d{3}[\s,–-]*)*)(by\s)?", re.I
)
_RESERVED = re.compile(r"\b(?:all|some) rights (?:are )?reserved\b(?:\s+worldwide)?", re.IGNORECASE)
_AFTER = re.compile(r"\W*\Z|\s*[.!|]|[\s,]*(?:©|\(c\)|copyright\b|by\b|to\b|[12]\d{3}\b)", re.I)
_LICENSED = re.compile(r"\W*(?i:licen[sc]ed under (?:(?:an?|the|terms|of) )*)[A-Z]")
_CHINESE = re.compile(
    r"\W*(?:版[权權]所有|著作[权權]所有|保留(?:所有|一切)[权權]利)(?![者人权權的])"
)
_VERBS = frozenset(
    "is was are were be been has have had will would can could may might must shall should does "
    "did do protects covers lasts expires applies exists means gives held".split()
)
_JOINING = frozenset("the of and by for in at to a an de la le der die das von van und et".split())


def without_notices(text: str) -> tuple[str, int]:
    """Remove the lines that only state rights or a licence, and count them."""
    if not _RIGHTS.search(text):
        return text, 0
    lines = text.split("\n")
    kept = [line for line in lines if not (_RIGHTS.search(line) and _is_notice(line))]
    return "\n".join(kept).strip(), len(lines) - len(kept)


def _is_notice(line: str) -> bool:
    """Whether a line is nothing but a notice of rights; prose about rights is none."""
    if len(line) > 200:
        return False
    if _CHINESE.match(line) or _LICENSED.match(line):
        return True
    reserved = _RESERVED.search(line)
    if reserved and not line[: reserved.start()].strip(" \t*#>|.©-"):
        after = line[reserved.end() :]
        return _AFTER.match(after) is not None and not _speaks(after)
    owned = _OWNED.match(line)
    if owned is None:
        return False
    signs, year, by = owned.groups()
    if not (reserved or year or by or "©" in signs or len(signs.split()) > 1):
        return False
    owner = line[owned.end() : reserved.start() if reserved else None]
    owner = re.sub(r"\S*[@/]\S*", " ", owner)  # addresses
    if _speaks(owner):
        return False
    words = _words(owner)
    named = sum(not word.islower() or word in _JOINING for word in words)
    return len(words) <= 4 or named >= len(words) / 2


def _words(text: str) -> list[str]:
    """The words of the first sentence."""
    return re.findall(r"[^\W\d_]+", re.split(r"[.!?](?:\s|\Z)", text)[0])


def _speaks(text: str) -> bool:
    return not _VERBS.isdisjoint(_words(text))
