"""Which settings are best? Runs W&B's sweep files without an account or a server.

    python experiments/tools/sweep.py experiments/sweeps/lora_grid.yaml --jobs 2
    python experiments/tools/sweep.py experiments/sweeps/rates_random.yaml --count 20

Grid and random searches are those of W&B; Optuna does Bayesian ones (pip install -e '.[bayes]').
The same command continues a sweep that was stopped. The trials, best first, are saved as table, CSV
and plot, and as a tracked run. With an account the same file runs on any number of machines:
`wandb sweep FILE` prints the ID for `wandb agent ID` on each.
"""

import argparse
import json
import math
import os
import sys
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

from experiments.common import files
from experiments.common.arguments import FlagParser, at_least_one
from experiments.common.exits import guarded
from experiments.common.metrics import lower_is_better
from experiments.common.shell import command_name, program
from experiments.reporting import export, screen, tables
from experiments.reporting.results import main_metric, measured, on_validation
from experiments.studies import tracked
from experiments.studies.comparison import resume_hint
from experiments.studies.dry_run import parse, refuse_unmeasured
from experiments.studies.jobs import Comparison, Job, Row, script_name, share_of_cores
from experiments.studies.sweep import trial_table
from experiments.studies.sweep.search import check, propose, size
from experiments.studies.sweep.sweep_file import SweepFile, flag, read


def main() -> None:
    """Runs the sweep of a file, and reports it."""
    with guarded(command_name()):
        asked = _parse()
        plan = read(asked.file)
        count = _count(plan, asked.count)
        check(plan)
        os.environ.update(
            share_of_cores(asked.jobs)
        )  # before the first fork, whose libraries read it
        title = plan.file.stem
        print(f"{title}: {plan.method}, {count} trials of {plan.program.name}", flush=True)
        every = parse(plan.program, _each_value_once(plan, asked.seed))
        refuse_unmeasured(every, plan.metric)
        parsed = every[0]
        root = Path(asked.output) / "sweep" / title
        if plan.metric and plan.metric.startswith("test/"):
            plan.notes.append(
                f"metric.name {plan.metric} chooses by the test rows, so the best value is too "
                f"good; name {plan.metric.replace('test/', 'val/')}"
            )
        for note in plan.notes:
            print(f"note   {note}")
        with resume_hint():
            trials, failed = _run(plan, count, root, asked)
            if not trials:
                raise ValueError(f"no trial has finished: {next(iter(failed.values()))}")
            metric = _metric(plan, next(iter(trials.values())))
            own = next(iter(trials.values())).get("metric_facts")
            rows = _rows(plan, trials, metric, own)
            where = _write(plan, root, rows, metric, parsed.config["tracking"], own)
        tested = _tested(trials, rows[0]["trial"])
        said = trial_table.text(plan, rows, metric, len(failed), tested)
        print(f"\n{screen.shown(said)}\n")
        for job, reason in failed.items():
            print(f"failed: {job.row.name}: {reason}")
        head, cells = trial_table.table(plan, rows, metric)
        files_ = ["trials.csv", "trials.png", "table.md", "runs/", *asked.plot]
        files_ += export.write(
            asked.export, lambda: tables.aligned([head, *cells]), lambda: tables.csv_of(rows)
        )
        for file in asked.plot:
            trial_table.draw(plan, rows, metric, Path(file).expanduser(), own)
        print(f"done   {root} ({', '.join(files_)})\n{where}")
        sweep = f"{program('wandb')} sweep {asked.file}, then {program('wandb')} agent ID"
        print(f"with an account: {sweep}")
        if failed:
            raise SystemExit(1)


def _metric(plan: SweepFile, result: dict[str, Any]) -> str:
    """The metric of the sweep's file, or else the one that chose the checkpoints, on validation."""
    return plan.metric or on_validation(result, *main_metric(result))[0]


def _tested(trials: dict[Job, dict], best: int) -> dict[str, float]:
    """The test metrics of the best trial."""
    (result,) = (r for job, r in trials.items() if int(job.row.name.split()[1]) == best)
    return {k: v for k, v in result["metrics"].items() if k.startswith("test/")}


def _count(plan: SweepFile, wanted: int | None) -> int:
    most, wanted = size(plan), wanted or plan.cap
    if wanted is None and plan.method != "grid":
        raise ValueError(
            f"--count: {plan.method} has no end; give a number of trials, or run_cap in the file"
        )
    return min(n for n in (most, wanted) if n is not None)


def _each_value_once(plan: SweepFile, seed: int) -> list[list[str]]:
    """Command lines that together hold every listed value, to find mistakes before the runs."""
    first = propose(plan, [], seed)
    rows = [first]
    for parameter in plan.parameters:
        listed = parameter.settings.get("values", [])
        rows += [first | {parameter.name: value} for value in listed]
    return [[*plan.words, *(flag(k, value) for k, value in row.items())] for row in rows]


