"""Runs methods on few labels of each class, over seeds: a table and a picture with intervals."""

from pathlib import Path
from typing import Any, NamedTuple

from experiments.common import files
from experiments.reporting import figures, tables
from experiments.reporting.quality import Quality, ends, quality
from experiments.reporting.results import conditions, main_metric, measured
from experiments.studies import comparison
from experiments.studies.jobs import Job, Row

METRIC = "test/accuracy"
LEVEL = 0.95
_FLAG = "--data.rows_per_class="


class Method(NamedTuple):
    """A way to learn from few labels.

    Attributes:
        name: Its name in the table.
        script: The name of a file in ``experiments/``.
        flags: The flags that differ from the file's defaults.
        seeds: The number of its runs for each number of labels; with another seed, other rows are
            drawn.
        labels: Whether it reads labels; if not, there is one point for all numbers.
    """

    name: str
    script: str
    flags: tuple[str, ...] = ()
    seeds: int = 3
    labels: bool = True


Runs = dict[Job, dict[str, Any]]  # result.json by job
Points = dict[str, dict[int, Quality]]  # by method and number of labels of each class


def rows(methods: list[Method], sizes: tuple[int, ...]) -> list[Row]:
    """Returns a row for each method and number of labels of each class."""
    made = []
    for method in methods:
        if not method.labels:
            made.append(Row(method.name, method.script, method.flags, method.seeds))
            continue
        for size in sizes:
            flags = (*method.flags, f"{_FLAG}{size}")
            made.append(Row(f"{method.name}, {size}", method.script, flags, method.seeds))
    return made


def main(file: str, doc: str, rows: list[Row]) -> None:
    """Runs a study from the command line, with the flags of a comparison.

    Args:
        file: The study's file; its name is the study's name.
        doc: The text of ``--help`` above the flags.
        rows: What :func:`rows` returns.
    """
    refused = {
        _FLAG.removesuffix("="): "the study gives each run its own number of labels",
        "--hold_out_test": f"the study compares by {METRIC}",
    }
    comparison.main(file, doc, rows, _report, lambda run: main_metric(run, METRIC), _draw, refused)


def _place(row: Row) -> tuple[str, int]:
    """Returns the method of a row and its number of labels, 0 where it reads none."""
    sizes = [int(flag.removeprefix(_FLAG)) for flag in row.flags if flag.startswith(_FLAG)]
    return (row.name.rpartition(", ")[0], sizes[0]) if sizes else (row.name, 0)


def _runs(finished: Runs) -> dict[str, dict[int, dict[int, dict[str, Any]]]]:
    """The runs by method, number of labels and seed."""
    found: dict[str, dict[int, dict[int, dict[str, Any]]]] = {}
    for job, run in finished.items():
        name, size = _place(job.row)
        found.setdefault(name, {}).setdefault(size, {})[job.seed] = run
    return found


def _points(finished: Runs) -> Points:
    return {
        name: {size: quality(seeds, METRIC, LEVEL) for size, seeds in found.items()}
        for name, found in _runs(finished).items()
    }


def _draw(finished: Runs, file: Path) -> None:
    draw(_points(finished), file)


def _report(root: Path, finished: Runs) -> list[str]:
    """Writes the files of a study, and returns their names."""
    runs, points = _runs(finished), _points(finished)
    lines = [
        {"method": name, "labels": size, "seed": seed, **measured(run)}
        for name, found in runs.items()
        for size, seeds in found.items()
        for seed, run in seeds.items()
    ]
    counts = [{"seeds": len(seeds)} for found in runs.values() for seeds in found.values()]
    beside = f"({100 * LEVEL:g} % interval)"
    about = conditions(counts, list(finished.values()), beside)
    held = sorted({p.errors for found in points.values() for p in found.values() if p.errors})
    about += f"; intervals hold the errors of {' or '.join(held)}" if held else ""
    texts = {"table.md": f"{markdown(points)}\n\n{about}\n", "runs.csv": tables.csv_of(lines)}
    for name, content in texts.items():
        files.write_text(root / name, content)
    draw(points, root / "plot.png")
    return ["table.md", "runs.csv", "plot.png"]


def markdown(points: Points) -> str:
    """A table with a row for each method and a column for each number of labels."""
    sizes = sorted({size for found in points.values() for size in found if size})
    cells = [["labels of each class", *map(str, sizes)]]
    for name, found in points.items():
        everywhere = found.get(0)
        row = [found.get(size, everywhere) for size in sizes] or [everywhere]
        cells.append([name, *map(_cell, row)])
    return tables.aligned(cells)


def _cell(point: Quality | None) -> str:
    if point is None:
        return "–"
    if point.low is None:
        return f"{point.mean:.4f}"
    return f"{point.mean:.4f} ({ends(point.low, point.high)})"


def draw(points: Points, file: Path) -> None:
    """Draws a curve for each method; one that reads no labels is a level line."""
    sizes = sorted({size for found in points.values() for size in found if size})
    with figures.figure(file, 7, 4.5) as (_, ((axes,),)):
        palette = figures.colours(len(points))
        for number, (name, found) in enumerate(points.items()):
            if 0 in found:
                style: dict[str, Any] = {"linestyle": "--", "linewidth": 1}
                axes.axhline(found[0].mean, color=palette[number], label=name, **style)
                continue
            there = sorted(found)
            reach = [figures.reach(*found[size][:3]) for size in there]
            axes.errorbar(
                there,
                [found[size].mean for size in there],
                yerr=[*zip(*reach, strict=True)],
                marker="o",
                capsize=3,
                color=palette[number],
                label=name,
            )
        if sizes:
            axes.set_xscale("log", base=2)
            axes.set_xticks(sizes, [str(size) for size in sizes])
            axes.minorticks_off()
        axes.set_xlabel("labels of each class")
        axes.set_ylabel(f"{METRIC}, mean and {100 * LEVEL:g} % interval")
        axes.legend(fontsize=8)
