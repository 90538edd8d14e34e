"""Formats a report as Markdown tables and as CSV."""

from experiments.reporting import tables
from experiments.reporting.quality import ends
from experiments.studies.ablation.analysis import Report
from experiments.studies.ablation.lines import Difference, Line

COSTS = {  # heading and format of the value
    "parameters": ("trained parameters", "{:,.0f}".format),
    "seconds": ("s", "{:.0f}".format),
    "tokens_per_second": ("tokens/s", "{:,.0f}".format),
    "peak_memory_bytes": ("peak memory", tables.size),
}
_TESTS = {"paired_t": "t", "exact": "exact"}
_TESTS |= {"mcnemar": "McNemar", "bootstrap": "bootstrap"}
Cell = tuple[str, float | str | None]  # the text, and the value to sort by


def heading(report: Report) -> str:
    """The title of a report: its name, its metric, and its numbers of combinations and seeds."""
    better = {True: "higher is better", False: "lower is better", None: "direction unknown"}
    count, seeds = len(report.lines), report.seeds
    return (
        f"{report.name}: {report.metric} ({better[report.higher]}) of {count} "
        f"combination{'s' * (count > 1)}, {seeds} seed{'s' * (seeds > 1)}"
    )


def percent(report: Report) -> str:
    """The level of the intervals, as 95 %."""
    return f"{100 * (1 - report.alpha):g} %"


def spread(mean: float, deviation: float | None) -> str:
    """A mean ± its standard deviation over seeds, if it has one."""
    return f"{mean:.4f}" + ("" if deviation is None else f" ± {deviation:.4f}")


def qualities(report: Report) -> tuple[list[str], list[list[Cell]]]:
    """Headings and a row for each combination; * marks the Pareto front of a cost."""
    others = list(report.lines[0].others)
    head = [*report.keys, report.metric, f"{percent(report)} interval", *others]
    head += ["seeds", *(name for name, _ in COSTS.values())]
    rows = []
    for line in report.lines:
        row: list[Cell] = [_setting(line, key) for key in report.keys]
        row += [(spread(line.mean, line.deviation), line.mean)]
        row += [(ends(line.low, line.high), line.low)]
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
    head += ["p", "p (Holm)", "verdict", "seeds to show it"]
    every = [line.difference for line in report.lines if line.difference]
    shown = [name for name in _TESTS if any(getattr(one, name) is not None for one in every)]
    head += [f"p ({_TESTS[name]})" for name in shown]
    rows = []
    for line in report.lines:
        if (found := line.difference) is None:
            continue
        rows.append(
            [
                (line.name, line.name),
                ("–" if found.mean is None else f"{found.mean:+.4f}", found.mean),
                (ends(found.low, found.high, "+"), found.low),
                *((_p(p), p) for p in (found.p, found.holm)),
                (found.verdict, found.verdict),
                (_needed(found), found.needed),
                *((_p(p), p) for p in (getattr(found, name) for name in shown)),
            ]
        )
    return head, rows


def _needed(found: Difference) -> str:
    """The number of seeds that would show a difference, in words."""
    if found.verdict != "not shown" or found.low is None:
        return "–"
    if found.needed is not None:
        return f"about {found.needed}"
    return "more rows" if found.by_rows else "more than 1,000"


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


def texts(rows: list[list[Cell]]) -> list[list[str]]:
    """The rows of a table without the values to sort by."""
    return [[text for text, _ in row] for row in rows]


def markdown(report: Report) -> str:
    """The report in Markdown."""
    parts = [heading(report)]
    parts += [
        tables.aligned([head, *texts(rows)])
        for head, rows in (qualities(report), differences(report))
        if rows
    ]
    if report.settings.about:
        parts.append(report.settings.about)
    if report.settings.head:
        head, rows = settings(report)
        parts.append(tables.aligned([head, *texts(rows)]))
    parts.append(explanation(report))
    if report.notes:
        parts.append("\n".join(f"note: {note}" for note in report.notes))
    return "\n\n".join(parts) + "\n"


def explanation(report: Report) -> str:
    """The sentences below the tables: seeds, data, commits and tests."""
    held = sorted({line.errors for line in report.lines if line.errors})
    said = [f"{report.about}."]
    if held:
        said.append(f"Intervals hold the errors of {' or '.join(held)}.")
    rows = any(n.difference and n.difference.rows_p is not None for n in report.lines)
    if len(report.lines) > 1:
        said.append(
            f"Differences are paired by seed, and by row where predictions are kept. Verdicts "
            f"by p at {report.alpha:g} after Holm's correction for all of them. Uncorrected, for "
            f"these rows: the paired t and the sign-flip test (exact)"
            + ("; for these runs: McNemar's test and the paired bootstrap." if rows else ".")
        )
    if any(line.fronts for line in report.lines):
        said.append("* on the Pareto front: no other is as good for less.")
    return " ".join(said)


def summary(report: Report) -> str:
    """The report as CSV, with a line for each combination."""
    lines = []
    for line in report.lines:
        row = {"combination": line.name, **{key: line.settings.get(key) for key in report.keys}}
        row |= {"metric": report.metric, "seeds": len(line.values), "mean": line.mean}
        row |= {"deviation": line.deviation}
        row |= {"low": line.low, "high": line.high, "errors": line.errors}
        for name, (mean, deviation) in line.others.items():
            row |= {name: mean, f"{name} deviation": deviation}
        row |= line.costs | {"pareto": " ".join(line.fronts)}
        if found := line.difference:
            row |= {"difference": found.mean}
            row |= {"difference low": found.low, "difference high": found.high}
            row |= {"p": found.p, "p holm": found.holm, "p t": found.paired_t}
            row |= {"p exact": found.exact, "p mcnemar": found.mcnemar}
            row |= {"p bootstrap": found.bootstrap}
            row |= {"verdict": found.verdict, "seeds needed": found.needed}
        else:
            row |= {"verdict": "baseline"}
        lines.append(row)
    return tables.csv_of(lines)