def _run(
    plan: SweepFile, count: int, root: Path, asked: argparse.Namespace
) -> tuple[dict[Job, dict], dict[Job, str]]:
    """Runs the trials; returns results, with the settings as ``given``, and failures."""
    done: list[tuple[dict[str, Any], float | None]] = []
    results, failed = {}, {}
    for batch in _batches(plan, count, root, asked, done):
        jobs = {_job(plan, len(done) + n, given, root): given for n, given in enumerate(batch)}
        key = f"{plan.file}: metric.name"
        measure = partial(main_metric, asked=plan.metric, flag=key)
        comparison = Comparison(list(jobs), asked.jobs, measure)
        comparison.run()
        failed |= comparison.failed
        for job, given in jobs.items():
            result = job.result()
            if result:
                results[job] = result | {"given": given}
            value = result and result["metrics"].get(plan.metric)
            done.append((given, None if value is None or math.isnan(value) else value))
    return results, failed


def _batches(
    plan: SweepFile, count: int, root: Path, asked: argparse.Namespace, done: list
) -> Iterator[list[dict[str, Any]]]:
    """Yields the trials to run together: all, or with bayes as many as run at the same time.

    Proposals of bayes are saved, since they follow from the trials that had finished by then.
    """
    kept, wanted = root / "proposed.json", [str(plan.parameters), asked.seed]
    before = json.loads(kept.read_text(encoding="utf-8")) if kept.exists() else {}
    proposed = before["trials"] if before.get("of") == wanted else []
    while len(done) < count:
        batch = []
        together = asked.jobs if plan.method == "bayes" else count
        for number in range(len(done), min(count, len(done) + together)):
            if plan.method == "bayes" and number < len(proposed):
                given = proposed[number]
            else:
                given = propose(plan, [*done, *((one, None) for one in batch)], asked.seed)
            if given is None:
                break
            batch.append(given)
        if not batch:
            print("note   all possible trials have been run")
            return
        if plan.method == "bayes":
            proposed = [*proposed[: len(done)], *batch, *proposed[len(done) + len(batch) :]]
            root.mkdir(parents=True, exist_ok=True)
            files.write_json(kept, {"of": wanted, "trials": proposed})
        yield batch


def _job(plan: SweepFile, number: int, given: dict[str, Any], root: Path) -> Job:
    flags = [flag(key, value) for key, value in given.items() if key != "seed_everything"]
    project = ("--tracking.project", plan.project) if plan.project else ()
    tags = json.dumps(["sweep", plan.method])
    row = Row(
        f"trial {number + 1:02}",
        script_name(plan.program),
        (*plan.words, *flags),
        tracking=(*project, "--tracking.job_type", "sweep-run", f"--tracking.tags={tags}"),
    )
    return Job(row, given.get("seed_everything", 0), row.flags, root)


def _rows(
    plan: SweepFile, trials: dict[Job, dict], metric: str, own: dict[str, Any] | None
) -> list[dict[str, Any]]:
    rows = [
        {"trial": int(job.row.name.split()[1]), **result["given"], **measured(result)}
        for job, result in trials.items()
    ]
    # The test figures of all trials would invite a choice by them.
    rows = [
        {k: v for k, v in row.items() if k == metric or not k.startswith("test/")} for row in rows
    ]
    maximize = plan.maximize if plan.metric else not lower_is_better(metric, own)
    return trial_table.ranked(rows, metric, maximize)


def _write(
    plan: SweepFile,
    root: Path,
    rows: list[dict[str, Any]],
    metric: str,
    tracking: dict[str, Any],
    own: dict[str, Any] | None,
) -> str:
    head, cells = trial_table.table(plan, rows, metric)
    texts = {"trials.csv": tables.csv_of(rows), "table.md": tables.aligned([head, *cells]) + "\n"}
    for name, content in texts.items():
        files.write_text(root / name, content)
    trial_table.draw(plan, rows, metric, root / "trials.png", own)
    config = {
        "sweep": plan.file.read_text(encoding="utf-8"),
        "method": plan.method,
        "metric": metric,
    }
    settings = tracking | ({"project": plan.project} if plan.project else {})
    best = {"best/trial": rows[0]["trial"], f"best/{metric}": rows[0][metric]}
    shown = {"trials": (head, cells)}
    return tracked.log_once(root, "".join(texts.values()), settings, config, shown, "sweep", best)


def _parse() -> argparse.Namespace:
    usage = "FILE [--count N] [--jobs N] [--seed N] [--output FOLDER]"
    parser = FlagParser(__doc__, usage)
    add = parser.add_argument
    add("file", help="Sweep file of W&B, such as those in experiments/sweeps/")
    add("--count", type=int, help="Most trials (run_cap of the file; all of a grid)")
    add("--jobs", type=int, default=1, help="Trials at the same time, which share the cores (1)")
    add("--seed", type=int, default=0, help="Seed of the search, not of the runs (0)")
    add("--output", default="outputs", help="Folder for runs and results (outputs)")
    export.add_flags(parser)
    asked = parser.parse_args(sys.argv[1:])
    export.check_flags(asked)
    at_least_one(asked, "count", "jobs")
    return asked


if __name__ == "__main__":
    main()
