"""Whether values of a metric from different runs mean the same, and if not, why."""

from collections.abc import Mapping, Sequence
from typing import Any

from experiments.common.metrics import SPLITS, facts

_WORDS = {
    "objective": "of different objectives",
    "task": "of different tasks",
    "tokenizer": "of different vocabularies",
    "text": "on different texts",
    "data": "on different rows",
    "rows": "on different numbers of rows",
}


def meaning(run: Mapping[str, Any], metric: str) -> dict[str, Any]:
    """The conditions on which a metric of a run depends, by name; None where a run does not tell.

    Args:
        run: A result.json, or a record's nested config with ``dataset`` as ``data``.
        metric: The metric, with its stage.
    """
    data, stage = run.get("data") or {}, metric.partition("/")[0]
    split = data.get("test_split", "test") if stage == "test" else SPLITS.get(stage, "")
    known = dict(run.get("meaning") or {})
    prints = data.get("split_fingerprints") or {}
    known["data"] = prints.get(split) or data.get("origin")
    if stage == "test" and split == "validation":
        known["data"] = f"{known['data'] or ''} (validation)"
    measured = (run.get("report") or {}).get(SPLITS.get(stage, ""), {})
    known["rows"] = measured.get("rows") or (data.get("rows") or {}).get(split)
    return {name: known.get(name) for name in facts(metric, run.get("metric_facts")).same}


def mismatch(runs: Sequence[Mapping[str, Any]], metric: str) -> str:
    """A line that says why a metric of the runs cannot be compared; empty where it can.

    Args:
        runs: The runs, as ``meaning`` takes them.
        metric: The metric, with its stage.
    """
    known = [meaning(run, metric) for run in runs]
    said: list[str] = []
    for name in _WORDS:
        values = list(dict.fromkeys(one[name] for one in known if one.get(name) is not None))
        if len(values) > 1 and not (name == "task" and said):  # a part of the objective
            # A digest says nothing to a reader.
            shown = "" if name in ("tokenizer", "text", "data") else f" ({_listed(values)})"
            if name == "data" and any(str(value).endswith(" (validation)") for value in values):
                shown = " (some are validation rows)"
            said.append(_WORDS[name] + shown)
    if any(one.startswith(_WORDS["rows"]) for one in said):  # then the rows differ, of course
        said = [one for one in said if one != _WORDS["data"]]
    return f"{metric} is {' and '.join(said)}" if said else ""


def _listed(values: Sequence[Any]) -> str:
    words = [f"{value:,}" if isinstance(value, int) else str(value) for value in values]
    return f"{', '.join(words[:-1])} and {words[-1]}"


def cautions(runs: Sequence[Mapping[str, Any]], metric: str) -> list[str]:
    """Notes on a metric that all runs share, such as test rows that are validation rows."""
    if not metric.startswith("test/"):
        return []
    reused = [run for run in runs if (run.get("data") or {}).get("test_split") == "validation"]
    return (
        [
            f"{metric} is measured on the validation rows, which also chose the checkpoints, so it "
            f"is too good by some"
        ]
        if reused
        else []
    )
