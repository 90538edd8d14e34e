"""The report on the benefit of pre-training: tables, CSV, curves over labels and tokens."""

import csv
import statistics
from pathlib import Path
from typing import Any

from experiments.common import files
from experiments.reporting import screen, tables
from experiments.reporting.quality import BOTH, Quality, change, quality
from experiments.reporting.results import commits
from experiments.studies import pretraining_pictures

METRIC = "test/accuracy"
_COLUMNS = ("origin", "size", "tokens", "seconds", "labels", "seed", "accuracy", "run", "commit")
_COLUMNS += ("pretraining",)
Runs = dict[int, dict[str, Any]]  # result.json by seed


def report(root: Path, size: str, origins: list, made: dict, tuned: dict, ways: dict) -> None:
    """Writes and prints the report.

    Args:
        root: The folder of the study.
        size: The size of the networks.
        origins: The origins of ``studies.pretraining``, in the order of the table.
        made: The results of the pre-training runs by (name, seed).
        tuned: The results of the fine-tuning runs by (name, labels, seed).
        ways: The flags of pre-training by name, without the budget: values of other ways that
            earlier calls left in ``runs.csv`` are neither compared nor drawn.
    """
    if held := [result["run"] for result in tuned.values() if result.get("held_out")]:
        raise ValueError(
            f"--hold_out_test true: this report is of test rows, and {len(held):,} runs hold them "
            f"out, such as {held[0]}: test them with --resume RUN --hold_out_test false"
        )
    labels = list(dict.fromkeys(amount for _, amount, _ in tuned))
    lines = _remember(root / "runs.csv", size, origins, made, tuned, ways)
    named = [line for line in lines if line["size"] == size and line["origin"] in ways]
    of_size = [line for line in named if line["pretraining"] == ways[line["origin"]]]
    others = [line for line in named if line["pretraining"] != ways[line["origin"]]]
    parts = [
        _accuracies(origins, labels, made, tuned),
        _differences(origins, labels, tuned),
        _costs(origins, of_size),
        _about(labels, made, tuned),
    ]
    if any(origin.backbone is None for origin in origins):
        parts[-1] += f"; new networks: {size}"
    text = "\n\n".join(part for part in parts if part) + "\n"
    files.write_text(root / "table.md", text)
    pretraining_pictures.over_labels(origins, labels, tuned, root / "labels.svg")
    pretraining_pictures.over_tokens(origins, labels, of_size, root / "tokens.svg")
    print(f"\n{screen.shown(text)}\n")
    if others:
        names = ", ".join(dict.fromkeys(line["origin"] for line in others))
        print(
            f"note   {len(others)} values in runs.csv are of pre-training with other flags "
            f"({names}): neither compared nor drawn"
        )
    print(f"done   {root} (table.md, runs.csv, labels.svg, tokens.svg, runs/)")


def runs_of(tuned: dict, name: str, labels: Any) -> Runs:
    """The runs of an origin with so many labels, by seed."""
    return {s: run for (n, a, s), run in sorted_by_seed(tuned) if (n, a) == (name, labels)}


def sorted_by_seed(tuned: dict) -> list:
    """The results of fine-tuning, in the order of their seeds."""
    return sorted(tuned.items(), key=lambda item: item[0][2])


def _about(labels: list, made: dict, tuned: dict) -> str:
    """What holds for all figures: runs, test rows, errors in the intervals, commit."""
    seeds = {a: len({s for _, b, s in tuned if b == a}) for a in labels}
    most = max(seeds.values())
    fewer = [f", {n} with {_said(a)}" for a, n in seeds.items() if n < most]
    rows = [
        run["data"]["rows"][run["data"]["test_split"]]
        for run in (next(r for (_, b, _), r in tuned.items() if b == a) for a in labels)
    ]
    counts = " and ".join(f"{count:,}" for count in sorted(set(rows)))
    each = len({seed for _, seed in made})
    shared = f"{each} pre-trainings" if each > 1 else "one pre-training"
    held = {p.errors for a in labels for p in _qualities(tuned, a) if p.errors}
    errors = "seeds and test rows" if held == {BOTH} else " or ".join(sorted(held)) or "nothing"
    return (
        f"Test accuracy in % over {most} seeds of fine-tuning{''.join(fewer)}; gains are paired "
        f"by seed and by test row; 95 % intervals hold the errors of {errors}, for {shared} of "
        f"each network; {counts} test rows of {next(iter(tuned.values()))['data']['origin']}; "
        f"commit: {commits([*made.values(), *tuned.values()])}"
    )


def _qualities(tuned: dict, labels: Any) -> list[Quality]:
    names = dict.fromkeys(name for name, _, _ in tuned)
    found = (runs_of(tuned, name, labels) for name in names)
    return [quality(runs, METRIC) for runs in found if runs]


