"""The name of a run: what the user gives, else its data and its model."""

import re
from pathlib import Path
from typing import Any

from experiments.common.redaction import redact

_LONGEST = 80  # characters of a name that is given
_DATA = 40  # of the data's part of one that is not
_ENDINGS = re.compile(r"(\.(csv|tsv|txt|jsonl?|parquet|xlsx|arrow|conll|gz|bz2|xz|zst|zip|tar))+$")


def check(name: str | None) -> None:
    """Refuses a name that screens and folders could not show.

    Raises:
        ValueError: With the reason.
    """
    if name is None:
        return
    if not name.strip() or len(name) > _LONGEST:
        raise ValueError(f"--name {name!r}: give 1 to {_LONGEST} characters")
    if not name.isprintable() or {"/", "\\"} & set(name) or name.strip() == "last":
        raise ValueError(f"--name {name!r}: no slash, no line break, and not last")


def name_of(given: str | None, data: dict[str, Any], model: str) -> str:
    """The name of a run, such as tickets-lora.

    Args:
        given: The name that the user gives; None to make one.
        data: The facts about the data, with ``source`` and ``origin``.
        model: The name of the model's class.
    """
    if given is not None:
        return given.strip()
    origin = str(data["origin"])
    if data["source"] == "corpus":
        found = Path(origin.partition(" (")[0]).expanduser().absolute().name
    elif data["source"] == "files":
        found = _ENDINGS.sub("", Path(origin).expanduser().absolute().name, count=1)
    else:  # of the hub or a package: the set's own name is the first word
        found = re.split(r"[@:\s]", origin.removeprefix("hub:"))[0].rpartition("/")[2]
    found = re.sub(r"[^\w.+]+", "-", str(redact(found))).strip("-.")[:_DATA]
    kind = re.sub(r"(?<=[a-z])(?=[A-Z][a-z])", "-", re.split(r"[.:]", model)[-1]).lower()
    return f"{found or 'data'}-{kind}"
