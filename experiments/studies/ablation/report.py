"""Makes the report of an ablation, its files and its record in W&B."""

import argparse
import json
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Any

from experiments.common import files
from experiments.common.redaction import redact, redact_argv
from experiments.common.shell import this_command
from experiments.reporting import tables
from experiments.reporting.results import measured
from experiments.studies import tracked
from experiments.studies.ablation import curves, figure, settings, text
from experiments.studies.ablation.analysis import Question, Report, analyse
from experiments.studies.ablation.grid import Combination
from experiments.studies.ablation.html_page import page
from experiments.studies.jobs import Job


def make(
    question: Question, jobs: dict[Job, Combination], found: dict[Job, dict], at_once: int
) -> Report:
    """Analyses the results of the runs and adds their learning curves."""
    results: dict[Combination, dict[int, dict]] = {c: {} for c in jobs.values()}
    for job, result in found.items():
        results[jobs[job]][job.seed] = result
    report = analyse(question, results)
    report.settings = settings.compare(results, question.keys)
    report.notes += report.settings.notes
    print(f"reading the curves of {len(found)} runs", flush=True)
    of_jobs = curves.of_jobs(found)
    if untracked := sum(not curve for curve in of_jobs.values()):
        report.notes.append(f"no curves of {untracked} runs, which were not tracked")
    for combination in results:
        its = [curve for job, curve in of_jobs.items() if jobs[job] == combination]
        bands = curves.bands(its, 1 - question.alpha, report.metric_facts)
        for metric, band in bands.items():
            report.curves.setdefault(metric, {})[combination.name] = band
    return report


def write(
    report: Report,
    root: Path,
    jobs: dict[Job, Combination],
    found: dict[Job, dict],
    tracking: dict[str, Any],
    asked: argparse.Namespace,
) -> str:
    """Writes all files and, if it is new, the record; returns the lines that show the record."""
    texts = {"table.md": text.markdown(report), "summary.csv": text.summary(report)}
    rows = [
        {"combination": job.row.name, **dict(jobs[job].settings), "seed": job.seed}
        | measured(result)
        for job, result in found.items()
    ]
    texts["runs.csv"] = tables.csv_of(rows)
    texts["report.html"] = page(report, this_command(redact_argv(sys.argv)))
    texts["report.json"] = json.dumps(files.finite(redact(asdict(report))), indent=1) + "\n"
    for name, content in texts.items():
        files.write_text(root / name, content)
    figure.draw(report, root / "report.png")
    config = {"script": report.script, "vary": redact_argv(asked.vary), "seeds": asked.seeds}
    config |= {"baseline": report.baseline.name, "metric": report.metric, "alpha": report.alpha}
    config |= {"flags": redact_argv(asked.flags), "notes": report.notes}
    shown = {}
    for name, (head, lines) in (
        ("qualities", text.qualities(report)),
        ("differences", text.differences(report)),
    ):
        if lines:
            shown[name] = (head, text.texts(lines))
    columns = list(dict.fromkeys(key for row in rows for key in row))
    shown["runs"] = (columns, [[row.get(key) for key in columns] for row in rows])
    verdicts = [line.difference.verdict for line in report.lines if line.difference]
    counts = {f"verdicts/{word.replace(' ', '_')}": verdicts.count(word) for word in set(verdicts)}
    return tracked.log_once(root, texts["report.json"], tracking, config, shown, "ablation", counts)
