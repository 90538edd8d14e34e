"""Which runs are best, and how do they differ? Compares runs on disk or in W&B.

    python experiments/tools/compare.py
    python experiments/tools/compare.py model=LoRA,Adapter 'model.rank>4' state=finished --by model
    python experiments/tools/compare.py group=ablate --metric test/accuracy --curves val/loss
    python experiments/tools/compare.py --project entity/project --csv runs.csv

A filter names a fact of the runs (id, name, group, job_type, tags, state, started), a flag, or a
metric. A star marks the best run of each group.
"""

import argparse
from pathlib import Path
from typing import Any

from experiments.common import files
from experiments.common.exits import guarded
from experiments.common.shell import command_name, relative
from experiments.reporting import export, run_groups, screen, tables
from experiments.reporting.run_table import (
    labels,
    ordered,
    parse,
    runs_of,
    table,
    usual_metrics,
    values_of,
)
from experiments.tracking import filters
from experiments.tracking.run_reader import RunRecord, as_row


def main() -> None:
    """Prints the table that the command line asks for."""
    with guarded(command_name()):
        asked = parse(__doc__, _flags)
        export.check(asked.export, "--export", export.TABLES)
        export.check([asked.plot] if asked.plot else [], "--plot", export.PICTURES)
        if asked.plot and not asked.curves:
            raise ValueError(f"--plot {asked.plot}: draws curves; give their metric as --curves")
        every = runs_of(asked)
        wanted = filters.parse(asked.filters)
        runs, hidden = filters.select(every, wanted), ""
        if not asked.studies and not run_groups.asks_for_some([one.key for one in wanted]):
            runs, hidden = run_groups.without_studies(runs)
        metrics = asked.metric.split(",") if asked.metric else []
        for metric in metrics:
            filters.check_known(metric, {m for run in runs for m in run.metrics}, "--metric ")
        known = {key for run in runs for key in as_row(run)}
        if asked.by is None:
            asked.by = next((k for k in ("group", "experiment") if len(values_of(runs, k)) > 1), "")
        elif asked.by:
            filters.check_known(asked.by, known, "--by ")
        settings = asked.columns.split(",") if asked.columns else None
        for key in settings or ():
            filters.check_known(key, known, "--columns ")
        sections = run_groups.by_data(runs)
        document, lines = [], []
        for title, part in sections.items():
            shown = table(part, metrics or usual_metrics(part), asked.by, settings)
            several = len(sections) > 1
            head = screen.text_lines(f"{title}:") if several else []
            print("\n".join([*head, shown.on_screen(), *([""] if several else [])]))
            document += [
                f"{title}:",
                tables.aligned(shown.cells),
                "\n".join(n for n in shown.notes if n[0] == "*"),
            ]
            lines += shown.lines(title)
        for line in screen.text_lines(hidden) if hidden else ():
            print(line)
        made = export.write(
            asked.export, lambda: "\n\n".join(document), lambda: tables.csv_of(lines)
        )
        made += _curves(asked, runs) if asked.curves else []
        if asked.csv:
            write_csv(runs, Path(asked.csv))
            made.append(asked.csv)
        where = asked.project or asked.output
        written = f" ({', '.join(made)})" if made else ""
        print(f"\ndone   {len(runs):,} of {len(every):,} runs in {where}{written}")


def _flags(add: Any) -> None:
    add("--project", help="W&B project, as entity/project, instead of the folder")
    add(
        "--metric",
        help="Metric to sort by; after it others to show, with commas (test/, then val/)",
    )
    add(
        "--columns",
        metavar="NAMES",
        help="Settings or facts to show, with commas (those that differ, as the screen has room)",
    )
    add("--studies", action="store_true", help="Show the runs of sweeps and other studies as well")
    add("--by", help="Setting that makes the groups with a best run each (group, else experiment)")
    add(
        "--curves",
        metavar="METRIC",
        help="Metric whose curves are drawn, on the screen and in a file",
    )
    add("--plot", help="File for --curves: .png, .svg or .pdf (OUTPUT/curves-METRIC.png)")
    add("--export", action="append", default=[], metavar="FILE", help=export.EXPORT_HELP)
    add("--csv", help="File for all facts, settings and metrics of each run")


def _curves(asked: argparse.Namespace, runs: list[RunRecord]) -> list[str]:
    from experiments.reporting import figures

    filters.check_known(asked.curves, {m for run in runs for m in run.curves}, "--curves ")
    drawn = [run for run in ordered(runs, asked.curves) if len(run.curve(asked.curves)[0])]
    if not drawn:
        raise ValueError(f"--curves {asked.curves}: measured only at the end, so there is no curve")
    told = labels(drawn)
    print("\n" + figures.sparklines(drawn, asked.curves, told))
    name = f"curves-{asked.curves.replace('/', '-')}.png"
    file = Path(asked.plot or (name if asked.project else Path(asked.output) / name)).expanduser()
    groups = [str(as_row(run).get(asked.by, "")) for run in drawn]
    figures.plot_curves(drawn, asked.curves, told, groups, file)
    return [relative(file)]


def write_csv(runs: list[RunRecord], file: Path) -> None:
    """Writes facts, config and metrics of each run as a line of CSV."""
    files.write_text(file, tables.csv_of([as_row(run) for run in runs]))


if __name__ == "__main__":
    main()
