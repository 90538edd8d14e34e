"""Runs several experiments over several seeds, and makes a table and a plot of the results."""

import argparse
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from experiments.common import files
from experiments.common.arguments import FlagParser, at_least_one
from experiments.common.exits import guarded
from experiments.common.shell import this_command
from experiments.reporting import export, figures, screen
from experiments.reporting.results import markdown, runs_csv, summaries, summaries_csv
from experiments.studies.jobs import Comparison, Job, Row


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


def main(file: str, doc: str, rows: list[Row]) -> None:
    """Runs a comparison from the command line: ``--seeds``, ``--only``, ``--jobs``, ``--output``.

    Args:
        file: The comparison's file; its name is the comparison's name.
        doc: The text of ``--help`` above the flags.
        rows: The rows of the table, in their order.
    """
    name = Path(file).stem
    with guarded(f"{name}.py"):
        asked = _parse(name, doc, rows)
        wanted = [row for row in rows if not asked.only or row.name.lower() in asked.only]
        root = Path(asked.output) / name
        jobs = [
            Job(row, seed, (*row.flags, *asked.flags), root)
            for seed in range(asked.seeds or max(row.seeds for row in wanted))
            for row in wanted
            if seed < (asked.seeds or row.seeds)
        ]
        comparison = Comparison(jobs, asked.jobs)
        with resume_hint():
            comparison.run()
        finished = {job: result for job in jobs if (result := job.result())}
        _report(asked, root, wanted, finished, comparison.failed)


def _parse(name: str, doc: str, rows: list[Row]) -> argparse.Namespace:
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
    add = parser.add_argument
    add("--export", action="append", default=[], metavar="FILE", help=export.EXPORT_HELP)
    add("--plot", action="append", default=[], metavar="FILE", help=export.PLOT_HELP)
    parser.add_argument(
        "flags", nargs="*", help="Flags of every run, after --, as --trainer.max_epochs 1"
    )
    asked = parser.parse_args()
    at_least_one(asked, "seeds", "jobs")
    export.check(asked.export, "--export", export.TABLES)
    export.check(asked.plot, "--plot", export.PICTURES)
    for unknown in set(asked.only) - set(names):
        raise ValueError(f"--only {unknown}: no such row; there are {', '.join(names)}")
    return asked


def _report(
    asked: argparse.Namespace, root: Path, rows: list[Row], finished: dict, failed: dict
) -> None:
    if not finished:
        raise ValueError(f"no run has finished: {next(iter(failed.values()))}")
    results = {row.name: [r for job, r in finished.items() if job.row is row] for row in rows}
    lines = summaries({key: value for key, value in results.items() if value})
    with files.atomic_write(root / "table.md") as scratch:
        scratch.write_text(markdown(lines, finished.values()), encoding="utf-8")
    with files.atomic_write(root / "runs.csv") as scratch:
        scratch.write_text(
            runs_csv((job.row.name, job.seed, r) for job, r in finished.items()), encoding="utf-8"
        )
    for file in (root / "plot.svg", *(Path(name).expanduser() for name in asked.plot)):
        figures.plot_quality(lines, file)
    document = markdown(lines, finished.values())
    made = export.write(asked.export, lambda: document, lambda: summaries_csv(lines))
    print(f"\n{screen.shown(document)}\n")
    for job, reason in failed.items():
        print(f"failed: {job.row.name}, seed {job.seed}: {reason}")
    names = ["table.md", "runs.csv", "plot.svg", "runs/", *made, *asked.plot]
    print(f"done   {root} ({', '.join(names)})")
    if failed:
        raise SystemExit(1)