def _said(labels: Any) -> str:
    return "all labels" if labels == "all" else f"{labels:,} labels"


def _value(runs: Runs) -> str:
    if not runs:
        return "–"
    found = quality(runs, METRIC)
    if found.low is None or found.high is None:
        return f"{100 * found.mean:.1f}"
    return f"{100 * found.mean:.1f} ({100 * found.low:.1f} to {100 * found.high:.1f})"


def _gain(ours: Runs, theirs: Runs) -> str:
    """The gain in points, bold where its interval is above 0."""
    if not ours.keys() & theirs.keys():
        return "–"
    found = change(ours, theirs, METRIC)
    if found.low is None or found.high is None:
        return f"{100 * found.mean:+.1f}"
    low, high = 100 * found.low, 100 * found.high
    said = f"{100 * found.mean:+.1f} ({low:+.1f} to {high:+.1f})"
    return f"**{said}**" if low > 0 else said


def _accuracies(origins: list, labels: list, made: dict, tuned: dict) -> str:
    cells = [["accuracy", *map(_said, labels), "tokens", "s", "tokens/s"]]
    for origin in origins:
        runs = [result for (name, _), result in made.items() if name == origin.name]
        if not runs:
            continue
        values = [_value(runs_of(tuned, origin.name, amount)) for amount in labels]
        tokens = statistics.fmean(run["tokens"] for run in runs)
        seconds = statistics.fmean(run["training_seconds"] for run in runs)
        cost = ["0", "", ""]
        if tokens:
            cost = [f"{tokens / 1e6:.2f} M", f"{seconds:.0f}", f"{tokens / seconds:,.0f}"]
        cells.append([origin.name, *values, *cost])
    return tables.aligned(cells)


def _differences(origins: list, labels: list, tuned: dict) -> str:
    """A table of gains, paired by seed: with the same labelled rows, order and head."""
    cells = [["gain, points", *map(_said, labels), "against"]]
    for origin in origins:
        if origin.against is None:
            continue
        pairs = [
            (runs_of(tuned, origin.name, amount), runs_of(tuned, origin.against, amount))
            for amount in labels
        ]
        cells.append([origin.name, *(_gain(*pair) for pair in pairs), origin.against])
    return tables.aligned(cells)


def _costs(origins: list, lines: list[dict]) -> str:
    """A table of gains by minutes of pre-training, over all budgets so far; "" of one budget."""
    rows = []
    amounts = sorted({line["labels"] for line in lines}, key=lambda a: (not a.isdigit(), len(a), a))
    for origin in origins:
        if origin.against is None:
            continue
        own = [line for line in lines if line["origin"] == origin.name]
        for tokens in sorted({float(line["tokens"]) for line in own}):
            here = [line for line in own if float(line["tokens"]) == tokens]
            minutes = statistics.fmean(float(line["seconds"]) for line in here) / 60
            gains = [
                _gain(as_runs(here, amount), as_runs(lines, amount, origin.against))
                for amount in amounts
            ]
            rows.append([origin.name, f"{minutes:.1f}", f"{tokens / 1e6:.2f} M", *gains])
    if len(rows) == len({row[0] for row in rows}) and len(amounts) == 1:
        return ""
    named = [f"{int(one):,} labels" if one.isdigit() else f"{one} labels" for one in amounts]
    return tables.aligned([["gain, points", "minutes", "tokens", *named], *rows])


def as_runs(lines: list[dict], labels: str, origin: str | None = None) -> Runs:
    """The lines of runs.csv with so many labels, as results by seed."""
    return {
        int(line["seed"]): {"metrics": {METRIC: float(line["accuracy"])}, "run": line["run"]}
        for line in lines
        if line["labels"] == labels and origin in (None, line["origin"])
    }


def _remember(
    file: Path, size: str, origins: list, made: dict, tuned: dict, ways: dict
) -> list[dict]:
    """Adds the values of this call to those of earlier ones, with other budgets, sizes or labels.

    All stay in the file, those of pre-training with other flags, too.
    """
    before = list(csv.DictReader(file.open(encoding="utf-8"))) if file.exists() else []
    against = {origin.name: origin.against for origin in origins}
    now = []
    for (name, labels, seed), result in tuned.items():
        source = [made[key] for key in sorted(made) if key[0] == name]
        source = source[seed % len(source)]
        cost = (source["tokens"], source["training_seconds"]) if against[name] else (0, 0)
        found = (result["metrics"][METRIC], result["run"], result["git_commit"])
        values = (name, size, *cost, labels, seed, *found, ways[name])
        now.append({key: str(value) for key, value in zip(_COLUMNS, values, strict=True)})
    merged = {line["run"]: {"pretraining": "", **line} for line in [*before, *now]}
    files.write_text(file, tables.csv_of(list(merged.values())))
    return list(merged.values())
