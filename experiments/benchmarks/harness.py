"""Runs contestants in turns, each in a process of its own, and prints medians and ratios.

A benchmark gives its contestants, functions that measure something and return numbers, to
:func:`run_contest`. The first contestant is ours. ``--record`` puts the table into RESULTS.md.
"""

import argparse
import datetime
import json
import platform
import re
import shlex
import statistics
import sys
import time
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from typing import NamedTuple

import psutil

from experiments.benchmarks.timing import device, output_of
from experiments.common.arguments import FlagParser, at_least_one
from experiments.common.exits import guarded
from experiments.common.shell import git_commit
from experiments.reporting import tables

RESULTS = Path(__file__).with_name("RESULTS.md")
Measured = dict[str, float]


class Column(NamedTuple):
    """A number that contestants return, and its column in the table.

    Attributes:
        key: The name of the number in a contestant's result.
        heading: The heading of the column.
        shown: The format of the number.
        better: "less" or "more"; a ratio then shows how many times better the first contestant is.
    """

    key: str
    heading: str
    shown: str = "{:.1f}"
    better: str | None = None


def run_contest(
    name: str,
    title: str | Callable[[argparse.Namespace], str],
    doc: str,
    contestants: dict[str, Callable[[argparse.Namespace], Measured]],
    columns: list[Column],
    flags: Callable[[argparse.ArgumentParser], None] = lambda parser: None,
    rounds: int = 3,
) -> None:
    """Runs a benchmark from the command line: all contestants, or one in a process of its own.

    Args:
        name: The name of the module in ``experiments.benchmarks``.
        title: The title of its section in RESULTS.md, with flags in braces, or a
            function of the flags.
        doc: The text of ``--help`` above the flags.
        contestants: The functions to compare, by name.
        columns: The columns of the table.
        flags: Adds the benchmark's own flags to the parser.
        rounds: The number of rounds unless ``--rounds`` gives another.
    """
    with guarded(f"{name}.py"):
        parser = FlagParser(doc, name=f"python -m experiments.benchmarks.{name}")
        flags(parser)
        parser.add_argument(
            "--rounds", type=int, default=rounds, help=f"Runs of each contestant ({rounds})"
        )
        names = f"Contestants to run (all): {'; '.join(contestants)}"
        parser.add_argument(
            "--only", nargs="+", choices=list(contestants), metavar="NAME", help=names
        )
        parser.add_argument("--record", action="store_true", help="Put the table into RESULTS.md")
        parser.add_argument("--alone", choices=list(contestants), help=argparse.SUPPRESS)
        asked = parser.parse_args()
        at_least_one(asked, "rounds")
        if asked.alone:
            found = contestants[asked.alone](asked)
            if "memory" not in found and any(column.key == "memory" for column in columns):
                from callbacks.throughput import peak_memory

                found["memory"] = peak_memory(device()) / 2**30
            print(json.dumps(found))
            return
        chosen = [one for one in contestants if one in (asked.only or contestants)]
        table = tabulated(compete(name, chosen, asked.rounds), columns)
        print(f"\n{table}")
        if asked.record:
            named = title.format(**vars(asked)) if isinstance(title, str) else title(asked)
            record(named, name, table)


def compete(name: str, contestants: list[str], rounds: int) -> dict[str, list[Measured]]:
    """Runs the contestants in turns; returns the results of each in each round.

    Every second round runs in reverse order: one that always comes first, or behind the same
    other, meets another machine than the rest.
    """
    found: dict[str, list[Measured]] = {one: [] for one in contestants}
    for turn in range(rounds):
        for one in contestants[:: -1 if turn % 2 else 1]:
            print(f"round {turn + 1} of {rounds}: {one:<32}", end="", flush=True)
            began = time.perf_counter()
            flags = [*sys.argv[1:], "--alone", one]
            said = output_of(one, "-m", f"experiments.benchmarks.{name}", *flags)
            found[one].append(json.loads(said.splitlines()[-1]))
            print(f"{time.perf_counter() - began:7.1f} s", flush=True)
    return found


def tabulated(found: dict[str, list[Measured]], columns: list[Column]) -> str:
    """A Markdown table of medians, and of ratios to the first contestant, round by round."""
    columns = [c for c in columns if any(c.key in runs[0] for runs in found.values())]
    compared = [column for column in columns if column.better]
    heads = [*(c.heading for c in columns), *(f"ratio of {c.heading}" for c in compared)]
    lines = [["", *heads]]
    first, *_ = found.values()
    for name, runs in found.items():
        cells = [median(column, runs) for column in columns]
        cells += [ratio(column, first, runs) if runs is not first else "1" for column in compared]
        lines.append([name, *cells])
    return tables.aligned(lines)


def median(column: Column, runs: list[Measured]) -> str:
    """The median of a number over the rounds, as text; empty if it is not measured."""
    if column.key not in runs[0]:
        return ""
    return column.shown.format(statistics.median(run[column.key] for run in runs))


def ratio(column: Column, first: list[Measured], others: list[Measured]) -> str:
    """The median of the rounds' ratios, with the lowest and the highest in brackets."""
    if column.key not in first[0] or column.key not in others[0]:
        return ""
    pairs = [(b[column.key], a[column.key]) for a, b in zip(first, others, strict=True)]
    if column.better == "more":
        pairs = [(ours, theirs) for theirs, ours in pairs]
    ratios = sorted(above / below for above, below in pairs)
    low, high = ratios[0], ratios[-1]
    return f"**{statistics.median(ratios):.2f}** ({low:.2f} to {high:.2f})"


def machine() -> str:
    """The processor or GPU, cores, memory, and versions of the main libraries."""
    import torch

    model = platform.processor() or platform.machine()
    if Path("/proc/cpuinfo").exists():
        found = re.search(
            r"model name\s*:\s*(.+)", Path("/proc/cpuinfo").read_text(encoding="utf-8")
        )
        model = found.group(1) if found else model
    gpu = f"{torch.cuda.get_device_name()}, " if torch.cuda.is_available() else ""
    memory = psutil.virtual_memory().total / 2**30
    versions = ", ".join(f"{n} {version(n)}" for n in ("torch", "lightning", "transformers"))
    return f"{gpu}{psutil.cpu_count()} cores of {model}, {memory:.0f} GiB, {versions}"


def record(title: str, name: str, table: str) -> None:
    """Replaces the section ``title`` of RESULTS.md, or adds it before the log."""
    flags = [word for word in sys.argv[1:] if word != "--record"]
    command = shlex.join(["python", "-m", f"experiments.benchmarks.{name}", *flags])
    today = datetime.date.today().isoformat()
    facts = f"`{command}` at `{(git_commit() or 'no commit')[:12]}`, {today}, {machine()}."
    body = f"## {title}\n\n{facts}\n\n{table}\n\n"
    old = RESULTS.read_text(encoding="utf-8") if RESULTS.exists() else "# Results\n\n"
    parts = re.split(r"(?m)^(?=## )", old)
    at = [n for n, part in enumerate(parts) if part.startswith(f"## {title}\n")]
    if at:
        # The text below the first table stays, other tables too.
        below = re.split(r"(?m)^\|.*\n(?!\|)", parts[at[0]], maxsplit=1)[1:]
        parts[at[0]] = body + "".join(below).lstrip("\n")
    else:
        logs = [n for n, part in enumerate(parts) if part.startswith("## Log")]
        parts.insert(logs[0] if logs else len(parts), body)
    RESULTS.write_text("".join(parts), encoding="utf-8")
    print(f"recorded in {RESULTS}")
