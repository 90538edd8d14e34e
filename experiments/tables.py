"""Results of several runs as a table and a plot: means and spreads over seeds, cost beside them."""

import csv as csv_module
import io
import statistics
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

COSTS = ("parameters", "checkpoint_bytes", "peak_memory_bytes", "tokens_per_second", "seconds")


def headline(result: dict[str, Any]) -> Iterator[tuple[str, float]]:
    """The test and the validation value of the metric that chose the checkpoint."""
    metrics = result["metrics"]
    chosen = next(name for name in metrics if name.startswith("val/"))
    for name in (chosen.replace("val/", "test/"), chosen):
        if name in metrics:
            yield name, metrics[name]


def summaries(results: dict[str, list[dict[str, Any]]]) -> list[dict[str, Any]]:
    """One dictionary per row: name, seeds, quality as (mean, deviation) and mean costs.

    The deviation is the sample's, with n - 1; None of a single run.
    """
    lines = []
    for name, runs in results.items():
        line: dict[str, Any] = {"name": name, "seeds": len(runs)}
        for metric in dict(headline(runs[0])):
            values = [run["metrics"][metric] for run in runs]
            deviation = statistics.stdev(values) if len(values) > 1 else None
            line[metric] = (statistics.fmean(values), deviation)
        for key in COSTS:
            line[key] = statistics.fmean(cost(run, key) for run in runs)
        lines.append(line)
    return lines


def cost(run: dict[str, Any], name: str) -> float:
    return run["parameters"]["trainable"] if name == "parameters" else run[name]


def markdown(lines: list[dict[str, Any]], runs: Iterable[dict[str, Any]]) -> str:
    """The table, aligned, and under it what all its runs have in common."""
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
    return f"{aligned(cells)}\n\n{common(lines, list(runs))}\n"


def aligned(cells: list[list[str]]) -> str:
    """A table of Markdown with columns of even width; the first row is the head."""
    widths = [max(len(row[column]) for row in cells) for column in range(len(cells[0]))]
    rows = [
        " | ".join(cell.ljust(width) for cell, width in zip(r, widths, strict=True)) for r in cells
    ]
    rule = " | ".join("-" * width for width in widths)
    return "\n".join(f"| {row} |" for row in [rows[0], rule, *rows[1:]])


def common(lines: list[dict[str, Any]], runs: list[dict[str, Any]]) -> str:
    """Seeds, data and commits of the table, in a sentence."""
    seeds = sorted({line["seeds"] for line in lines})
    origins = sorted({run["data"]["origin"] for run in runs})
    rows = sorted({run["data"]["rows"][run["data"]["test_split"]] for run in runs})
    commits = sorted({(run["git_commit"] or "none")[:7] + dirt(run) for run in runs})
    count = " to ".join(str(number) for number in {seeds[0]: 0, seeds[-1]: 0})
    return (
        f"Mean ± standard deviation over {count} seed{'s' * (seeds[-1] > 1)}; data: "
        f"{', '.join(origins)}; test rows: {', '.join(f'{r:,}' for r in rows)}; "
        f"commit: {', '.join(commits)}"
    )


def dirt(run: dict[str, Any]) -> str:
    """What marks the commit of a run with changes that were not committed."""
    return "-dirty" if (run["git_commit"] or "").endswith("-dirty") else ""


def measured(run: dict[str, Any]) -> dict[str, Any]:
    """All metrics and costs of a run, and where they are from."""
    costs = {name: cost(run, name) for name in COSTS}
    return {**run["metrics"], **costs, "git_commit": run["git_commit"], "run": run["run"]}


def csv(runs: Iterable[tuple[str, int, dict[str, Any]]]) -> str:
    """One line per run, all metrics and costs."""
    return csv_of([{"row": name, "seed": seed, **measured(run)} for name, seed, run in runs])


def csv_of(lines: list[dict[str, Any]]) -> str:
    """Lines under all the columns that one of them has."""
    columns = list(dict.fromkeys(key for line in lines for key in line))
    text = io.StringIO()
    writer = csv_module.DictWriter(text, columns)
    writer.writeheader()
    writer.writerows(lines)
    return text.getvalue()


def size(count: float) -> str:
    """Bytes as people read them."""
    for unit in ("B", "kB", "MB"):
        if count < 1000:
            return f"{count:.0f} {unit}" if unit == "B" or count >= 100 else f"{count:.1f} {unit}"
        count /= 1000
    return f"{count:.2f} GB"


def plot(lines: list[dict[str, Any]], file: Path) -> None:
    """Quality against trained parameters, with the spread over seeds, as SVG."""
    import matplotlib

    matplotlib.use("agg")
    from matplotlib import pyplot

    metric = next(name for name in lines[0] if "/" in name)
    figure, axes = pyplot.subplots(figsize=(8, 5), layout="constrained")
    for number, line in enumerate(sorted(lines, key=lambda line: line["parameters"])):
        mean, deviation = line[metric]
        axes.errorbar(line["parameters"], mean, yerr=deviation, fmt="o", capsize=3)
        above = number % 2 == 0
        axes.annotate(
            line["name"],
            (line["parameters"], mean),
            xytext=(5, 6 if above else -12),
            textcoords="offset points",
            fontsize=9,
        )
    # Where nothing trains there is no logarithm.
    axes.set_xscale("log" if all(line["parameters"] for line in lines) else "symlog")
    axes.set_xlabel("trained parameters")
    axes.set_ylabel(f"{metric}, mean and standard deviation")
    axes.grid(alpha=0.3)
    axes.margins(x=0.12)
    with pyplot.rc_context({"svg.hashsalt": "pretune", "svg.fonttype": "none"}):
        figure.savefig(file, format="svg", metadata={"Date": None})
    pyplot.close(figure)
