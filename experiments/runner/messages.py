"""Words for values, types and flags, from which the parser makes its errors and help."""

import inspect
import re
from types import NoneType
from typing import Any, Literal, get_args, get_origin

from jsonargparse import ArgumentParser

NUMBERS = {int: "a whole number", float: "a number"}
SIMPLE = {str: "text", bool: "true or false", NoneType: "null"}
LISTS = {list: "a list such as [a,b]", dict: "a mapping such as {a: 1}"}
LIBRARIES = {
    "tpu": "torch_xla",
    "xla": "torch_xla",
    "transformer-engine": "transformer_engine",
}  # by values of flags
CLASSES = {"max_time": "Timer"}  # by names of flags: the class that the Trainer makes of each
RULES = {  # how jsonargparse writes a restriction
    r"v>=(\S+) and v<=(\S+)": r"from \1 to \2",
    "v>=": "of at least ",
    "v<=": "of at most ",
    "v>": "above ",
    "v<": "below ",
}


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


def choices(hint: Any) -> list[str]:
    """The values that a type allows: one entry for each alternative, null last."""
    if get_origin(hint) is Literal:
        return [str(value) for value in get_args(hint)]
    if rule := getattr(hint, "_expression", ""):
        for sign, word in RULES.items():
            rule = re.sub(sign, word, rule)
        return [f"{NUMBERS.get(hint._type, 'text')} {rule}"]
    if word := (NUMBERS | SIMPLE | LISTS).get(hint) or LISTS.get(get_origin(hint)):
        return [word]
    if isinstance(hint, type) and not get_args(hint):
        return [f"the name of a{'n' * (hint.__name__[0] in 'AEIOU')} {hint.__name__} class"]
    words = [word for arg in get_args(hint) for word in choices(arg)] or ["something else"]
    return list(dict.fromkeys(sorted(words, key="null".__eq__)))


def either(words: list[str], last: str = "or") -> str:
    """The words as a list, with ``last`` before the last of them."""
    return f" {last} ".join(filter(None, [", ".join(words[:-1]), *words[-1:]]))


def type_of(action: Any) -> Any:
    """The type of a flag's value; None if jsonargparse does not check it."""
    return getattr(action, "_typehint", None)  # jsonargparse keeps it nowhere else


def expected(action: Any) -> str:
    """The values that a flag takes, as words to follow 'must be'."""
    words = choices(type_of(action))
    phrases = any(word.startswith(("a ", "the ")) for word in words)
    return ("one of " if len(words) > 2 and not phrases else "") + either(words)


def _is_class(action: Any, hint: type) -> bool:
    """Whether a flag takes a class of this type by name, unlike jsonargparse's --model.help."""
    return hasattr(action, "is_subclass_typehint") and action.is_subclass_typehint(hint)


def base_class(action: Any) -> type | None:
    """The class whose subclasses a flag takes by name, if it is such a flag."""
    hint = type_of(action)
    return next(
        (
            h
            for h in (hint, *get_args(hint))
            if hint and isinstance(h, type) and _is_class(action, h)
        ),
        None,
    )


def subclasses(base: type) -> dict[str, type]:
    """The classes that can be chosen where `base` is asked for, by name."""
    found = {}
    for sub in base.__subclasses__():
        if not sub.__name__.startswith(("_", "LazyInstance_")):
            found |= subclasses(sub) | ({} if inspect.isabstract(sub) else {sub.__name__: sub})
    return dict(sorted(found.items())) or {base.__name__: base}


def class_flags(cls: type, key: str) -> dict[str, Any]:
    """The flags of a class below `--key.`, as actions that know type, default and help."""
    parser = ArgumentParser()
    parser.add_class_arguments(cls, key, fail_untyped=False)
    return {
        a.option_strings[0]: a
        for a in parser._actions
        if type_of(a) and not a.option_strings[0].endswith(".help")
    }
