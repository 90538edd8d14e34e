"""The filters of runs that the client sends, in the way of MongoDB."""

import json
from typing import Any

_FIELDS = {"display_name": "displayName", "job_type": "jobType", "sweep": "sweepName"}
_COMPARED = {
    "$eq": lambda held, value: held == value,
    "$ne": lambda held, value: held != value,
    "$in": lambda held, value: bool({*_listed(held)} & {*value}),
    "$nin": lambda held, value: not {*_listed(held)} & {*value},
    "$gt": lambda held, value: held is not None and held > value,
    "$gte": lambda held, value: held is not None and held >= value,
    "$lt": lambda held, value: held is not None and held < value,
    "$lte": lambda held, value: held is not None and held <= value,
    "$exists": lambda held, value: (held is not None) == value,
}


def matches(run: Any, filters: dict[str, Any]) -> bool:
    """Whether a run of the schema passes."""
    for key, value in filters.items():
        if key in ("$and", "$or"):
            passed = (all if key == "$and" else any)(matches(run, each) for each in value)
        elif isinstance(value, dict):
            passed = all(_COMPARED[word](_held(run, key), wanted) for word, wanted in value.items())
        else:
            passed = value in _listed(_held(run, key))
        if not passed:
            return False
    return True


def _held(run: Any, key: str) -> Any:
    kind, _, path = key.partition(".")
    if kind not in ("config", "summary_metrics"):
        return getattr(run, _FIELDS.get(key, key), None)
    held = run.record.config if kind == "config" else json.loads(run.summaryMetrics)
    path = path.removesuffix(".value")
    if path in held:
        return held[path]
    for part in path.split("."):
        held = held.get(part) if isinstance(held, dict) else None
    return held


def _listed(held: Any) -> list[Any]:
    return held if isinstance(held, list) else [held]
