"""The flags and classes of experiments, kept in a file: answers need no import of torch then.

The project carries one file, ``flags.json``, for the versions that it names; a process for
which it does not hold keeps another in the cache. ``python -m experiments.runner.catalogue_writer``
writes the first anew, and a test says when that is due.
"""

import json
from collections.abc import Mapping
from typing import Any, NamedTuple

from experiments.runner.choosing import Own
from experiments.runner.messages import Flag

PART = "part"  # the key below which the flags of a kept class stand


class Unanswerable(Exception):
    """The catalogue does not have the answer."""


class Tuned(NamedTuple):
    """A tuned setting, as of :mod:`modules.tuning`."""

    flag: str
    value: Any
    source: str
    backbone: str | None
    task: str | None


class KeptKind:
    """A class that a flag may name, as :class:`choosing.Kind` has it.

    Args:
        facts: What :func:`catalogue_entries.collected` has found.
        backbones: The kinds of each backbone that is known without its files; "" is a new one.
    """

    def __init__(self, facts: Mapping[str, Any], backbones: Mapping[str, list[str]]) -> None:
        self.name, self.path, self.about = facts["name"], facts["path"], facts["about"]
        self.own, self.default_task = facts["own"], facts["default_task"]
        self._flags, self._tuned, self._backbones = facts["flags"], facts["tuned"], backbones

    def flags(self, key: str) -> dict[str, Flag]:
        if self._flags is None:
            raise Unanswerable
        return {f"--{key}.{name}": Flag(*fields) for name, fields in self._flags.items()}

    def tuned(self, backbone: str | None, task: str | None) -> dict[str, Tuned]:
        found = [Tuned(*fields) for fields in self._tuned]
        if any(one.backbone for one in found) and (backbone or "") not in self._backbones:
            raise Unanswerable  # its files tell
        kinds = self._backbones.get(backbone or "", [])
        return {
            one.flag: one
            for one in found
            if one.task in (None, task) and (one.backbone is None or one.backbone in kinds)
        }


class Catalogue:
    """What is kept for one experiment: a library for :mod:`choosing`, and its own flags.

    Args:
        kept: What the file holds.
        name: The name of the experiment.

    Attributes:
        own: What the experiment has before its command line is read.
    """

    def __init__(self, kept: Mapping[str, Any], name: str) -> None:
        entry = kept["experiments"][name]
        self._kinds, self._bases = kept["kinds"], entry["bases"]
        self._backbones = kept["backbones"]
        common = kept["flags"]
        flags = {flag: Flag(*entry["flags"].get(flag, common.get(flag))) for flag in entry["names"]}
        self.own = Own(flags, entry["defaults"], frozenset(entry["stated"]), entry["links"])

    def named(self, base: str) -> dict[str, KeptKind]:
        return {name: self._kind(path) for name, path in self._of(base)["named"].items()}

    def offered(self, base: str) -> list[str]:
        return self._of(base)["offered"]

    def imported(self, given: Any, name: str, base: str) -> KeptKind:
        """The class of that path, if it is one of ours: what is the user's own must be imported."""
        top, _, last = name.rpartition(".")
        path = self._of(base)["named"].get(last)
        if path is None or (path != name and top != path.partition(".")[0]):
            raise Unanswerable
        return self._kind(path)

    def _of(self, base: str) -> dict[str, Any]:
        if base not in self._bases:
            raise Unanswerable
        return self._bases[base]

    def _kind(self, path: str) -> KeptKind:
        return KeptKind(self._kinds[path], self._backbones)


def joined(parts: list[dict[str, Any]]) -> dict[str, Any]:
    """The catalogues of several experiments as one, in which each fact stands once."""
    whole: dict[str, Any] = {"backbones": {}, "kinds": {}, "flags": {}, "experiments": {}}
    for part in parts:
        whole["backbones"] |= part["backbones"]
        whole["kinds"] |= part["kinds"]
        whole["flags"] = part["flags"] | whole["flags"]
        for name, entry in part["experiments"].items():
            own = {**part["flags"], **entry["flags"]}
            own = {flag: own[flag] for flag in entry["names"]}
            differing = {flag: v for flag, v in own.items() if whole["flags"][flag] != v}
            whole["experiments"][name] = {**entry, "flags": differing}
    return whole


def text_of(kept: Mapping[str, Any]) -> str:
    """A catalogue as JSON with one class, one flag or one experiment on each line."""
    parts = []
    for key, value in kept.items():
        if isinstance(value, dict):
            lines = [f"{json.dumps(k)}: {json.dumps(v)}" for k, v in sorted(value.items())]
            parts.append(f"{json.dumps(key)}: {{\n" + ",\n".join(lines) + "\n}")
        else:
            parts.append(f"{json.dumps(key)}: {json.dumps(value)}")
    return "{\n" + ",\n".join(parts) + "\n}\n"
