"""Words for values and flags, from which the parser makes its errors and help."""

import re
from typing import Any, NamedTuple

LIBRARIES = {
    "tpu": "torch_xla",
    "xla": "torch_xla",
    "transformer-engine": "transformer_engine",
}  # by values of flags
CLASSES = {"max_time": "Timer"}  # by names of flags: the class that the Trainer makes of each


class Flag(NamedTuple):
    """A flag as help and errors need it, in plain values.

    Attributes:
        help: Its text.
        default: Its value if it is not given; a class is a mapping with ``class_path``.
        required: Whether it must be given.
        nargs: The number of its values, as of argparse.
        words: The values that it takes in words, null last; None if they are not checked.
        base: The path of the class whose subclasses it takes by name; empty if it takes none.
        text: Whether any text passes, too.
        hidden: Whether help leaves it out.
    """

    help: str = ""
    default: Any = None
    required: bool = False
    nargs: Any = None
    words: list[str] | None = None
    base: str = ""
    text: bool = False
    hidden: bool = False


def as_typed(value: Any) -> str:
    """A value as a user would type it."""
    if isinstance(value, (list, tuple)):
        return f"[{', '.join(map(as_typed, value))}]"
    if path := hasattr(value, "get") and value.get("class_path"):
        return path.rsplit(".", 1)[-1]
    if value is None or isinstance(value, bool):
        return "null" if value is None else str(value).lower()
    return str(value) if value != "" else "''"


def mentions(message: str, value: Any) -> bool:
    """Whether a message of a library contains a flag's name or value as a word of its own."""
    word = re.escape(LIBRARIES.get(str(value), as_typed(value)))
    return bool(re.search(rf"(?<![\w.]){word}(?![\w]|\.\d)", message, re.I))


def is_about(message: str, name: str) -> bool:
    """Whether a message of the Trainer is about its flag of this name."""
    return mentions(message, name) or mentions(message, CLASSES.get(name, name))


def either(words: list[str], last: str = "or") -> str:
    """The words as a list, with ``last`` before the last of them."""
    return f" {last} ".join(filter(None, [", ".join(words[:-1]), *words[-1:]]))


def expected(flag: Flag) -> str:
    """The values that a flag takes, as words to follow 'must be'."""
    words = flag.words or []
    phrases = any(word.startswith(("a ", "the ")) for word in words)
    return ("one of " if len(words) > 2 and not phrases else "") + either(words)
