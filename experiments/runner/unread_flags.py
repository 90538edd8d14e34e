"""Refuses flags that would pass without effect, because of the value of another flag."""

from collections.abc import Mapping
from typing import Any

from datamodules import unread
from experiments.runner.given_flags import Given, by_flag
from experiments.runner.messages import as_typed


def check(
    given: list[Given],
    parts: Mapping[str, Any],
    settings: Mapping[str, Any],
    links: Mapping[str, str] | None = None,
) -> list[str]:
    """Refuses such a flag on the command line; a file may name every setting.

    Args:
        given: The flags.
        parts: What they are of, or its class, by its own flag: ``model``, ``model.task``,
            ``data``; empty for what has no flag of its own.
        settings: The config by the names of flags.
        links: The flags that follow others, and these.

    Returns:
        Remarks on those that are not refused.

    Raises:
        ValueError: If a flag has no effect.
    """
    notes = []
    asked = {f: one for f, one in by_flag(given).items() if not one.file and one.value is not None}
    for key, part in parts.items():
        lead = f"--{key}." if key else "--"
        held: Any = settings
        for name in key.split(".") if key else ():
            held = held.get(name) or {}
        kind = part if isinstance(part, type) else type(part)
        if kind is not part and hasattr(part, "arguments"):  # some of a task's follow the data
            held = part.arguments()
        for one in unread.declared(kind):
            value = held.get(one.other)
            flags = [f"{lead}{name}" for name in one.names]
            found = [asked[flag] for flag in flags if flag in asked]
            if one.when(value) and found:
                other = f"{lead}{one.other}"
                leader = (links or {}).get(other)
                if one.other not in held and leader is None:
                    name = f"{kind.__name__}.unread"
                    raise ValueError(f"{name}: {one.other!r} is no argument of the class")
                beside = f"with {other} {as_typed(value)}" if value else f"without {other}"
                if not one.refused:
                    notes.append(f"{found[0]} has no effect {beside}")
                    continue
                cure = f"; {'change' if value else 'set'} that, or leave it out"
                if leader:
                    cure = f", which follows {leader}; leave it out"
                raise ValueError(f"{found[0]}: has no effect {beside}{cure}")
    return notes
