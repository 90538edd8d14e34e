"""How much an instruction tuning reads by default, by the number of its records."""

from typing import Literal

BUNDLED = 2_000  # records that are drawn of the bundled ones
_SEEN = 2_000  # responses of a training, counting repeated ones
_REPEATED = 10  # epochs at most: more only learn the records by heart


def most(asked: int | Literal["auto"] | None, bundled: bool) -> int | None:
    """The largest number of training records; None for all."""
    if asked == "auto":
        return BUNDLED if bundled else None
    return asked


def taught(asked: str, bundled: bool) -> str:
    """The labelled tasks that are taught as well."""
    return asked if asked != "auto" else "rotten_tomatoes" if bundled else "none"


def epochs_for(records: int) -> int:
    """The epochs by which a training sees about 2,000 responses: 1 of many records, 10 of few."""
    return min(_REPEATED, max(1, round(_SEEN / max(1, records))))
