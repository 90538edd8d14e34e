"""Would more labels help? Trains on growing shares of the labels, with several seeds.

    python experiments/tools/learning_curve.py lora_sst2
    python experiments/tools/learning_curve.py experiments/lora_sst2.py --shares 0.25,0.5,1 \\
        --seeds 5 -- --data TextFiles --data.source my.csv

The rows of a smaller share are among those of a larger one, and each class keeps its share. The
last line tells what the last step of the curve was worth, with its interval over the seeds. The
same command continues a study that was stopped.
"""

import argparse
import json
import os
from functools import partial
from pathlib import Path

from experiments.common.arguments import FlagParser, parse_study
from experiments.common.exits import guarded
from experiments.common.redaction import redact_argv
from experiments.common.shell import command_name
from experiments.reporting import export, screen
from experiments.reporting.results import main_metric
from experiments.studies import learning_curve, tracked
from experiments.studies.comparison import resume_hint
from experiments.studies.dry_run import check, script_of
from experiments.studies.jobs import Comparison, Job, Row, script_name, share_of_cores

_FLAG = "data.train_share"


def main() -> None:
    """Runs the study that the command line describes, and reports it."""
    with guarded(command_name()):
        asked = _parse()
        script = script_of(asked.script)
        os.environ.update(share_of_cores(asked.jobs))  # before the first fork
        values = [f"{share:g}" for share in asked.shares]
        _, _, parsed = check(script, {_FLAG: values}, asked.flags, asked.metric)
        title = asked.name or script.stem
        root = Path(asked.output) / "learning_curve" / title
        jobs = _jobs(script, asked, root)
        seeds = f"{asked.seeds} seed{'s' * (asked.seeds > 1)}"
        print(f"{title}: {len(asked.shares)} shares × {seeds}", flush=True)
        comparison = Comparison(list(jobs), asked.jobs, partial(main_metric, asked=asked.metric))
        with resume_hint():
            comparison.run()
            results: learning_curve.Results = {share: {} for share in asked.shares}
            for job, share in jobs.items():
                if found := job.result():
                    results[share][job.seed] = found
            for job, reason in comparison.failed.items():
                print(f"failed: {job.row.name}, seed {job.seed}: {reason}")
            curve = learning_curve.analyse(title, results, asked.metric)
            said = learning_curve.write(curve, results, root)
            document = learning_curve.markdown(curve)
            more = export.write(asked.export, lambda: document, lambda: learning_curve.csv(curve))
            for file in asked.plot:
                learning_curve.draw(curve, Path(file).expanduser())
            where = _track(curve, said, root, parsed.config["tracking"], asked)
        print(f"\n{screen.shown(document)}")
        files = ["table.md", "curve.png", "runs.csv", "report.json", "runs/", *more, *asked.plot]
        print(f"\ndone   {root} ({', '.join(files)})\n{where}")
        if comparison.failed:
            raise SystemExit(1)


def _jobs(script: Path, asked: argparse.Namespace, root: Path) -> dict[Job, float]:
    """The jobs, seed by seed, so that a study that was stopped has whole curves."""
    rows = {}
    for share in asked.shares:
        tags = json.dumps(["learning-curve", f"{_FLAG}={share:g}"])
        record = (f"--tracking.tags={tags}", f"--tracking.name=train_share={share:g}")
        record = ("--tracking.job_type", "learning-curve-run", *record)
        flags = (f"--{_FLAG}={share:g}",)
        rows[share] = Row(f"share {share:g}", script_name(script), flags, asked.seeds, record)
    return {
        Job(row, seed, (*row.flags, *asked.flags), root): share
        for seed in range(asked.seeds)
        for share, row in rows.items()
    }


def _track(
    curve: learning_curve.Curve, said: str, root: Path, tracking: dict, asked: argparse.Namespace
) -> str:
    head, *rows = learning_curve.cells(curve)
    config = {"script": asked.script, "shares": asked.shares, "seeds": asked.seeds}
    config |= {"metric": curve.metric, "flags": redact_argv(asked.flags), "verdict": curve.verdict}
    shown = {"shares": (head, rows)}
    last = {curve.metric: curve.points[-1].mean}
    return tracked.log_once(root, said, tracking, config, shown, "learning-curve", last)


def _parse() -> argparse.Namespace:
    usage = "SCRIPT [--shares S,S …] [--seeds N] [--jobs N] [-- FLAGS]"
    parser = FlagParser(__doc__, usage)
    add = parser.add_argument
    add("script", help="File of an experiment, or the name of one of ours")
    add("--shares", default="0.1,0.2,0.5,1", help="Shares of the labels (0.1,0.2,0.5,1)")
    add("--seeds", type=int, default=3, help="Runs of each share, with seeds 0, 1 … (3)")
    add("--jobs", type=int, default=1, help="Runs at the same time, which share the cores (1)")
    metric = "Metric of result.json (the one that chose the checkpoints, on test rows)"
    add("--metric", help=metric)
    add("--name", help="Name of folder and group (the script's name)")
    add("--output", default="outputs", help="Folder for runs and report (outputs)")
    export.add_flags(parser)
    asked = parse_study(parser)
    export.check_flags(asked)
    asked.shares = _shares(asked.shares)
    return asked


def _shares(given: str) -> list[float]:
    try:
        shares = sorted({float(word) for word in given.split(",")})
    except ValueError:
        raise ValueError(f"--shares {given}: numbers with a comma between two of them") from None
    if not all(0 < share <= 1 for share in shares):
        raise ValueError(f"--shares {given}: each is above 0 and at most 1")
    if len(shares) < 2:
        raise ValueError(f"--shares {given}: a curve needs two different shares or more")
    return shares


if __name__ == "__main__":
    main()
