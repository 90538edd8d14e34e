"""The command line of an ablation: check, run what has not been run, say what it shows."""

import argparse
import hashlib
import json
import os
import shlex
import sys
from dataclasses import asdict
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from experiments import folders, tables, warm
from experiments.ablation import curves, grid, picture, record, words
from experiments.ablation.analysis import Question, Report, analyse
from experiments.ablation.checking import Parsed, parse
from experiments.ablation.grid import Combination
from experiments.ablation.page import page
from experiments.comparison import Comparison, FlagParser, Job, Row, how_to_go_on, share_of_cores
from experiments.guard import guarded
from experiments.tracking.place import typed
from experiments.tracking.redaction import redact, redact_argv

_EXPERIMENTS = Path(__file__).parents[1]


def main(file: str, doc: str) -> None:
    """``ablate.py SCRIPT --vary FLAG=VALUES … [-- FLAGS]``, whatever ``doc`` says of it first."""
    name = f"{Path(file).stem}.py"
    with guarded(name):
        asked = _parse(name, doc)
        script = script_of(asked.script)
        os.environ.update(share_of_cores(asked.jobs))  # what is forked reads it when it loads
        combinations, notes, parsed = check(script, grid.varied(asked.vary), asked.flags)
        baseline = grid.find(combinations, asked.baseline)
        keys = list(dict.fromkeys(key for c in combinations for key, _ in c.settings))
        title = asked.name or "-".join([script.stem, *keys])
        root = Path(asked.output) / "ablation" / title
        jobs = _jobs(script, combinations, asked, root)
        print(f"{title}: {len(combinations)} combinations × {asked.seeds} seeds", flush=True)
        for note in notes:
            print(f"note   {note}")
        comparison = Comparison(list(jobs), asked.jobs)
        with how_to_go_on():
            comparison.run()
            found = {job: result for job in jobs if (result := job.result())}
            if not found:
                raise ValueError(f"no run has finished: {next(iter(comparison.failed.values()))}")
            question = Question(
                title, script.name, keys, baseline, asked.metric, asked.alpha, asked.seeds, notes
            )
            report = _analysed(question, jobs, found, asked.jobs)
            where = _write(report, root, found, jobs, parsed.config["tracking"], asked)
        print(f"\n{words.markdown(report)}")
        for job, reason in comparison.failed.items():
            print(f"failed: {job.row.name}, seed {job.seed}: {reason}")
        files = "report.html, report.png, table.md, summary.csv, runs.csv, report.json, runs/"
        print(f"done   {root} ({files})\n{where}")
        if comparison.failed:
            raise SystemExit(1)


def script_of(word: str) -> Path:
    """An experiment's file, by its path or as a name of ours."""
    for path in (Path(word), _EXPERIMENTS / f"{word.removesuffix('.py')}.py"):
        if path.is_file():
            return path.resolve()
    names = [path.stem for path in _EXPERIMENTS.glob("*.py")]
    near = get_close_matches(Path(word).stem, names, 1)
    raise ValueError(f"{word}: there is no such file{f'; did you mean {near[0]}?' if near else ''}")


def check(
    script: Path, varied: dict[str, list[str]], flags: list[str]
) -> tuple[list[Combination], list[str], Parsed]:
    """The combinations, notes on what was left out, and the first of them as it was parsed.

    Every one is parsed before the first run, so that a mistake in the last costs nothing.
    """
    for key in [*varied, *grid.OWN]:
        if any(word.partition("=")[0] == f"--{key}" for word in flags) and key != "config":
            reason = "is varied, so not for every run" if key in varied else grid.OWN[key]
            raise ValueError(f"-- --{key}: {reason}")
    combinations, notes = grid.product(varied), []
    if heads := grid.heads(varied):
        chosen = list(dict.fromkeys(c.only(heads) for c in combinations))
        found = parse(script, [[*one.flags, *flags] for one in chosen])
        known = {one: parsed.flags for one, parsed in zip(chosen, found, strict=True)}
        combinations, notes = grid.applying(combinations, known)
    parsed = parse(script, [[*combination.flags, *flags] for combination in combinations])
    seen: dict[str, Combination] = {}
    for combination, one in zip(combinations, parsed, strict=True):
        same = seen.setdefault(json.dumps(one.config, sort_keys=True, default=str), combination)
        if same is not combination:
            raise ValueError(f"--vary: {same.name} and {combination.name} are the same run")
    return combinations, notes, parsed[0]


def _jobs(
    script: Path, combinations: list[Combination], asked: argparse.Namespace, root: Path
) -> dict[Job, Combination]:
    """Seed by seed, so that what there is when it is stopped can be compared."""
    ours = script.parent == _EXPERIMENTS
    rows = {}
    for combination in combinations:
        tags = json.dumps(["ablation", *(f"{key}={value}" for key, value in combination.settings)])
        record = (f"--tracking.tags={tags}", f"--tracking.name={combination.name}")
        rows[combination] = Row(
            combination.name,
            script.stem if ours else str(script),
            combination.flags,
            asked.seeds,
            ("--tracking.job_type", "ablation-run", *record),
        )
    return {
        Job(row, seed, (*row.flags, *asked.flags), root): combination
        for seed in range(asked.seeds)
        for combination, row in rows.items()
    }


