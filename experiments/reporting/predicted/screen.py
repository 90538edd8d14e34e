"""The measures of predictions as lines of the last screen, which is 80 columns wide."""

from typing import Any

from datamodules import text_tables
from datamodules.text_tables import fitted

_CLASSES = 10  # that a table shows
_NAME, _LINE = 26, 60  # columns of a name, and of the text of a line


def baseline(report: dict[str, Any]) -> str:
    """The score of a model that always gives one answer; empty without rows."""
    if not (known := report.get("baseline")):
        return ""
    said = known.get("label")
    answer = f"{known['prediction']:.4g}" if said is None else f"'{fitted(said, _NAME)}'"
    name, score = next((n, v) for n, v in known.items() if n in ("accuracy", "exact_match", "mse"))
    return f"{score:.4f} {name} of always {answer}"


def best(known: dict[str, Any]) -> str:
    """The validation that chose the weights; empty without one."""
    if "epoch" not in known:
        return ""
    return f"epoch {known['epoch']:,}, step {known['step']:,}, by {known['metric']}"


def cut(data: dict[str, Any]) -> str:
    """The rows that were truncated by split; empty if there are none."""
    found = (data.get("cut_to_max_length") or {}).items()
    listed = [f"{count:,} {name}" for name, count in found if count]
    longest = max((data.get("longest") or {"": 0}).values())
    return f"{', '.join(listed)} rows, to {longest:,} tokens" if listed else ""


def confused(report: dict[str, Any]) -> str:
    """The largest confusions, as many as fit into a line; empty without a mistake."""
    line = ""
    for cell in report.get("confusions", ()):
        names = (fitted(cell[name], _NAME) for name in ("label", "prediction"))
        more = f"{line}{', ' * bool(line)}{' as '.join(names)} {cell['rows']:,}"
        if line and text_tables.width(more) > _LINE:
            break
        line = more
    return line


def classes(report: dict[str, Any], most: int = _CLASSES) -> str:
    """A table of the classes; of many, those with the least F1, and how many more there are."""
    every = report.get("classes") or []
    shown = every
    if len(every) > most:
        occurring = [one for one in every if one["f1"] is not None]
        shown = sorted(occurring, key=lambda one: (one["f1"], -one["support"]))[: most - 2]
    head = "label" if report.get("kind") == "several" else "class"
    cells: list[tuple[str, ...]] = [(head, "precision", "recall", "F1", "rows")]
    for one in shown:
        figures = (
            "–" if one[n] is None else f"{one[n]:.4f}" for n in ("precision", "recall", "f1")
        )
        cells.append((fitted(one["name"], _NAME), *figures, f"{one['support']:,}"))
    if not shown:
        return ""
    table = text_tables.columns(cells, right=range(1, 5))
    if len(shown) == len(every):
        return table
    absent = sum(one["f1"] is None for one in every)
    never = f", {absent:,} of them without a row" if absent else ""
    return f"{table}\nthe least F1 of {len(every):,}; {len(every) - len(shown):,} more{never}"
