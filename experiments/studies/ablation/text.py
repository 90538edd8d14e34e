"""Formats a report as Markdown tables and as CSV."""

from experiments.reporting import tables
from experiments.studies.ablation.analysis import Line, Report

COSTS = {  # heading and format of the value
    "parameters": ("trained parameters", "{:,.0f}".format),
    "seconds": ("s", "{:.0f}".format),
    "tokens_per_second": ("tokens/s", "{:,.0f}".format),
    "peak_memory_bytes": ("peak memory", tables.size),
}
Cell = tuple[str, float | str | None]  # the text, and the value to sort by


def heading(report: Report) -> str:
    """The title of a report: its name, its metric, and its numbers of combinations and seeds."""
    better = "higher" if report.higher else "lower"
    count, seeds = len(report.lines), report.seeds
    return (
        f"{report.name}: {report.metric} ({better} is better) of {count} "
        f"combination{'s' * (count > 1)}, {seeds} seed{'s' * (seeds > 1)}"
    )


def percent(report: Report) -> str:
    """The level of the intervals, as 95 %."""
    return f"{100 * (1 - report.alpha):g} %"


def spread(mean: float, deviation: float | None) -> str:
    """A mean with its deviation, if it has one."""
    return f"{mean:.4f}" + ("" if deviation is None else f" ± {deviation:.4f}")


def qualities(report: Report) -> tuple[list[str], list[list[Cell]]]:
    """Headings and a row for each combination; * marks the Pareto front of a cost."""
    others = list(report.lines[0].others)
    head = [*report.keys, report.metric, f"{percent(report)} interval", *others]
    head += ["seeds", *(name for name, _ in COSTS.values())]
    rows = []
    for line in report.lines:
        low_high = "–" if line.half is None else f"{line.mean - line.half:.4f} to "
        low_high += "" if line.half is None else f"{line.mean + line.half:.4f}"
        row: list[Cell] = [_setting(line, key) for key in report.keys]
        row += [(spread(line.mean, line.deviation), line.mean), (low_high, line.half)]
        row += [(spread(*line.others[name]), line.others[name][0]) for name in others]
        row += [(str(len(line.values)), len(line.values))]
        for cost, (_, read) in COSTS.items():
            mark = " *" if cost in line.fronts else ""
            row.append((read(line.costs[cost]) + mark, line.costs[cost]))
        rows.append(row)
    return head, rows


def differences(report: Report) -> tuple[list[str], list[list[Cell]]]:
    """Headings and a row for each combination except the baseline."""
    head = [f"against {report.baseline.name}", "difference", f"{percent(report)} interval"]
    head += ["p (t)", "p (Holm)", "p (exact)", "verdict", "seeds to show it"]
    rows = []
    for line in report.lines:
        if (found := line.difference) is None:
            continue
        low_high = "–"
        if found.half is not None:
            low_high = f"{found.mean - found.half:+.4f} to {found.mean + found.half:+.4f}"
        needed = "–"
        if found.verdict == "not shown" and found.seeds > 1:
            needed = "more than 1,000" if found.needed is None else f"about {found.needed}"
            needed = "–" if found.half is None else needed
        rows.append(
            [
                (line.name, line.name),
                (f"{found.mean:+.4f}", found.mean),
                (low_high, found.half),
                *((_p(p), p) for p in (found.p, found.holm, found.exact)),
                (found.verdict, found.verdict),
                (needed, found.needed),
            ]
        )
    return head, rows


def settings(report: Report) -> tuple[list[str], list[list[Cell]]]:
    """Headings and a row for each combination, of the settings that differ beside the varied."""
    head = [", ".join(report.keys), *report.settings.head]
    rows = report.settings.rows
    return head, [[(text, text) for text in (name, *cells)] for name, cells in rows.items()]


def _setting(line: Line, key: str) -> Cell:
    value = line.settings.get(key, "–")
    try:
        return value, float(value)
    except ValueError:
        return value, value


def _p(value: float | None) -> str:
    return "–" if value is None else "< 0.0001" if value < 1e-4 else f"{value:.4f}"


def markdown(report: Report) -> str:
    """The report in Markdown."""
    parts = [heading(report)]
    for head, rows in (qualities(report), differences(report)):
        if rows:
            parts.append(tables.aligned([head, *([text for text, _ in row] for row in rows)]))
    if report.settings.about:
        parts.append(report.settings.about)
    if report.settings.head:
        head, rows = settings(report)
        parts.append(tables.aligned([head, *([text for text, _ in row] for row in rows)]))
    parts.append(explanation(report))
    if report.notes:
        parts.append("\n".join(f"note: {note}" for note in report.notes))
    return "\n\n".join(parts) + "\n"


def explanation(report: Report) -> str:
    """The sentences below the tables: seeds, data, commits and tests."""
    tests = (
        f"Differences are paired by seed; verdicts by the paired t test at {report.alpha:g} after "
        f"Holm's correction for all of them; exact: the sign-flip test, uncorrected. "
    )
    front = "* on the Pareto front: no other is as good for less."
    return f"{report.about}. {tests * (len(report.lines) > 1)}{front}"


def summary(report: Report) -> str:
    """The report as CSV, with a line for each combination."""
    lines = []
    for line in report.lines:
        row = {"combination": line.name, **{key: line.settings.get(key) for key in report.keys}}
        row |= {"metric": report.metric, "seeds": len(line.values), "mean": line.mean}
        row |= {"deviation": line.deviation}
        if line.half is not None:
            row |= {"low": line.mean - line.half, "high": line.mean + line.half}
        for name, (mean, deviation) in line.others.items():
            row |= {name: mean, f"{name} deviation": deviation}
        row |= line.costs | {"pareto": " ".join(line.fronts)}
        if found := line.difference:
            row |= {"difference": found.mean}
            if found.half is not None:
                row |= {"difference low": found.mean - found.half}
                row |= {"difference high": found.mean + found.half}
            row |= {"p": found.p, "p holm": found.holm, "p exact": found.exact}
            row |= {"verdict": found.verdict, "seeds needed": found.needed}
        else:
            row |= {"verdict": "baseline"}
        lines.append(row)
    return tables.csv_of(lines)
