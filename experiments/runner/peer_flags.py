"""Flags, values and methods of other training scripts, and the flags that do the same here."""

import re
from collections.abc import Callable, Collection
from contextlib import suppress
from functools import cache
from pathlib import Path

import yaml

from experiments.runner.messages import Flag, expected

_HALF, _BRAIN, _FULL = "16-mixed", "bf16-mixed", "32-true"
VALUES = {
    "--trainer.precision": {
        **dict.fromkeys(("fp16", "float16", "half", "f16", "amp", "mixed"), _HALF),
        **dict.fromkeys(("fp8", "float8"), "transformer-engine"),
        **dict.fromkeys(("bf16", "bfloat16", "bfp16", "brain"), _BRAIN),
        **dict.fromkeys(("fp32", "float32", "float", "f32", "full", "single", "no"), _FULL),
        **dict.fromkeys(("fp64", "float64", "double"), "64-true"),
    },
    "--model.quantize": {
        **dict.fromkeys(("4", "int4", "nf4", "fp4", "4-bit", "qlora"), "4bit"),
        **dict.fromkeys(("8", "int8", "8-bit"), "8bit"),
    },
    "--model.schedule": {
        "constant_with_warmup": "constant",
        "linear_with_warmup": "linear",
        "cosine_with_warmup": "cosine",
        **dict.fromkeys(("warmup_stable_decay", "trapezoidal"), "wsd"),
        "stlr": "slanted_triangular",
    },
}


@cache
def names() -> dict[str, dict[str, str]]:
    """Entries by names elsewhere: of flags, of advice where there is no flag, and of classes."""
    tables = yaml.safe_load(Path(__file__).with_name("peer_names.yaml").read_text(encoding="utf-8"))
    return {
        part: {name: entry for entry, listed in table.items() for name in listed.split()}
        for part, table in tables.items()
    }


def class_of(name: str, offered: Collection[str]) -> str:
    """The class that does what a name of papers or other scripts stands for, with its flags.

    Args:
        name: The name as given, in whatever case.
        offered: The classes that can be chosen; the answer begins with one, or is empty.
    """
    entries = names()["classes"].get(re.sub("[^a-z0-9]", "", name.lower()), "").split("|")
    return next((entry for entry in entries if entry.split(" ")[0] in offered), "")


def hint(leaf: str, known: Collection[str], chosen: str, has: Callable[[str, str], bool]) -> str:
    """What a name of other scripts is here, to end an error message; empty if it is none.

    Args:
        leaf: The last part of the flag, such as lr.
        known: The flags of this run.
        chosen: The name of the class of --model.
        has: Tells whether a class of that name can be chosen for --model and has that flag.
    """
    name = leaf.lower().replace("-", "_")
    flags, advice = names()["flags"], names()["advice"]
    for entry in filter(None, flags.get(name, "").split("|")):
        ours, _, owner = entry.partition(" of --model ")
        flag = ours.split()[0].split("+=")[0]
        if owner and owner != chosen:
            if has(owner, flag):
                return f"; here it is {entry}"
        elif flag in known:
            return f"; here it is {ours}"
    if name in flags:
        elsewhere = flags[name].replace("|", " or ")
        return f"; other experiments have it as {elsewhere}, and this one has none"
    return f"; there is none: {advice[name]}" if name in advice else ""


def value_of(name: str, value: str, flag: Flag) -> str:
    """The value of ours that another way to write it stands for; empty if there is none.

    Args:
        name: The name of the flag.
        value: Its value as given.
        flag: The flag, which knows the values that it takes.
    """
    if found := VALUES.get(name, {}).get(value.lower()):
        return found
    words = expected(flag)
    if value.lower() in ("none", "nil", "") and "null" in words:
        return "null"
    with suppress(ValueError, OverflowError):
        if "whole number" in words and float(value) == (whole := int(float(value))) > 0:
            return str(whole) if str(whole) != value else ""  # of 1e3 or 4.0
    return ""
