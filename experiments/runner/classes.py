"""The classes that flags may name, and their flags, from the classes themselves.

jsonargparse keeps what is asked here nowhere else. Nothing of Lightning is imported.
"""

import inspect
import re
from argparse import SUPPRESS
from collections.abc import Mapping
from functools import cache
from types import NoneType
from typing import Any, Literal, get_args, get_origin

from jsonargparse import ArgumentParser

from experiments.runner.messages import Flag, as_typed

_NUMBERS = {int: "a whole number", float: "a number"}
_WORDS = {
    **_NUMBERS,
    **{str: "text", bool: "true or false", NoneType: "null"},
    **{list: "a list such as [a,b]", dict: "a mapping such as {a: 1}"},
}
_RULES = {  # how jsonargparse writes a restriction
    r"v>=(\S+) and v<=(\S+)": r"from \1 to \2",
    "v>=": "of at least ",
    "v<=": "of at most ",
    "v>": "above ",
    "v<": "below ",
}


BASES: dict[str, type] = {}  # the classes whose subclasses flags take by name, by their paths


def type_of(action: Any) -> Any:
    """The type of a flag's value; None if jsonargparse does not check it."""
    return getattr(action, "_typehint", None)


def words_of(hint: Any) -> list[str]:
    """The values that a type allows: one entry for each alternative, null last."""
    if get_origin(hint) is Literal:
        return [str(value) for value in get_args(hint)]
    if rule := getattr(hint, "_expression", ""):
        for sign, word in _RULES.items():
            rule = re.sub(sign, word, rule)
        return [f"{_NUMBERS.get(hint._type, 'text')} {rule}"]
    if word := _WORDS.get(hint) or _WORDS.get(get_origin(hint)):
        return [word]
    if isinstance(hint, type) and not get_args(hint):
        return [f"the name of a{'n' * (hint.__name__[0] in 'AEIOU')} {hint.__name__} class"]
    words = [word for arg in get_args(hint) for word in words_of(arg)] or ["something else"]
    return list(dict.fromkeys(sorted(words, key="null".__eq__)))


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


def _is_class(action: Any, hint: type) -> bool:
    """Whether a flag takes a class of this type by name, unlike jsonargparse's --model.help."""
    return hasattr(action, "is_subclass_typehint") and action.is_subclass_typehint(hint)


def subclasses(base: type) -> dict[str, type]:
    """The classes that can be chosen where `base` is asked for, by name."""
    found = {}
    for sub in base.__subclasses__():
        if not sub.__name__.startswith(("_", "LazyInstance_")):
            found |= subclasses(sub) | ({} if inspect.isabstract(sub) else {sub.__name__: sub})
    return dict(sorted(found.items())) or {base.__name__: base}


def offered(base: type) -> dict[str, type]:
    """The classes that a user may choose where ``base`` is asked for: Lightning's stand last."""
    found = {
        name: cls
        for name, cls in subclasses(base).items()
        # Every run has those of the runner by itself; an abstract one is there to be inherited.
        if not (
            cls.__module__.startswith("experiments.") or "abstract" in vars(cls) or _refused(cls)
        )
    }
    return dict(sorted(found.items(), key=lambda one: one[1].__module__.startswith("lightning.")))


def _refused(cls: type) -> bool:
    if not any(base.__module__.startswith("lightning.") for base in cls.__mro__):
        return False
    from experiments.runner import unusable  # with Lightning, which is there by now

    return unusable.refused(cls)


@cache
def class_flags(cls: type, key: str) -> dict[str, Flag]:
    """The flags of a class below `--key.`, which know values, default and help."""
    parser = ArgumentParser()
    parser.add_class_arguments(cls, key, fail_untyped=False)
    return {
        a.option_strings[0]: flag(a)
        for a in parser._actions
        if type_of(a) and not a.option_strings[0].endswith(".help")
    }


def flag(action: Any) -> Flag:
    """What is known of an action of the parser."""
    hint, base = type_of(action), base_class(action)
    if base:
        BASES[path(base)] = base
    return Flag(
        action.help or "",
        plain(None if action.default is SUPPRESS else action.default),
        action.required,
        action.nargs,
        None if not hint else words_of(hint),
        path(base) if base else "",
        str in get_args(hint),
        action.default is SUPPRESS,
    )


def path(cls: type) -> str:
    """The dotted path of a class."""
    return f"{cls.__module__}.{cls.__qualname__}"


def plain(value: Any) -> Any:
    """A value as JSON keeps it, which looks the same as it is typed."""
    if isinstance(value, (list, tuple)):
        return [*map(plain, value)]
    if isinstance(value, Mapping):
        return {key: plain(inner) for key, inner in value.items()}
    if name := hasattr(value, "get") and value.get("class_path"):
        arguments = value.get("init_args") or {}
        return {"class_path": name, "init_args": plain(getattr(arguments, "as_dict", dict)())}
    return value if type(value) in (str, bool, int, float, NoneType) else as_typed(value)
