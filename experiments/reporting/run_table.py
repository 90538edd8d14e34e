"""A table of runs: the settings that differ, the metrics, and the best run of each group."""

import argparse
import math
from collections import Counter
from pathlib import Path
from typing import Any

from experiments.common.arguments import FlagParser
from experiments.common.metrics import facts, from_flat, lower_is_better
from experiments.reporting import comparable, tables
from experiments.tracking import online_runs, run_reader
from experiments.tracking.run_reader import RunRecord, as_row

# Entries of a config that describe the run's place or results, not its settings.
_ASIDE = ("tracking.", "inputs.", "outputs.", "dataset.", "parameters.", "versions.", "output")
_ASIDE += ("metric_facts.", "meaning.")
_ALSO = ("git_commit", "checkpoint_seconds", "experiment")
_FIRST = ("model", "data", "seed_everything")
_COLUMNS = 7  # of settings that differ; a wider table is not read
_WIDTH = 32  # characters of a cell


def parse(doc: str | None, more: Any) -> argparse.Namespace:
    """Parses the command line of a tool that reads runs; ``more`` adds the tool's own flags."""
    parser = FlagParser(doc)
    text = "Keep only some runs: KEY=VALUE, or 'KEY>NUMBER' in quotes (= != > < >= <=)"
    parser.add_argument("filters", nargs="*", metavar="FILTER", help=text)
    parser.add_argument(
        "--output", default="outputs", help="Folder in which all runs are kept (outputs)"
    )
    more(parser.add_argument)
    return parser.parse_intermixed_args()


def runs_of(asked: argparse.Namespace) -> list[RunRecord]:
    """The runs of the W&B project or of the folder that the command line names.

    Raises:
        ValueError: If there is no such project or folder, or no run in it.
    """
    if asked.project:
        return online_runs.online(asked.project)
    if not Path(asked.output).is_dir():
        raise ValueError(f"--output {asked.output}: there is no such folder")
    return run_reader.local(Path(asked.output))


def usual_metrics(runs: list[RunRecord]) -> list[str]:
    """The test metric that most runs have, a quality before a loss, and its validation twin."""
    for lead in ("test/", "val/"):
        counts = Counter(m for run in runs for m in run.metrics if m.startswith(lead))
        if counts:
            best = min(counts, key=lambda m: (-counts[m], lower_is_better(m), m))
            twin = best.replace("test/", "val/")
            known = twin != best and any(twin in run.metrics for run in runs)
            return [best, twin] if known else [best]
    return []


def values_of(runs: list[RunRecord], key: str) -> set[str]:
    """The different values of a fact, setting or metric; an empty text for runs without it."""
    return {str(as_row(run).get(key, "")) for run in runs}


def differing(runs: list[RunRecord]) -> list[str]:
    """The settings that differ between runs, those of model and data first."""
    keys = dict.fromkeys(key for run in runs for key in run.config)
    kept = [key for key in keys if key not in _ALSO and not key.startswith(_ASIDE)]
    values = {key: [repr(r.config[key]) for r in runs if key in r.config] for key in kept}
    found = [key for key in kept if len(set(values[key])) > 1]

    def place(key: str) -> tuple[bool, bool]:
        return len(values[key]) < len(runs), not key.startswith(_FIRST)

    return sorted(found, key=place)


def ordered(runs: list[RunRecord], metric: str) -> list[RunRecord]:
    """The runs with the best first and those without the metric last."""
    own = from_flat(runs[0].config) if runs else {}
    sign = -facts(metric, own).sign()

    def place(run: RunRecord) -> float:
        value = run.metrics.get(metric, math.nan)
        return math.inf if math.isnan(value) else sign * value

    return sorted(runs, key=place)


def table(runs: list[RunRecord], metrics: list[str], by: str) -> str:
    """A line for each run: settings that differ, metrics, and a star at each group's best run."""
    runs = ordered(runs, metrics[0]) if metrics else runs
    measured = [run for run in runs if metrics and metrics[0] in run.metrics]
    settings = [key for key in differing(measured or runs) if key != by]
    shown, hidden = settings[:_COLUMNS], settings[_COLUMNS:]
    states = ["state"] if len({run.state for run in runs}) > 1 else []
    stars, unlike = _stars(runs, metrics[0], by) if metrics else (set(), "")
    cells = [["", "run", *([by] if by else []), *shown, *states, *metrics]]
    for run in runs:
        row = as_row(run)
        values = [row.get(key) for key in [*([by] if by else []), *shown, *states]]
        numbers = [_number(run.metrics.get(metric)) for metric in metrics]
        cells.append(["*" * (run.id in stars), run.id, *map(_cell, values), *numbers])
    lines = [tables.aligned(cells)]
    if stars:
        of = f" for each {by}" if by else ""
        lines.append(f"* the best {metrics[0]}{of}")
    if unlike:
        lines.append(f"note: no star where the values do not compare: {unlike}")
    if hidden:
        lines.append(f"also differ (--csv has all): {', '.join(hidden)}")
    return "\n".join(lines)


def _stars(runs: list[RunRecord], metric: str, by: str) -> tuple[set[str], str]:
    """The runs that are the best of their group, and why some groups have none.

    A group has a star where it has a worse run, where its values mean the same, and where the
    metric's direction is known.

    Args:
        runs: The runs, the best first.
        metric: The metric.
        by: The setting that makes the groups; empty for one group.
    """
    groups: dict[str, list[RunRecord]] = {}
    for run in runs:
        if not math.isnan(run.metrics.get(metric, math.nan)):
            groups.setdefault(str(as_row(run).get(by, "")), []).append(run)
    stars, unlike = set(), ""
    for group in groups.values():
        found = [_nested(run) for run in group]
        if why := comparable.mismatch(found, metric):
            unlike = unlike or why
        elif facts(metric, from_flat(group[0].config)).higher is not None:
            best = group[0].metrics[metric]
            leading = [run.id for run in group if run.metrics[metric] == best]
            stars |= set(leading) if len(leading) < len(group) else set()
    return stars, unlike


def _nested(run: RunRecord) -> dict[str, Any]:
    """The conditions of a run's metrics, out of its flat config."""
    found: dict[str, Any] = {"data": {}, "meaning": {}, "metric_facts": from_flat(run.config)}
    for key, value in run.config.items():
        first, _, rest = key.partition(".")
        if first == "meaning":
            found["meaning"][rest] = value
        elif first == "dataset":
            name, _, split = rest.partition(".")
            if name in ("rows", "split_fingerprints"):
                found["data"].setdefault(name, {})[split] = value
            elif name == "test_split":
                found["data"][name] = value
    return found


def _cell(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:g}"
    text = "" if value is None else str(value)
    return text if len(text) <= _WIDTH else f"…{text[1 - _WIDTH :]}"  # of a path, its end


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:.4f}" if abs(value) < 1000 else f"{value:,.0f}"


def label(run: RunRecord, keys: list[str]) -> str:
    """A label of a run: its values of the settings that differ."""
    return ", ".join(f"{key.rpartition('.')[2]} {_cell(run.config.get(key))}" for key in keys)
