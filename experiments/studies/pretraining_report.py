"""The report on the benefit of pre-training: tables, CSV, curves over labels and tokens."""

import csv
import statistics
from collections.abc import Callable
from pathlib import Path
from typing import Any

from experiments.common import files
from experiments.reporting import figures, screen, tables
from experiments.reporting.intervals import of_runs
from experiments.reporting.results import commits
from experiments.reporting.significance import interval

_COLUMNS = ("origin", "size", "tokens", "seconds", "labels", "seed", "accuracy", "run", "commit")


def report(root: Path, size: str, origins: list, made: dict, tuned: dict) -> None:
    """Writes and prints the report.

    Args:
        root: The folder of the study.
        size: The size of the networks.
        origins: The origins of ``studies.pretraining``, in the order of the table.
        made: The results of the pre-training runs by (name, seed).
        tuned: The results of the fine-tuning runs by (name, labels, seed).
    """
    if held := [result["run"] for result in tuned.values() if result.get("held_out")]:
        raise ValueError(
            f"--hold_out_test true: this report is of test rows, and {len(held):,} runs hold them "
            f"out, such as {held[0]}: test them with --resume RUN --hold_out_test false"
        )
    accuracy = {key: result["metrics"]["test/accuracy"] for key, result in tuned.items()}
    labels = list(dict.fromkeys(amount for _, amount, _ in tuned))
    seeds = {a: len({s for _, b, s in tuned if b == a}) for a in labels}
    most = max(seeds.values())
    fewer = [f", {n} with {_said(a)}" for a, n in seeds.items() if n < most]
    text = f"{_accuracies(origins, labels, made, accuracy)}\n\n"
    text += f"{_differences(origins, labels, accuracy)}\n\n"
    rows = next(iter(tuned.values()))["data"]
    text += (
        f"Test accuracy in %, mean ± standard deviation over {most} seeds of "
        f"fine-tuning{''.join(fewer)}; gains with their 95 % intervals over seeds, for these test "
        f"rows; "
        f"{rows['rows'][rows['test_split']]:,} test rows of {rows['origin']}; networks: {size}; "
        f"commit: {commits([*made.values(), *tuned.values()])}\n"
    )
    files.write_text(root / "table.md", text)
    lines = _remember(root / "runs.csv", size, origins, made, tuned)
    _over_labels(origins, labels, accuracy, root / "labels.svg")
    of_size = [line for line in lines if line["size"] == size]
    _over_tokens(origins, labels, of_size, root / "tokens.svg")
    print(f"\n{screen.shown(text)}\n")
    print(f"done   {root} (table.md, runs.csv, labels.svg, tokens.svg, runs/)")


def _of(accuracy: dict, name: str, labels: Any) -> dict[int, float]:
    """The accuracies of an origin in %, by seed."""
    return {s: 100 * v for (n, a, s), v in accuracy.items() if (n, a) == (name, labels)}


def _said(labels: Any) -> str:
    return "all labels" if labels == "all" else f"{labels:,} labels"


def _value(values: list[float]) -> str:
    if not values:
        return "–"
    spread = f" ± {statistics.stdev(values):.1f}" if len(values) > 1 else ""
    return f"{statistics.fmean(values):.1f}{spread}"


def _gain(values: list[float]) -> str:
    if not values:
        return "–"
    mean, half = interval(values)
    if half is None:
        return f"{mean:+.1f}"
    return f"{mean:+.1f} ({max(-100, mean - half):+.1f} to {min(100, mean + half):+.1f})"


def _accuracies(origins: list, labels: list, made: dict, accuracy: dict) -> str:
    cells = [["accuracy", *map(_said, labels), "tokens", "s", "tokens/s"]]
    for origin in origins:
        runs = [result for (name, _), result in made.items() if name == origin.name]
        if not runs:
            continue
        values = [_value(list(_of(accuracy, origin.name, amount).values())) for amount in labels]
        tokens = statistics.fmean(run["tokens"] for run in runs)
        seconds = statistics.fmean(run["training_seconds"] for run in runs)
        cost = ["0", "", ""]
        if tokens:
            cost = [f"{tokens / 1e6:.2f} M", f"{seconds:.0f}", f"{tokens / seconds:,.0f}"]
        cells.append([origin.name, *values, *cost])
    return tables.aligned(cells)


