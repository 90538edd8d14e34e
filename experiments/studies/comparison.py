"""Runs several experiments over several seeds, and makes a table and a plot of the results."""

import argparse
import functools
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from experiments.common import files
from experiments.common.arguments import FlagParser, at_least_one, check_only
from experiments.common.exits import guarded
from experiments.common.shell import this_command
from experiments.reporting import export, figures, screen
from experiments.reporting.results import (
    main_metric,
    markdown,
    runs_csv,
    summaries,
    summaries_csv,
)
from experiments.studies.jobs import Comparison, Job, Row

_RESERVED = {  # flags of every run that this command sets itself
    "--seed_everything": "the seeds are --seeds",
    "--output": "the folder is --output of this command, before --",
    "--resume": "runs that have not finished are resumed without it",
}


@contextmanager
def resume_hint() -> Iterator[None]:
    """Prints after Ctrl-C the command that continues the study."""
    try:
        yield
    except KeyboardInterrupt:
        print(
            f"\nContinue, without repeating finished runs, with: {this_command()}", file=sys.stderr
        )
        raise


Writer = Callable[[Path, dict[Job, dict[str, Any]]], list[str]]
Drawer = Callable[[dict[Job, dict[str, Any]], Path], None]


def main(
    file: str,
    doc: str,
    rows: list[Row],
    write: Writer | None = None,
    measure: Callable[[dict[str, Any]], tuple[str, float]] = main_metric,
    draw: Drawer | None = None,
    refused: Mapping[str, str] | None = None,
    metrics: Sequence[str] = (),
) -> None:
    """Runs a comparison from the command line: ``--seeds``, ``--only``, ``--jobs``, ``--output``.

    Args:
        file: The comparison's file; its name is the comparison's name.
        doc: The text of ``--help`` above the flags.
        rows: The rows of the table, in their order.
        write: Writes the files of the finished runs into a folder, and returns their names, that
            of the table first. By default a table and a plot of quality against cost.
        measure: Returns the name and the value of the metric that a run's line shows.
        draw: Draws the picture of the finished runs into a file, for ``--plot``. By default that of
            quality against cost.
        refused: Flags that may not stand after ``--``, each with the reason.
        metrics: The metrics of the usual table and plot, of which a run's line shows the first; the
            one that chose the checkpoint if none.
    """
    if metrics:
        measure = functools.partial(main_metric, asked=metrics[0])
        draw = functools.partial(_draw, metrics=metrics)
    name = Path(file).stem
    with guarded(f"{name}.py"):
        asked = _parse(name, doc, rows, _RESERVED | dict(refused or {}))
        wanted = [row for row in rows if not asked.only or row.name.lower() in asked.only]
        root = Path(asked.output) / name
        for flag, names in _replaced(wanted, asked.flags).items():
            print(f"note   {flag} after -- replaces that of {', '.join(names)}")
        jobs = [
            Job(row, seed, (*row.flags, *asked.flags), root)
            for seed in range(asked.seeds or max(row.seeds for row in wanted))
            for row in wanted
            if seed < (asked.seeds or row.seeds)
        ]
        comparison = Comparison(jobs, asked.jobs, measure)
        with resume_hint():
            comparison.run()
        finished = {job: result for job in jobs if (result := job.result())}
        _report(asked, root, finished, comparison.failed, write, draw or _draw, metrics)


def _replaced(rows: list[Row], flags: list[str]) -> dict[str, list[str]]:
    """The rows whose own flags the flags of every run replace, by flag."""

    def named(words: Iterable[str]) -> list[str]:
        found = (word.partition("=")[0] for word in words if word.startswith("--"))
        return [flag for flag in dict.fromkeys(found) if not flag.endswith("+")]

    own = {flag: [row.name for row in rows if flag in named(row.flags)] for flag in named(flags)}
    return {flag: names for flag, names in own.items() if names}


def _parse(name: str, doc: str, rows: list[Row], refused: Mapping[str, str]) -> argparse.Namespace:
    usage = "[--seeds N] [--only NAME …] [--jobs N] [--output FOLDER] [-- FLAGS]"
    parser = FlagParser(doc, usage, f"{name}.py")
    names = [row.name.lower() for row in rows]
    usual = "/".join(sorted({str(row.seeds) for row in rows}))
    parser.add_argument("--seeds", type=int, help=f"Runs of each row, with seeds 0, 1 … ({usual})")
    parser.add_argument(
        "--only",
        nargs="+",
        default=[],
        metavar="NAME",
        type=str.lower,
        help=f"Rows to run (all): {', '.join(names)}",
    )
    parser.add_argument(
        "--jobs", type=int, default=1, help="Runs at the same time, which share the cores (1)"
    )
    parser.add_argument("--output", default="outputs", help="Folder for runs and results (outputs)")
    export.add_flags(parser)
    parser.add_argument(
        "flags", nargs="*", help="Flags of every run, after --, as --trainer.max_epochs 1"
    )
    asked = parser.parse_args()
    at_least_one(asked, "seeds", "jobs")
    export.check_flags(asked)
    for flag, reason in refused.items():
        if any(word.partition("=")[0] == flag for word in asked.flags):
            raise ValueError(f"-- {flag}: {reason}")
    check_only(asked.only, names)
    return asked


def _report(
    asked: argparse.Namespace,
    root: Path,
    finished: dict[Job, dict[str, Any]],
    failed: dict[Job, str],
    write: Writer | None,
    draw: Drawer,
    metrics: Sequence[str],
) -> None:
    if not finished:
        raise ValueError(f"no run has finished: {next(iter(failed.values()))}")
    made = write(root, finished) if write else _quality(root, finished, metrics)
    document = (root / made[0]).read_text(encoding="utf-8")
    rows = [(job.row.name, job.seed, result) for job, result in finished.items()]
    asked_for = export.write(
        asked.export,
        lambda: document,
        lambda: runs_csv(rows) if write else summaries_csv(_lines(finished, metrics)),
    )
    for file in asked.plot:
        draw(finished, Path(file).expanduser())
    print(f"\n{screen.shown(document)}\n")
    for job, reason in failed.items():
        print(f"failed: {job.row.name}, seed {job.seed}: {reason}")
    print(f"done   {root} ({', '.join([*made, 'runs/', *asked_for, *asked.plot])})")
    if failed:
        raise SystemExit(1)


def _lines(
    finished: dict[Job, dict[str, Any]], metrics: Sequence[str] = ()
) -> list[dict[str, Any]]:
    results: dict[str, list[dict[str, Any]]] = {}
    for job, result in finished.items():
        results.setdefault(job.row.name, []).append(result)
    return summaries(results, metrics)


def _draw(finished: dict[Job, dict[str, Any]], file: Path, metrics: Sequence[str] = ()) -> None:
    figures.plot_quality(_lines(finished, metrics), file, _facts(finished))


def _facts(finished: dict[Job, dict[str, Any]]) -> dict[str, Any] | None:
    """The facts about metrics that the runs declare."""
    return next(iter(finished.values())).get("metric_facts")


def _quality(
    root: Path, finished: dict[Job, dict[str, Any]], metrics: Sequence[str] = ()
) -> list[str]:
    lines = _lines(finished, metrics)
    files.write_text(root / "table.md", markdown(lines, finished.values()))
    rows = ((job.row.name, job.seed, result) for job, result in finished.items())
    files.write_text(root / "runs.csv", runs_csv(rows))
    _draw(finished, root / "plot.svg", metrics)
    return ["table.md", "runs.csv", "plot.svg"]
