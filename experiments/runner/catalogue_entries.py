"""The flags and classes of one experiment, as the catalogue keeps them."""

from typing import Any

from experiments.runner import catalogue, classes
from experiments.runner.imported_classes import ImportedKind
from experiments.runner.plain_parser import PlainParser


def collected(name: str, parser: PlainParser) -> dict[str, Any]:
    """The catalogue of one experiment.

    Args:
        name: The name of the experiment.
        parser: Its parser.
    """
    from modules import tuning

    own = parser.own
    bases: dict[str, Any] = {}
    kinds: dict[str, Any] = {}
    # The flags of the classes of model and data may name classes in turn.
    wanted = [(flag, key in ("--model", "--data")) for key, flag in own.flags.items()]
    while wanted:
        flag, whole = wanted.pop(0)
        if not flag.base or flag.base in bases:
            continue
        base = classes.BASES[flag.base]
        # Where any text passes, such as the name of a device's plugin, no class need be known.
        named = {} if flag.text else classes.subclasses(base)
        bases[flag.base] = {
            "offered": list(classes.offered(base)),
            "named": {short: classes.path(cls) for short, cls in named.items()},
        }
        for cls in named.values():
            kinds[classes.path(cls)] = _facts(cls)
            if whole and kinds[classes.path(cls)]["flags"] is not None:
                wanted += [(one, True) for one in ImportedKind(cls).flags(catalogue.PART).values()]
    return {
        "backbones": {key: [*tuning.kinds_of(key or None)] for key in ("", *tuning.BUNDLED)},
        "kinds": kinds,
        "flags": {key: list(flag) for key, flag in own.flags.items()},
        "experiments": {
            name: {
                "names": list(own.flags),
                "flags": {},
                "defaults": {key: classes.plain(value) for key, value in own.defaults.items()},
                "stated": sorted(own.stated),
                "links": dict(own.links),
                "bases": bases,
            }
        },
    }


def _facts(cls: type) -> dict[str, Any]:
    from modules import tuning

    kind = ImportedKind(cls)
    return {
        "name": kind.name,
        "path": kind.path,
        "about": kind.about,
        "own": kind.own,
        "default_task": kind.default_task,
        "flags": _flags(kind),
        "tuned": [list(one) for one in tuning.entries(cls)],
    }


def _flags(kind: ImportedKind) -> dict[str, list[Any]] | None:
    """The flags of a class by name; None if jsonargparse cannot describe its arguments."""
    lead = f"--{catalogue.PART}."
    try:
        flags = kind.flags(catalogue.PART)
    except Exception:  # whatever a class of another package makes of it
        return None
    return {name.removeprefix(lead): list(flag) for name, flag in flags.items()}
