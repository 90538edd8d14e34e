"""Errors of jsonargparse and of the Trainer in plain words, with the flag that they are about."""

import re
import textwrap
from typing import Any

from datamodules.spelling import nearest
from experiments.runner import messages, part_flags, peer_flags
from experiments.runner.choosing import Choice, Library
from experiments.runner.given_flags import Given, short_flag
from experiments.runner.messages import Flag, as_typed, either, expected

_NOISE = re.compile(
    r"Parser key|Does not validate|Subtypes:|Errors:|Given value|Problem with given"
)


def worded(message: str, given: list[Given], choice: Choice) -> str:
    """An error of jsonargparse in one line; a one-line error stays as it is.

    Args:
        message: The error.
        given: The flags as the user gave them.
        choice: What they choose.
    """
    known, library = choice.known, choice.library
    # What a link between two flags says against their values.
    message = re.sub(r"^Call to compute_fn of link .* failed: (?=--)", "", message)
    keys = short_flag("--" + ".".join(re.findall(r'Parser key "([^"]+)"', message)))
    keys = re.sub(r"(\.\w+)\1$", r"\1", keys)  # of a class in a union, named twice
    extra = re.search(r"Option '([\w.]+)' is not accepted", message)
    if extra and not keys.endswith(f".{extra[1]}"):
        return part_flags.unknown(f"{keys}.{extra[1]}", known, given, library)
    if missing := re.search(r"arguments are required: ([\w., ]+)", message):
        names = [f"{keys}.{name}".replace("--.", "--") for name in missing[1].split(", ")]
        return f"{either(names, 'and')} must be given"
    if message.startswith("--") and "\n" not in message:
        return message
    found = [g for g in given if g.flag == keys and g.values]
    found = [g for g in found if str(g.values[-1]) in message] or found
    name, flag = found[-1] if found else keys, known.get(keys)
    if flag is None and keys.count(".") > 1:
        below = part_flags.flags_below(keys.rpartition(".")[0], known, given, library)
        flag = below.get(keys)
    if flag and flag.words is not None and keys[2:] not in choice.chosen:
        value = as_typed(found[-1].values[-1]) if found else ""
        return wrong_value(keys, name, value, flag, library)
    lines = [re.sub(r"^[ -]* ", "", s) for s in message.splitlines() if not _NOISE.search(s)]
    line = re.sub(r"<class '(?:\w+\.)*(\w+)'>", r"\1", next(filter(None, lines), message))
    line = textwrap.shorten(line, 300, placeholder=" ...")
    return f"{name}: {line}" if keys != "--" else line


def wrong_value(name: str, given: Any, value: str, flag: Flag, library: Library) -> str:
    """The error of a flag whose value is not one that it takes.

    Args:
        name: The name of the flag.
        given: The flag as given, which begins the error.
        value: Its value as typed.
        flag: The flag.
        library: The classes that there are.
    """
    words = [*(flag.words or []), *(library.offered(flag.base) if flag.base else [])]
    near = peer_flags.value_of(name, value, flag) or nearest(value, words, 0.7)
    return f"{given}: must be {expected(flag)}" + (f"; did you mean {near}?" if near else "")


def blamed(message: str, flags: list[Given]) -> str:
    """The Trainer's flags that its error is about, named in it by name, by value or by both."""
    given = {g.flag: g for g in flags if g.flag.startswith("--trainer.")}
    by_name = {f for f in given if messages.is_about(message, f.split(".")[1])}
    by_value = {f for f, g in given.items() if any(messages.mentions(message, v) for v in g.values)}
    # A number or a yes alone may stand in any message: torch_xla>=1.13, for --trainer.devices 1
    telling = {
        f
        for f in by_value
        if any(re.search(r"[a-z]\w|\w[a-z]", str(v), re.I) for v in given[f].values)
    } - {f for f, g in given.items() if g.values[-1] in (True, False, "true", "false", "auto")}
    named = by_name & by_value or by_name or telling
    return " ".join(str(given[f]) for f in given if f in named) or "--trainer"