def _differences(origins: list, labels: list, accuracy: dict) -> str:
    """A table of gains, paired by seed: with the same labelled rows, order and head."""
    cells = [["gain, points", *map(_said, labels), "against"]]
    for origin in origins:
        if origin.against is None:
            continue
        values = []
        for amount in labels:
            mine, other = (_of(accuracy, n, amount) for n in (origin.name, origin.against))
            values.append(_gain([mine[s] - other[s] for s in mine.keys() & other.keys()]))
        cells.append([origin.name, *values, origin.against])
    return tables.aligned(cells)


def _remember(file: Path, size: str, origins: list, made: dict, tuned: dict) -> list[dict]:
    """Adds the values of this call to those of earlier ones, with other budgets or sizes."""
    before = list(csv.DictReader(file.open())) if file.exists() else []
    against = {origin.name: origin.against for origin in origins}
    now = []
    for (name, labels, seed), result in tuned.items():
        source = [made[key] for key in sorted(made) if key[0] == name]
        source = source[seed % len(source)]
        cost = (source["tokens"], source["training_seconds"]) if against[name] else (0, 0)
        found = (result["metrics"]["test/accuracy"], result["run"], result["git_commit"])
        values = (name, size, *cost, labels, seed, *found)
        now.append({key: str(value) for key, value in zip(_COLUMNS, values, strict=True)})
    merged = {line["run"]: line for line in [*before, *now]}
    files.write_text(file, tables.csv_of(list(merged.values())))
    return list(merged.values())


def _over_labels(origins: list, labels: list, accuracy: dict, file: Path) -> None:
    def draw(axes: Any) -> None:
        for origin in origins:
            points = [list(_of(accuracy, origin.name, amount).values()) for amount in labels]
            known = [place for place, values in enumerate(points) if values]
            if not known:
                continue
            means, bars = _bars([points[place] for place in known])
            style = {"linestyle": "--", "color": "grey"} if origin.against is None else {}
            axes.errorbar(known, means, bars, marker="o", capsize=3, label=origin.name, **style)
        axes.set_xticks(range(len(labels)), [str(amount) for amount in labels])
        axes.set_xlabel("labelled sentences")

    _draw(draw, file)


def _over_tokens(origins: list, labels: list, lines: list[dict], file: Path) -> None:
    """Draws accuracy over pre-training tokens, for 500 labels or else the fewest."""
    amount = str(500 if 500 in labels else labels[0])
    lines = [line for line in lines if line["labels"] == amount]

    def draw(axes: Any) -> None:
        for origin in origins:
            if origin.against is None:
                continue
            points: dict[float, list[float]] = {}
            for line in lines:
                if line["origin"] in (origin.name, origin.against):
                    value = 100 * float(line["accuracy"])
                    points.setdefault(round(float(line["tokens"]) / 1e6, 1), []).append(value)
            tokens = sorted(points)
            means, bars = _bars([points[place] for place in tokens])
            axes.errorbar(tokens, means, bars, marker="o", capsize=3, label=origin.name)
        axes.set_xscale("symlog", linthresh=1)
        axes.set_xlabel(f"million tokens of pre-training ({amount} labels)")

    _draw(draw, file)


def _bars(points: list[list[float]]) -> tuple[list[float], list[list[float]]]:
    """Means of accuracies in %, and how far their 95 % intervals reach below and above."""
    means = [statistics.fmean(values) for values in points]
    ends = [of_runs(values, (0.0, 100.0)) or (None, None) for values in points]
    reach = [figures.reach(mean, *both) for mean, both in zip(means, ends, strict=True)]
    return means, [[below for below, _ in reach], [above for _, above in reach]]


def _draw(draw: Callable[[Any], None], file: Path) -> None:
    with figures.figure(file) as (_, ((axes,),)):
        draw(axes)
        axes.set_ylabel("test accuracy in %, mean and 95 % interval over seeds")
        axes.legend(fontsize=8)
