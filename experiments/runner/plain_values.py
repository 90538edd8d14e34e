"""Whether a plain value is one that a flag takes, without the types that jsonargparse checks."""

import operator
import re
from contextlib import suppress

from experiments.runner.given_flags import Given
from experiments.runner.messages import Flag

_NUMBER = re.compile(r"a (?P<whole>whole )?number ?(?P<rule>.*)")
_COMPARED = {
    **{"above": operator.gt, "at least": operator.ge, "at most": operator.le},
    **{"below": operator.lt, "from": operator.ge, "to": operator.le},
}
_SPECIAL = {"true", "false", "yes", "no", "on", "off", "y", "n", "null", "none", "nan", "inf"}
_SPECIAL |= {"infinity", "~"}
_WORD = re.compile(r"[A-Za-z][A-Za-z0-9_-]*")


def is_wrong(given: Given, flag: Flag | None) -> bool | None:
    """Tells whether jsonargparse refuses a value; None if that is not certain."""
    if flag is None or flag.words is None or len(given.values) != 1 or flag.base:
        return None
    value, words = str(given.values[0]), flag.words
    if value in words and value not in ("text", "true or false"):
        return False
    phrases = [word for word in words if word.startswith(("a ", "an ", "the ", "something"))]
    if "text" in words:
        return False if re.fullmatch(r"[\w./:+~-]+", value) else None
    if not all(map(_NUMBER.fullmatch, phrases)):
        return None
    if value in ("true", "false") and "true or false" in words:
        return False
    number = None
    with suppress(ValueError):
        number = float(value) if re.fullmatch(r"-?\d+(\.\d+)?(e-?\d+)?", value) else None
    if number is not None:
        if "true or false" in words:  # jsonargparse may read 1 so
            return None
        found = [match for one in phrases if (match := _NUMBER.fullmatch(one))]
        return not any(_fits(value, number, match) for match in found)
    plain = _WORD.fullmatch(value) and value.lower() not in _SPECIAL
    return True if plain else None


def _fits(value: str, number: float, match: re.Match) -> bool:
    if match["whole"] and not re.fullmatch(r"-?\d+", value):
        return False
    bounds = re.findall(r"(above|at least|at most|below|from|to) (-?[\d.]+)", match["rule"])
    return all(_COMPARED[word](number, float(bound)) for word, bound in bounds)
