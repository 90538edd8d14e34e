"""Makes the report of an ablation as one HTML file that needs no other."""

import json
from dataclasses import asdict
from pathlib import Path

from markupsafe import Markup

from experiments.common.files import finite
from experiments.common.metrics import facts
from experiments.common.redaction import redact
from experiments.reporting import pages
from experiments.studies.ablation import text
from experiments.studies.ablation.analysis import Report
from experiments.studies.ablation.figure import chosen_curve

_TEMPLATE = Path(__file__).with_name("page.html")
_MEANINGS = {
    "better": "better than the baseline",
    "worse": "worse",
    "not shown": "not shown to differ",
    "not tested": "not tested",
    "different": "different, of unknown direction",
    "not comparable": "not comparable",
}


def page(report: Report, command: str) -> str:
    """The complete file, with sortable tables and charts; ``command`` is the line that made it."""
    verdicts = [line.difference.verdict for line in report.lines if line.difference]
    places = range(len(report.lines))  # a line's place chooses its colour
    compared = [place for place in places if report.lines[place].difference]
    return pages.render(
        _TEMPLATE,
        report=report,
        heading=text.heading(report).partition(": ")[2],
        meanings=_MEANINGS,
        verdicts=[
            (word, verdicts.count(word), meaning)
            for word, meaning in _MEANINGS.items()
            if word in verdicts
        ],
        qualities=(*text.qualities(report), places),
        differences=(*text.differences(report), compared),
        settings=(*text.settings(report), places) if report.settings.head else None,
        about=text.explanation(report),
        command=command,
        data=_data(report),
    )


def _bounds(report: Report, metric: str) -> list[float]:
    """The least and the largest value of a metric; a bound that it does not have is infinite."""
    means = [mean for band in report.curves.get(metric, {}).values() for mean in band["mean"]]
    known = facts(metric, report.metric_facts)
    return list(known.bounds(means or [line.mean for line in report.lines]))


def _data(report: Report) -> Markup:
    """The report as JSON for a script element."""
    shown = asdict(report) | {
        "baseline": report.baseline.name,
        "percent": text.percent(report),
        "chosen": chosen_curve(report),
        "bounds": {name: _bounds(report, name) for name in (report.metric, *report.curves)},
        "costs": {name: title for name, (title, _) in text.COSTS.items()},
    }
    # Inside a script element, "<" could begin a tag or a comment.
    return Markup(json.dumps(finite(redact(shown)), allow_nan=False).replace("<", "\\u003c"))
