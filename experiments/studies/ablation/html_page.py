"""A report as one HTML file that needs nothing else: tables that sort, charts that answer."""

import html
import json
from collections.abc import Iterable
from dataclasses import asdict
from pathlib import Path
from string import Template

from experiments.common.redaction import redact
from experiments.studies.ablation import text
from experiments.studies.ablation.analysis import Report
from experiments.studies.ablation.figure import chosen_curve

_TEMPLATE = Path(__file__).with_name("page.html")
_VERDICTS = {
    "better": "better than the baseline",
    "worse": "worse",
    "not shown": "not shown to differ",
    "not tested": "not tested",
}


def page(report: Report, command: str) -> str:
    """The whole file; ``command`` is what made it."""
    notes = "".join(f"<li>{html.escape(note)}</li>" for note in report.notes)
    places = range(len(report.lines))  # which choose the colours
    compared = [place for place in places if report.lines[place].difference]
    return Template(_TEMPLATE.read_text()).substitute(
        title=html.escape(report.name),
        heading=html.escape(text.heading(report).partition(": ")[2]),
        verdict=_verdict(report),
        qualities=_table("qualities", *text.qualities(report), places),
        differences=_table("differences", *text.differences(report), compared),
        notes=f"<ul>{notes}</ul>" if notes else "",
        about=html.escape(text.explanation(report)),
        command=html.escape(command),
        data=_data(report),
    )


def _verdict(report: Report) -> str:
    counts = [line.difference.verdict for line in report.lines if line.difference]
    said = [
        f"<b class={word.split()[0]}>{counts.count(word)}</b> {text}"
        for word, text in _VERDICTS.items()
        if word in counts
    ]
    return (
        f"{', '.join(said) or 'Nothing to compare'}. Baseline: {html.escape(report.baseline.name)}."
    )


def _table(name: str, head: list[str], rows: list[list[text.Cell]], places: Iterable[int]) -> str:
    if not rows:
        return ""
    columns = "".join(
        f"<th scope=col><button type=button>{html.escape(text)}</button></th>" for text in head
    )
    body = ""
    for row, place in zip(rows, places, strict=True):
        dot = f'<span class=dot style="background:var(--c{place % 10})"></span>'
        first, *rest = row
        body += f"<tr>{_cell(*first, dot)}{''.join(_cell(*cell) for cell in rest)}</tr>"
    return (
        f"<div class=wide><table id={name}><thead><tr>{columns}</tr></thead>"
        f"<tbody>{body}</tbody></table></div>"
    )


def _cell(text: str, value: float | str | None, dot: str = "") -> str:
    kind = "" if dot or isinstance(value, str) else " class=number"
    word = f" data-verdict={text.split()[0]}" if text in _VERDICTS else ""
    sort = "" if value is None else html.escape(str(value))
    return f'<td{kind}{word} data-value="{sort}">{dot}{html.escape(text)}</td>'


def _data(report: Report) -> str:
    shown = asdict(report) | {
        "baseline": report.baseline.name,
        "percent": text.percent(report),
        "chosen": chosen_curve(report),
        "costs": {name: text for name, (text, _) in text.COSTS.items()},
    }
    # Inside of a script element a tag, or the beginning of a comment, would be taken for one.
    return json.dumps(redact(shown), allow_nan=False).replace("<", "\\u003c")
