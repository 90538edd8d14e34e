"""Tables of results: means and deviations over seeds, with the costs."""

import math
import statistics
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from experiments.reporting.tables import aligned, csv_of, size

COSTS = ("parameters", "checkpoint_bytes", "peak_memory_bytes", "tokens_per_second", "seconds")


def headline(result: dict[str, Any]) -> Iterator[tuple[str, float]]:
    """The test and the validation value of the metric that chose the checkpoint.

    There are none if no validation took place.
    """
    metrics = result["metrics"]
    chosen = next((name for name in metrics if name.startswith("val/")), "")
    for name in (chosen.replace("val/", "test/"), chosen):
        if name in metrics:
            yield name, metrics[name]


def main_metric(
    result: dict[str, Any], asked: str | None = None, flag: str = "--metric"
) -> tuple[str, float]:
    """The name and the value of the metric by which runs are compared.

    Args:
        result: The result of a run.
        asked: The metric that the user names; None for the one that chose the checkpoint.
        flag: The flag, or the key of a file, with which the user names a metric.

    Raises:
        ValueError: If the run does not have the metric, or no validation took place.
    """
    metrics, run = result["metrics"], result.get("run", "the run")
    there = ", ".join(sorted(metrics)) or "none"
    if asked is not None and asked not in metrics:
        raise ValueError(f"{flag} {asked}: not in {run}; there are {there}")
    found = next(headline(result), None) if asked is None else (asked, metrics[asked])
    if found is None:
        raise ValueError(
            f"{run} ended without a validation, so there is no metric to compare by: train longer "
            f"or lower --trainer.val_check_interval (measured: {there})"
        )
    return found


def on_validation(result: dict[str, Any], name: str, value: float) -> tuple[str, float]:
    """A metric by its validation rows, where the run has them: what progress and choices show.

    A look at test figures while settings are still chosen would make them a part of the choice.

    Args:
        result: The result of a run.
        name: The metric.
        value: Its value.
    """
    twin = name.replace("test/", "val/")
    return (twin, result["metrics"][twin]) if twin in result["metrics"] else (name, value)


def summaries(
    results: dict[str, list[dict[str, Any]]], metrics: Sequence[str] = ()
) -> list[dict[str, Any]]:
    """One dictionary per row: name, seeds, quality as (mean, deviation) and mean costs.

    The deviation is the sample's, with n - 1; None if there is one run.

    Args:
        results: The results of the runs of each row.
        metrics: The metrics that tell the quality; the one that chose the checkpoint if none.
    """
    lines = []
    for name, runs in results.items():
        line: dict[str, Any] = {"name": name, "seeds": len(runs)}
        for metric in metrics or dict(headline(runs[0])):
            line[metric] = spread([run["metrics"][metric] for run in runs])
        for key in COSTS:
            line[key] = statistics.fmean(cost(run, key) for run in runs)
        lines.append(line)
    return lines


def spread(values: list[float]) -> tuple[float, float | None]:
    """The mean and the sample's deviation, with n - 1; None for one value.

    It is None as well where a value is not a finite number.
    """
    known = len(values) > 1 and all(map(math.isfinite, values))
    return statistics.fmean(values), statistics.stdev(values) if known else None


def cost(run: dict[str, Any], name: str) -> float:
    """A cost of a run by its name in ``COSTS``."""
    return run["parameters"]["trainable"] if name == "parameters" else run[name]


def markdown(lines: list[dict[str, Any]], runs: Iterable[dict[str, Any]]) -> str:
    """A Markdown table of the rows, and below it seeds, data and commits of the runs."""
    qualities = [name for name in lines[0] if "/" in name]
    head = ["", *qualities, "trained parameters", "checkpoint", "peak memory", "tokens/s", "s"]
    cells = [head]
    for line in lines:
        values = [
            f"{line[name][0]:.4f}" + (f" ± {line[name][1]:.4f}" if line[name][1] else "")
            for name in qualities
        ]
        cells.append(
            [
                line["name"],
                *values,
                f"{line['parameters']:,.0f}",
                size(line["checkpoint_bytes"]),
                size(line["peak_memory_bytes"]),
                f"{line['tokens_per_second']:,.0f}",
                f"{line['seconds']:.0f}",
            ]
        )
    return f"{aligned(cells)}\n\n{conditions(lines, list(runs))}\n"


def conditions(
    lines: list[dict[str, Any]], runs: list[dict[str, Any]], beside: str = "± standard deviation"
) -> str:
    """Seeds, data and commits of the table, in a sentence; ``beside`` stands beside each mean."""
    seeds = sorted({line["seeds"] for line in lines})
    origins = sorted({run["data"]["origin"] for run in runs})
    rows = sorted({run["data"]["rows"][run["data"]["test_split"]] for run in runs})
    count = " to ".join(str(number) for number in {seeds[0]: 0, seeds[-1]: 0})
    spread = f"Mean {beside} over {count} seeds" if seeds[-1] > 1 else "One seed, without a spread"
    return (
        f"{spread}; data: "
        f"{', '.join(origins)}; test rows: {', '.join(f'{r:,}' for r in rows)}; "
        f"commit: {commits(runs)}"
    )


def commits(runs: Iterable[dict[str, Any]]) -> str:
    """The short commits of runs, with ``-dirty`` where there were uncommitted changes."""
    whole = {run["git_commit"] or "none" for run in runs}
    return ", ".join(sorted({one[:7] + "-dirty" * one.endswith("-dirty") for one in whole}))


def measured(run: dict[str, Any]) -> dict[str, Any]:
    """All metrics and costs of a run, its commit and its folder."""
    costs = {name: cost(run, name) for name in COSTS}
    return {**run["metrics"], **costs, "git_commit": run["git_commit"], "run": run["run"]}


def summaries_csv(lines: list[dict[str, Any]]) -> str:
    """The rows of the table as CSV, with means and deviations in full."""
    flat = []
    for line in lines:
        row: dict[str, Any] = {}
        for name, value in line.items():
            pair = value if isinstance(value, tuple) else (value,)
            row |= dict(zip((name, f"{name} deviation"), pair, strict=False))
        flat.append(row)
    return csv_of(flat)


def runs_csv(runs: Iterable[tuple[str, int, dict[str, Any]]]) -> str:
    """All metrics and costs of the runs as CSV, a line for each run."""
    return csv_of([{"row": name, "seed": seed, **measured(run)} for name, seed, run in runs])
