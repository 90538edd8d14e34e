"""The combinations of an ablation: the values of varied flags, each where it applies."""

import itertools
import re
from collections.abc import Collection
from dataclasses import dataclass

# Between commas, which are part of a value inside of brackets, braces and quotes.
_VALUE = re.compile(r"""(?:[^,\[\]{}"']|\[[^\]]*\]|\{[^}]*\}|"[^"]*"|'[^']*')+""")
RESERVED = {  # flags of every run that this command sets itself
    "seed_everything": "the seeds are --seeds",
    "output": "the folder is --output of this command",
    "resume": "runs that have not finished are resumed without it",
    "config": "give it after --, for every run",
    "tracking.group": "the group is --name",
    "name": "every run is named after its combination",
    "tracking.name": "every run is named after its combination",
}


@dataclass(frozen=True)
class Combination:
    """The varied settings of a run, each as (flag without its dashes, value)."""

    settings: tuple[tuple[str, str], ...]

    @property
    def flags(self) -> tuple[str, ...]:
        return tuple(f"--{key}={value}" for key, value in self.settings)

    @property
    def name(self) -> str:
        """A short name: the last part of each flag, or the whole flag if two have the same end."""
        leaves = [key.rpartition(".")[2] for key, _ in self.settings]
        return ", ".join(
            f"{leaf if leaves.count(leaf) == 1 else key}={value}"
            for leaf, (key, value) in zip(leaves, self.settings, strict=True)
        )

    def only(self, keys: Collection[str]) -> "Combination":
        """The combination with no other settings than these."""
        return Combination(tuple((k, v) for k, v in self.settings if k in keys))


def varied(words: list[str]) -> dict[str, list[str]]:
    """Parses words such as ``model.rank=2,8``; returns the values of each flag.

    Raises:
        ValueError: If a word cannot be parsed, or if a flag or a value is given twice.
    """
    found: dict[str, list[str]] = {}
    for word in words:
        key, value = _pair("--vary", word)
        values = _VALUE.findall(value)
        if ",".join(values) != value or not values:
            raise ValueError(f"--vary {word}: give values with a comma between two of them")
        if key in RESERVED:
            raise ValueError(f"--vary {key}: {RESERVED[key]}")
        if key in found:
            raise ValueError(f"--vary {key}: given twice; put all its values into one")
        for twice in (v for n, v in enumerate(values) if v in values[:n]):
            raise ValueError(f"--vary {word}: {twice} is given twice")
        found[key] = values
    return found


def _pair(flag: str, word: str) -> tuple[str, str]:
    key, equals, value = word.partition("=")
    if not equals or not key.strip("- ") or not value:
        raise ValueError(f"{flag} {word}: write it as {flag} model.rank=8")
    return key.strip().removeprefix("--"), value


def class_choices(found: dict[str, list[str]]) -> list[str]:
    """The varied flags that choose a class with varied flags of its own, such as model."""
    return [head for head in found if any(key.startswith(f"{head}.") for key in found)]


def product(found: dict[str, list[str]]) -> list[Combination]:
    """All combinations in order; the last flag changes fastest."""
    rows = itertools.product(*([(key, value) for value in found[key]] for key in found))
    return [Combination(row) for row in rows]


def drop_inapplicable(
    combinations: list[Combination], known: dict[Combination, Collection[str]]
) -> tuple[list[Combination], list[str]]:
    """Drops flags that the chosen class does not have, and then duplicate combinations.

    Args:
        combinations: The combinations of all varied flags.
        known: The known flags under each choice of classes.

    Returns:
        The combinations that remain, and a note on each dropped flag.
    """
    left_out: dict[tuple[str, Combination], None] = {}
    kept: dict[Combination, None] = {}
    for combination in combinations:
        chosen = next((c for c in known if set(c.settings) <= set(combination.settings)), None)
        keys = [key for key, _ in combination.settings]
        for key in list(keys) if chosen else []:
            below = any(key.startswith(f"{head}.") for head, _ in chosen.settings)
            # What no class has is a mistake, which the parser names.
            had = any(f"--{key}" in flags for flags in known.values())
            if below and had and f"--{key}" not in known[chosen]:
                keys.remove(key)
                left_out[key, chosen] = None
        kept[combination.only(keys)] = None
    notes = [f"--{key} is left out with {chosen.name}, which has none" for key, chosen in left_out]
    return list(kept), notes


def find(combinations: list[Combination], words: list[str]) -> Combination:
    """Finds the baseline: the combination with these settings, or the first if none are given.

    Raises:
        ValueError: If no combination has the settings, or if several have them.
    """
    wanted = {_pair("--baseline", word) for word in words}
    found = [c for c in combinations if wanted <= set(c.settings)]
    if words and len(found) != 1:
        said = f"--baseline {' '.join(words)}"
        if found:
            raise ValueError(f"{said}: {len(found)} combinations have it, such as {found[0].name}")
        names = "; ".join(combination.name for combination in combinations[:6])
        raise ValueError(f"{said}: no such combination; there are {names}")
    return found[0]
