"""The settings in which the combinations of an ablation differ, beside the varied ones."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from experiments.runner.messages import as_typed, either
from experiments.studies.ablation.grid import Combination

# Of a run and its record, with no effect on what is learned.
_OF_RUN = ("name", "output", "checkpoint_seconds", "tracking", "seed_everything", "config")


@dataclass
class Settings:
    """The settings that differ.

    Attributes:
        about: Whether each class has its tuned settings, in a sentence; empty if it is not known.
        head: The flags that differ.
        rows: The values of each combination by its name; * marks what is tuned for its class.
        notes: Combinations whose runs were not made with the same settings.
    """

    about: str = ""
    head: list[str] = field(default_factory=list)
    rows: dict[str, list[str]] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)


def compare(results: Mapping[Combination, Mapping[int, dict]], keys: Iterable[str]) -> Settings:
    """Finds the settings that differ between combinations.

    Args:
        results: The result.json of each run by combination and seed.
        keys: The varied flags.
    """
    runs = {c.name: list(found.values()) for c, found in results.items() if found}
    every = {name: [_flat(run.get("config", {})) for run in found] for name, found in runs.items()}
    values = {name: settings[0] for name, settings in every.items()}
    tuned = {name: _tuned(found[0]) for name, found in runs.items()}
    flags = [
        flag
        for flag in dict.fromkeys(flag for held in values.values() for flag in held)
        if flag not in (*keys, "tuned", "model.seed", "data.seed")
        and flag.split(".")[0] not in _OF_RUN
        and _differs(flag, values, tuned)
    ]
    rows = {
        name: [
            as_typed(held[flag]) + " *" * (flag in tuned[name]) if flag in held else "–"
            for flag in flags
        ]
        for name, held in values.items()
    }
    asked = {run.get("config", {}).get("tuned") for found in runs.values() for run in found}
    return Settings(_about(asked, bool(flags)), flags, rows, _mixed(every))


def _flat(config: Any, lead: str = "") -> dict[str, Any]:
    """The recorded settings by flag; a class stands under the flag that chooses it."""
    found: dict[str, Any] = {}
    for key, value in config.items():
        flag = lead if key == "class" else f"{lead}.{key}".lstrip(".")
        found |= _flat(value, flag) if isinstance(value, dict) and value else {flag: value}
    return found


def _tuned(run: dict[str, Any]) -> set[str]:
    origins = run.get("origins", {})
    return {flag for flag, origin in origins.items() if origin.startswith("tuned")}


def _differs(flag: str, values: dict[str, dict], tuned: dict[str, set]) -> bool:
    """Whether two combinations have the flag with two values, or one alone is tuned by it."""
    having = [held[flag] for held in values.values() if flag in held]
    alone = len(having) < len(values) and any(flag in flags for flags in tuned.values())
    return alone or any(value != having[0] for value in having)


def _about(asked: set[Any], differ: bool) -> str:
    if asked == {None}:
        return ""
    if asked == {False}:
        kind = "Not tuned (--tuned false): trainer and data are the same for all classes, and each "
        kind += "class has the defaults of its arguments."
    elif asked == {True}:
        kind = "Tuned: each class has what is tuned for it, marked *; -- --tuned false gives all "
        kind += "the same."
    else:
        kind = "Some runs are tuned, and some are not."
    rest = "These differ beside what is varied:" if differ else "Nothing else differs."
    return f"{kind} {rest}"


def _mixed(every: dict[str, list[dict]]) -> list[str]:
    """Notes on combinations with runs of different settings, as after a change of a default."""
    notes = []
    for name, settings in every.items():
        flags = dict.fromkeys(flag for held in settings for flag in held)
        for flag in (f for f in flags if f.split(".")[0] not in _OF_RUN):
            found = list(dict.fromkeys(as_typed(held.get(flag)) for held in settings))
            if len(found) > 1 and flag not in ("model.seed", "data.seed"):
                notes.append(
                    f"{name}: runs of one row have different settings, {flag} "
                    f"{either(found, 'and')}; another --name begins anew"
                )
    return notes