def _analysed(
    question: Question, jobs: dict[Job, Combination], found: dict[Job, dict], at_once: int
) -> Report:
    results: dict[Combination, dict[int, dict]] = {c: {} for c in jobs.values()}
    for job, result in found.items():
        results[jobs[job]][job.seed] = result
    report = analyse(question, results)
    print(f"reading the curves of {len(found)} runs", flush=True)
    of_jobs = curves.of_jobs(found, at_once)
    if untracked := sum(not curve for curve in of_jobs.values()):
        report.notes.append(f"no curves of {untracked} runs, which were not tracked")
    for combination, name in {c: c.name for c in results}.items():
        own = [curve for job, curve in of_jobs.items() if jobs[job] == combination and curve]
        for metric, band in curves.bands(own, 1 - question.alpha).items() if own else ():
            report.curves.setdefault(metric, {})[name] = band
    return report


def _write(
    report: Report,
    root: Path,
    found: dict[Job, dict],
    jobs: dict[Job, Combination],
    tracking: dict[str, Any],
    asked: argparse.Namespace,
) -> str:
    """All files, and the record unless the same has been recorded before; returns where that is."""
    texts = {"table.md": words.markdown(report), "summary.csv": words.summary(report)}
    rows = [
        {"combination": job.row.name, **dict(jobs[job].settings), "seed": job.seed}
        | {**result["metrics"], **{cost: tables.cost(result, cost) for cost in tables.COSTS}}
        | {"git_commit": result["git_commit"], "run": result["run"]}
        for job, result in found.items()
    ]
    texts["runs.csv"] = tables.csv_of(rows)
    texts["report.html"] = page(report, shlex.join([typed("python"), *redact_argv(sys.argv)]))
    texts["report.json"] = json.dumps(redact(asdict(report)), indent=1) + "\n"
    for name, text in texts.items():
        with folders.whole(root / name) as scratch:
            scratch.write_text(text)
    with folders.whole(root / "report.png") as scratch:
        picture.draw(report, scratch)
    mark = hashlib.sha256(texts["report.json"].encode()).hexdigest()
    kept = root / "recorded.json"
    if kept.exists() and (before := json.loads(kept.read_text()))["report"] == mark:
        return before["where"]
    config = {"script": report.script, "vary": redact_argv(asked.vary), "seeds": asked.seeds}
    config |= {"baseline": report.baseline.name, "metric": report.metric, "alpha": report.alpha}
    config |= {"flags": redact_argv(asked.flags), "notes": report.notes}
    shown = {}
    for name, (head, lines) in (
        ("qualities", words.qualities(report)),
        ("differences", words.differences(report)),
    ):
        if lines:
            shown[name] = (head, [[text for text, _ in line] for line in lines])
    shown["runs"] = (list(rows[0]), [[row.get(key) for key in rows[0]] for row in rows])
    verdicts = [line.difference.verdict for line in report.lines if line.difference]
    counts = {f"verdicts/{word.replace(' ', '_')}": verdicts.count(word) for word in set(verdicts)}
    where = warm.call(record.log, root, tracking, config, shown, "ablation", counts)
    folders.write_json(kept, {"report": mark, "where": where})
    return where


def _parse(name: str, doc: str) -> argparse.Namespace:
    parser = FlagParser(
        name,
        usage=f"{name} SCRIPT --vary FLAG=VALUE,VALUE … [--seeds N] [--jobs N] [-- FLAGS]",
        description=doc,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    add = parser.add_argument
    add("script", help="an experiment's file, also one of your own; or the name of one of ours")
    add("--vary", action="append", required=True, metavar="FLAG=VALUES", help="may be repeated")
    add("--seeds", type=int, default=3, help="runs of each combination, seeds 0, 1 … (3)")
    add("--jobs", type=int, default=1, help="runs at a time, the cores shared out (1)")
    add(
        *("--baseline", "-b"),
        nargs="+",
        default=[],
        metavar="FLAG=VALUE",
        help="what the others are compared with (the first)",
    )
    add("--metric", help="of result.json (the one that chose the checkpoints, on test rows)")
    add("--alpha", type=float, default=0.05, help="level of the tests and intervals (0.05)")
    add("--name", help="of folder and group (the script and what is varied)")
    add("--output", default="outputs", help="folder that keeps it all (outputs)")
    words = sys.argv[1:]
    cut = words.index("--") if "--" in words else len(words)
    asked = parser.parse_args(words[:cut])
    asked.flags = words[cut + 1 :]
    for flag in ("seeds", "jobs"):
        if (number := getattr(asked, flag)) < 1:
            raise ValueError(f"--{flag} {number}: at least 1")
    if not 0 < asked.alpha < 1:
        raise ValueError(f"--alpha {asked.alpha}: between 0 and 1")
    if asked.name and not all(part.isalnum() or part in "._- " for part in asked.name):
        raise ValueError(f"--name {asked.name}: letters, digits, spaces and . _ - only")
    return asked
