"""Which rows does a model get wrong? Reports on the predictions that a run has kept.

    python experiments/tools/errors.py last
    python experiments/tools/errors.py RUN --split validation --top 100
    python experiments/tools/errors.py outputs/lora_sst2/RUN --output errors/

The most confident mistakes come first: among them are the rows whose label is wrong. The report
also holds a table of the classes, the confusions, the calibration with and without temperature
scaling, and the longest and the rarest rows; of numbers it holds the largest errors. It is printed
and saved as one HTML page, as pictures and as CSV, and added to the run's record in W&B.
"""

import argparse
import json
import sys
from pathlib import Path
from typing import Any

import yaml

from experiments.common.arguments import FlagParser, at_least_one
from experiments.common.exits import guarded
from experiments.common.redaction import redact_argv
from experiments.common.runs import RunFolder, choose_run
from experiments.common.shell import command_name, relative, this_command
from experiments.reporting import export, tables
from experiments.reporting.predicted import report, table
from experiments.reporting.predicted.measures import measures
from experiments.studies import tracked


def main() -> None:
    """Prints and writes the report that the command line asks for."""
    with guarded(command_name()):
        asked = _parse()
        folder = _run(asked)
        splits = table.read(folder / table.FILE)
        split = asked.split or ("test" if "test" in splits else next(iter(splits)))
        if split not in splits:
            there = ", ".join(splits)
            raise ValueError(f"--split {split}: {folder.name} has predictions of {there} only")
        found = splits[split]
        known = _json(folder / "result.json").get("report", {})
        measured = known.get(split) or measures(found)
        made = report.make(folder.name, splits, split, measured, asked.top)
        kinds = asked.pictures.split(",")
        place = Path(asked.output).expanduser() if asked.output else folder / "errors"
        try:
            names = report.write(made, found, place, this_command(redact_argv(sys.argv)), kinds)
            names += export.write(
                asked.export,
                lambda: report.document(made),
                lambda: tables.csv_of(next(iter(made.tables.values()))[1]),
            )
        except (FileExistsError, NotADirectoryError, PermissionError) as error:
            reason = error.strerror or type(error).__name__
            raise ValueError(f"--output {place}: cannot be written ({reason})") from error
        print(report.on_screen(made))
        where = _track(folder, place, made)
        print(f"\ndone   {relative(place)} ({', '.join(names)}){where}")


def _run(asked: argparse.Namespace) -> Path:
    """The folder of the run that is asked for.

    Raises:
        ValueError: If there is none, or it has kept no predictions.
    """
    run = choose_run(asked.run, Path(asked.runs), _lacks, "run with predictions")
    if reason := _lacks(run):
        raise ValueError(f"{asked.run}: {run.path} {reason}")
    return run.path


def _lacks(run: RunFolder) -> str:
    """The reason for which a run has no errors to show; empty if it has."""
    if (run.path / table.FILE).is_file():
        return ""
    if not run.finished:
        return "has not finished, and predictions are kept at the end"
    if _json(run.path / "result.json").get("report") == {}:
        return f"has no {table.FILE}: its rows have no labels to be wrong about"
    return f"has no {table.FILE}: an earlier version made it; run it again"


def _json(file: Path) -> dict[str, Any]:
    try:
        return json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}


def _track(run: Path, place: Path, made: report.Errors) -> str:
    """Adds tables and pictures to the record of the run; returns where that is, in a new line."""
    config = run / "config.yaml"
    settings = yaml.safe_load(config.read_text(encoding="utf-8")) if config.is_file() else {}
    if not (tracking := settings.get("tracking")):
        return ""
    said = json.dumps([made.heading, made.facts, made.tables], default=str)
    shown = {
        f"errors/{name.replace(' ', '_')}": (
            list(lines[0]),
            [[line[key] for key in lines[0]] for line in lines],
        )
        for name, (_, lines) in made.tables.items()
        if lines
    }
    return f"\n{tracked.add_to_run(run, place, said, tracking, shown)}"


def _parse() -> argparse.Namespace:
    parser = FlagParser(__doc__)
    add = parser.add_argument
    add("run", metavar="RUN", help="Run: last, its id or its folder")
    add("--split", choices=["test", "validation"], help="Rows to look at (test)")
    add("--top", type=int, default=50, help="Most rows of each table of texts (50)")
    add("--output", help="Folder for page, pictures and CSV (RUN/errors)")
    add("--runs", default="outputs", help="Folder in which all runs are kept (outputs)")
    add("--pictures", default="png", help="Formats of pictures, with commas: png, svg, pdf (png)")
    add("--export", action="append", default=[], metavar="FILE", help=export.EXPORT_HELP)
    asked = parser.parse_args()
    at_least_one(asked, "top")
    export.check(asked.export, "--export", export.TABLES)
    for kind in asked.pictures.split(","):
        if f".{kind}" not in export.PICTURES:
            raise ValueError(f"--pictures {asked.pictures}: {kind}: choose from png, svg and pdf")
    return asked


if __name__ == "__main__":
    main()
