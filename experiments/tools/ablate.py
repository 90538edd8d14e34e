"""Which settings matter? Runs an experiment over a grid of flags and seeds.

    python experiments/tools/ablate.py experiments/lora_sst2.py --vary model.rank=2,8,32 --seeds 5
    python experiments/tools/ablate.py lora_sst2 --vary model.rank=2,8 --vary model=LoRA,Adapter \\
        --baseline model=Adapter --jobs 2 -- --trainer.max_epochs 1

Every combination is parsed before the first run. A flag that the chosen class does not have, such
as the rank of an Adapter, is left out, and combinations that are then equal run once. The same
command continues an ablation that was stopped. Each class of --model has what is tuned for it;
`-- --tuned false` gives all the same. The report holds a table with intervals, differences
from the baseline (paired by seed and corrected for their number), the Pareto fronts of cost and
quality, learning curves, and warnings of conclusions that the runs do not allow. It is printed and
saved as one HTML page, as a figure, as CSV, and as a tracked run.
"""

import argparse
import json
import os
from functools import partial
from pathlib import Path

from experiments.common.arguments import FlagParser, parse_study
from experiments.common.exits import guarded
from experiments.common.shell import command_name
from experiments.reporting import export, screen
from experiments.reporting.results import main_metric
from experiments.studies.ablation import figure, grid, report, text
from experiments.studies.ablation.analysis import Question
from experiments.studies.ablation.grid import Combination
from experiments.studies.comparison import resume_hint
from experiments.studies.dry_run import check, script_of
from experiments.studies.jobs import Comparison, Job, Row, script_name, share_of_cores


def main() -> None:
    """Runs the ablation that the command line describes, and reports it."""
    with guarded(command_name()):
        asked = _parse()
        script = script_of(asked.script)
        os.environ.update(
            share_of_cores(asked.jobs)
        )  # before the first fork, whose libraries read it
        varied = grid.varied(asked.vary)
        print("checking that every combination can be parsed", flush=True)
        combinations, notes, parsed = check(script, varied, asked.flags, asked.metric)
        baseline = grid.find(combinations, asked.baseline)
        keys = list(dict.fromkeys(key for c in combinations for key, _ in c.settings))
        title = asked.name or "-".join([script.stem, *keys])
        root = Path(asked.output) / "ablation" / title
        jobs = _jobs(script, combinations, asked, root)
        seeds = f"{asked.seeds} seed{'s' * (asked.seeds > 1)}"
        print(f"{title}: {len(combinations)} combinations × {seeds}", flush=True)
        for note in notes:
            print(f"note   {note}")
        measure = partial(main_metric, asked=asked.metric)
        comparison = Comparison(list(jobs), asked.jobs, measure)
        with resume_hint():
            comparison.run()
            found = {job: result for job in jobs if (result := job.result())}
            if not found:
                raise ValueError(f"no run has finished: {next(iter(comparison.failed.values()))}")
            question = Question(
                title, script.name, keys, baseline, asked.metric, asked.alpha, asked.seeds, notes
            )
            said = report.make(question, jobs, found, asked.jobs)
            where = report.write(said, root, jobs, found, parsed.config["tracking"], asked)
            more = export.write(
                asked.export, lambda: text.markdown(said), lambda: text.summary(said)
            )
            for file in asked.plot:
                figure.draw(said, Path(file).expanduser())
        print(f"\n{screen.shown(text.markdown(said), lead=(len(keys), 1))}\n")
        for job, reason in comparison.failed.items():
            print(f"failed: {job.row.name}, seed {job.seed}: {reason}")
        files = "report.html, report.png, table.md, summary.csv, runs.csv, report.json, runs/"
        files = ", ".join([files, *more, *asked.plot])
        print(f"done   {root} ({files})\n{where}")
        if comparison.failed:
            raise SystemExit(1)


def _jobs(
    script: Path, combinations: list[Combination], asked: argparse.Namespace, root: Path
) -> dict[Job, Combination]:
    """The jobs, seed by seed, so that an ablation that was stopped has runs to compare."""
    rows = {}
    for combination in combinations:
        tags = json.dumps(["ablation", *(f"{key}={value}" for key, value in combination.settings)])
        record = (f"--tracking.tags={tags}", f"--tracking.name={combination.name}")
        rows[combination] = Row(
            combination.name,
            script_name(script),
            combination.flags,
            asked.seeds,
            ("--tracking.job_type", "ablation-run", *record),
        )
    return {
        Job(row, seed, (*row.flags, *asked.flags), root): combination
        for seed in range(asked.seeds)
        for combination, row in rows.items()
    }


def _parse() -> argparse.Namespace:
    usage = "SCRIPT --vary FLAG=VALUE,VALUE … [--seeds N] [--jobs N] [-- FLAGS]"
    parser = FlagParser(__doc__, usage)
    add = parser.add_argument
    add("script", help="File of an experiment, or the name of one of ours")
    values = "Flag to vary and its values, as model.rank=2,8; may be repeated"
    add("--vary", action="append", required=True, metavar="FLAG=VALUES", help=values)
    add("--seeds", type=int, default=3, help="Runs of each combination, with seeds 0, 1 … (3)")
    add("--jobs", type=int, default=1, help="Runs at the same time, which share the cores (1)")
    add(
        "--baseline",
        nargs="+",
        default=[],
        metavar="FLAG=VALUE",
        help="Settings of the combination to compare with (the first combination)",
    )
    metric = "Metric of result.json to compare (the one that chose the checkpoints, on test rows)"
    add("--metric", help=metric)
    add("--alpha", type=float, default=0.05, help="Level of tests and intervals (0.05)")
    add("--name", help="Name of folder and group (the script and the varied flags)")
    add("--output", default="outputs", help="Folder for runs and report (outputs)")
    export.add_flags(parser)
    asked = parse_study(parser)
    export.check_flags(asked)
    if not 0 < asked.alpha < 1:
        raise ValueError(f"--alpha {asked.alpha}: between 0 and 1")
    return asked


if __name__ == "__main__":
    main()
