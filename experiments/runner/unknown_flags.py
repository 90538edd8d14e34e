"""The error of an unknown flag: it takes names alone, and no class."""

import re
import textwrap
from collections.abc import Callable, Collection, Mapping
from typing import NamedTuple

from datamodules.spelling import nearest
from experiments.runner import peer_flags
from experiments.runner.given_flags import Given
from experiments.runner.messages import either

LENGTH = 300  # of an error


class Names(NamedTuple):
    """The names that a command line may use.

    Attributes:
        known: The flags of the run and of the chosen classes.
        chosen: The names of the chosen classes, by their flags without dashes.
        flags_of: Gives for such a flag the classes that it may name, each with its flags.
    """

    known: Collection[str]
    chosen: Mapping[str, str]
    flags_of: Callable[[str], Mapping[str, Collection[str]]]


def error(given: Given, names: Names) -> str:
    """The error of a flag that is not known, with the flag that was likely meant.

    Args:
        given: The flag as given.
        names: The names that there are.
    """
    flag, leaf = given.flag, given.flag.rsplit(".", 1)[-1].lstrip("-")
    for key in [k for k in names.chosen if flag.startswith(f"--{k}.")]:
        if owners := [name for name, flags in names.flags_of(key).items() if flag in flags]:
            return f"{given}: {names.chosen[key]} has no {leaf}; --{key} {either(owners)} has"
    return textwrap.shorten(_unknown(given, leaf, names), LENGTH, placeholder=" ...")


def _unknown(given: Given, leaf: str, names: Names) -> str:
    flag = given.flag
    known = [f for f in names.known if f.startswith("--") and not re.search(r"help$|\+$", f)]
    leaves = {f.rsplit(".", 1)[-1].lstrip("-"): f for f in reversed(known)}
    root, roots = flag.split(".")[0], dict.fromkeys(f.split(".")[0] for f in known)
    beside = [f for f in known if f.startswith(f"{root}.")] if root in roots else roots
    own = leaves.get(leaf) or leaves.get(leaf.replace("-", "_"))
    kind = "unknown key " if given.file else "unknown flag "

    def has(model: str, flag: str) -> bool:
        return flag in names.flags_of("model").get(model, ())

    model = names.chosen.get("model", "")
    if not own and (peers := peer_flags.hint(leaf, names.known, model, has)):
        return given.named(kind) + peers
    near = (
        own
        or nearest(flag if root in roots else root, beside, 0.7)
        or leaves.get(nearest(leaf, leaves, 0.7), "")
    )
    near = near[2:] if given.file else near
    return given.named(kind) + (f"; did you mean {near}?" if near else "; see --help")
