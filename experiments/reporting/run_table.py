"""A table of runs: the settings that differ, the metrics, and the best run of each group."""

import argparse
import math
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from datamodules import text_tables
from experiments.common.arguments import FlagParser
from experiments.common.metrics import facts, from_flat, lower_is_better
from experiments.reporting import screen
from experiments.reporting.run_groups import stars
from experiments.tracking import online_runs, run_reader
from experiments.tracking.run_reader import RunRecord, as_row

# Entries of a config that describe the run's place or results, not its settings.
_ASIDE = (
    *("tracking.", "inputs.", "outputs.", "dataset.", "parameters.", "versions.", "output"),
    *("metric_facts.", "meaning."),
)
_ALSO = ("git_commit", "checkpoint_seconds", "experiment", "name")
_FIRST, _SEED = ("model", "data"), "seed_everything"
_WIDTH = 24  # columns of a setting on the screen
_COSTS = {"seconds": "s", "parameters.trainable": "trained"}


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
            own = from_flat(*(run.config for run in runs))
            best = min(counts, key=lambda m: (-counts[m], lower_is_better(m, own), m))
            twin = best.replace("test/", "val/")
            known = twin != best and any(twin in run.metrics for run in runs)
            # Where some runs hold their test rows out, all can be ranked by validation alone.
            held = any(twin in run.metrics and best not in run.metrics for run in runs)
            return ([twin, best] if held else [best, twin]) if known else [best]
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

    def place(key: str) -> tuple[bool, ...]:
        missing = len(values[key]) < len(runs)
        return missing, key == _SEED, key not in _FIRST, not key.startswith(_FIRST)

    return sorted(found, key=place)


def ordered(runs: list[RunRecord], metric: str) -> list[RunRecord]:
    """The runs with the best first and those without the metric last."""
    sign = -facts(metric, from_flat(*(run.config for run in runs))).sign()

    def place(run: RunRecord) -> float:
        value = run.metrics.get(metric, math.nan)
        return math.inf if math.isnan(value) else sign * value

    return sorted(runs, key=place)


@dataclass
class Shown:
    """A table of runs: all columns, and those among them that the screen has room for.

    Attributes:
        cells: The header and a row for each run, with whole names.
        chosen: The numbers of the columns on the screen.
        notes: Sentences below the table.
        runs: The run of each row.
    """

    cells: list[list[str]]
    chosen: list[int]
    notes: list[str]
    runs: list[RunRecord]

    def lines(self, title: str) -> list[dict[str, Any]]:
        """The rows by the names of the columns, with the figures in full, for CSV."""
        head, *rows = self.cells
        names = ["best", *head[1:]]
        found: list[dict[str, Any]] = [
            {"data": title} | dict(zip(names, row, strict=True)) for row in rows
        ]
        for line, run in zip(found, self.runs, strict=True):
            line |= {name: run.metrics[name] for name in names if name in run.metrics}
            row = as_row(run)
            line |= {name: row[key] for key, name in _COSTS.items() if name in line and key in row}
        return found

    def on_screen(self) -> str:
        """The table as text for the screen."""
        cells = [[row[at] for at in self.chosen] for row in _short(self.cells)]
        lines = [line for note in self.notes for line in screen.text_lines(note)]
        return "\n".join([screen.table(cells, lead=2), *lines])


def table(
    runs: list[RunRecord], metrics: list[str], by: str, columns: list[str] | None = None
) -> Shown:
    """A line for each run: settings that differ, metrics and costs, and the best run of each group.

    Args:
        runs: The runs, which were tested on the same rows.
        metrics: The metrics; the first one sorts.
        by: The setting that makes groups, each with a best run; empty for one group.
        columns: The settings to show; by default those that differ, as many as there is room for.
    """
    runs = ordered(runs, metrics[0]) if metrics else runs
    measured = [run for run in runs if metrics and metrics[0] in run.metrics]
    rows = [as_row(run) for run in runs]
    several = {key for key in (by, "state") if key and len(values_of(runs, key)) > 1}
    first = [by] if by in several and by not in (columns or ()) else []
    states = ["state"] if "state" in several - {*first, *(columns or ())} else []
    keys = columns or [key for key in differing(measured or runs) if key != by]
    costs = [key for key in _COSTS if len(values_of(runs, key) - {""}) > 0 and key not in keys]
    best, unlike = stars(runs, metrics[0], by) if metrics else (set(), "")
    names = ["seed" if key == _SEED else key for key in keys]
    head = ["", "run", *first, *names, *states, *metrics, *(_COSTS[key] for key in costs)]
    cells = [head]
    for run, row in zip(runs, rows, strict=True):
        values = [_cell(row.get(key)) for key in [*first, *keys, *states]]
        numbers = [_number(run.metrics.get(metric)) for metric in metrics]
        spent = ["" if row.get(key) is None else f"{row[key]:,.0f}" for key in costs]
        cells.append(["*" * (run.id in best), run.id, *values, *numbers, *spent])
    settings = range(2 + len(first), 2 + len(first) + len(keys))
    chosen = list(range(len(head))) if columns else _room(cells, settings, costs)
    notes = [f"* the best {metrics[0]}{f' for each {by}' if by in several else ''}"] * bool(best)
    if unlike:
        notes.append(f"no star where the values do not compare: {unlike}")
    if hidden := [keys[at - settings[0]] for at in settings if at not in chosen]:
        lead = "also differ" if len(hidden) < len(keys) else "differ"
        notes.append(f"{lead} (--columns shows them): {', '.join(hidden)}")
    return Shown(cells, chosen, notes, runs)


def _room(cells: list[list[str]], settings: range, costs: list[str]) -> list[int]:
    """The columns that fit on the screen: metrics and time, then settings, then other costs."""
    short = _short(cells)
    count = len(cells[0])
    spare = [*settings, *range(count - len(costs) + 1, count)]
    chosen = [at for at in range(count) if at not in spare]
    for at in spare:
        more = sorted([*chosen, at])
        if screen.least_width([[row[one] for one in more] for row in short]) <= screen.columns():
            chosen = more
    return chosen


def _short(cells: list[list[str]]) -> list[list[str]]:
    """The cells as the screen has them: of all but the run's id, which is needed whole."""
    return [
        [text_tables.cut(cell, _WIDTH) if at > 1 else cell for at, cell in enumerate(row)]
        for row in cells
    ]


def _cell(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:g}"
    text = "" if value is None else str(value)
    return text_tables.one_line(text)


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:.4f}" if abs(value) < 1000 else f"{value:,.0f}"


def label(run: RunRecord, keys: list[str]) -> str:
    """A label of a run: its values of the settings that differ."""
    return ", ".join(
        f"{key.rpartition('.')[2]} {text_tables.cut(_cell(run.config.get(key)), _WIDTH)}"
        for key in keys
    )


def labels(runs: list[RunRecord]) -> list[str]:
    """Labels that tell the runs apart: what differs, and the id where that is not enough."""
    keys = differing(runs)[:3]
    found = [label(run, keys) for run in runs]
    counts = Counter(found)
    return [
        text if counts[text] == 1 else ", ".join(filter(None, (text, run.id)))
        for text, run in zip(found, runs, strict=True)
    ]
