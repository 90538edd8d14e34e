"""How fast is this project on one GPU, and does bf16 train there as on a CPU? In ten minutes.

    python -m experiments.benchmarks.gpu
    python -m experiments.benchmarks.gpu --accelerator cpu --quick   # does it run at all?

The questions, each contestant in a process of its own: pre-training of a network of GPT-2's shape
(124 M) at 1,024 tokens, ours and a bare loop, both compiled too, and the Hugging Face Trainer; LoRA
on a network of RoBERTa-base's shape, ours and the Trainer; instruction tuning of a network of
SmolLM2-135M's shape with LoRA, padded, packed and without padding; and the losses of a small
network in bf16 beside those on the CPU. Texts and weights are made up: nothing is downloaded, and
only the speed has a meaning. The measures are in a CSV file after each answer. Needs neither W&B
nor `datasets`.
"""

import argparse
import csv
import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from experiments.benchmarks.gpu_questions import QUESTIONS, answer
from experiments.benchmarks.harness import machine
from experiments.common.arguments import FlagParser, at_least_one
from experiments.common.exits import guarded
from experiments.common.shell import git_commit
from experiments.reporting import tables

COLUMNS = {
    "rate": ("tokens/s", "{:,.0f}"),
    "mfu": ("MFU, %", "{:.1f}"),
    "first": ("first steps, s", "{:.1f}"),
    "memory": ("peak memory, GiB", "{:.2f}"),
    "loss": ("loss", "{:.3f}"),
    "gap": ("bf16 from fp32, %", "{:.2f}"),
    "cpu_gap": ("the same on the CPU, %", "{:.2f}"),
    "error": ("error", "{}"),
}


def asked_of(words: list[str] | None = None) -> argparse.Namespace:
    """The flags of a command line."""
    parser = FlagParser(__doc__ or "", name="python -m experiments.benchmarks.gpu")
    parser.add_argument(
        "--accelerator", choices=("auto", "cpu"), default="auto", help="Device to measure (auto)"
    )
    parser.add_argument("--quick", action="store_true", help="Tiny networks and three steps")
    parser.add_argument("--steps", type=int, default=40, help="Timed steps of a contestant (40)")
    parser.add_argument("--warmup", type=int, default=10, help="Steps before those (10)")
    parser.add_argument("--workers", type=int, default=4, help="Processes that load rows (4)")
    parser.add_argument("--minutes", type=float, default=9.0, help="Time for all answers (9)")
    parser.add_argument("--csv", default="gpu.csv", help="File of the measures (gpu.csv)")
    names = f"Questions to ask (all): {'; '.join(QUESTIONS)}"
    parser.add_argument("--only", nargs="+", choices=list(QUESTIONS), metavar="NAME", help=names)
    parser.add_argument("--alone", nargs=2, help=argparse.SUPPRESS)
    asked = parser.parse_args(words)
    at_least_one(asked, "steps", "warmup")
    if asked.quick:
        asked.steps, asked.warmup, asked.workers = 3, 2, 0
    return asked


def ask(question: str, who: str, asked: argparse.Namespace, seconds: float) -> dict[str, Any]:
    """The measures of a contestant, or the error that ended it, from a process of its own."""
    if seconds < 1:
        return {"error": f"not asked: the {asked.minutes:g} minutes were over"}
    hidden = {"CUDA_VISIBLE_DEVICES": ""} if asked.accelerator == "cpu" else {}
    words = [sys.executable, "-m", "experiments.benchmarks.gpu", *sys.argv[1:]]
    try:
        done = subprocess.run(
            [*words, "--alone", question, who],
            capture_output=True,
            text=True,
            timeout=seconds,
            env={**os.environ, **hidden},
        )
    except subprocess.TimeoutExpired:
        return {"error": f"stopped after {seconds:.0f} s"}
    if done.returncode:
        last = (done.stderr.strip().splitlines() or [f"exit code {done.returncode}"])[-1]
        return {"error": last}
    return json.loads(done.stdout.splitlines()[-1])


def write(file: Path, rows: list[dict[str, Any]]) -> None:
    """Writes all measures so far."""
    names = dict.fromkeys(name for row in rows for name in row)
    with file.open("w", encoding="utf-8", newline="") as out:
        table = csv.DictWriter(out, list(names))
        table.writeheader()
        table.writerows(rows)


def main() -> None:
    with guarded("gpu.py"):
        asked = asked_of()
        if asked.alone:
            print(json.dumps(answer(asked, *asked.alone)))
            return
        print(f"{machine()}, commit {(git_commit() or 'none')[:12]}", flush=True)
        ends, rows = time.monotonic() + 60 * asked.minutes, []
        for question in asked.only or QUESTIONS:
            for who in QUESTIONS[question]:
                found = ask(question, who, asked, ends - time.monotonic())
                rows.append({"question": question, "contestant": who, **found})
                write(Path(asked.csv), rows)
                print(f"{question}: {who}: {found.get('error', 'measured')}", flush=True)
        heads = ["", "", *(heading for heading, _ in COLUMNS.values())]
        lines = [heads]
        for row in rows:
            cells = [
                shown.format(row[key]) if key in row else "" for key, (_, shown) in COLUMNS.items()
            ]
            lines.append([row["question"], row["contestant"], *cells])
        print(f"\n{tables.aligned(lines)}\n\n{asked.csv} has all measures", flush=True)
        if any("error" in row for row in rows):
            raise ValueError("not every contestant could be measured; see the last column")


if __name__ == "__main__":
    main()
