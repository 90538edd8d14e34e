"""The report on a model's errors: its tables and sentences, as text, page and files."""

import base64
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from datamodules.text_tables import wrapped
from experiments.common import files
from experiments.reporting import fonts, pages, tables
from experiments.reporting.predicted import calibration, mistakes, pictures, screen
from experiments.reporting.predicted.measures import ece
from experiments.reporting.predicted.table import TEXT, Predicted

Lines = list[dict[str, Any]]
_MANY = 10  # classes beyond which the rarest have a table of their own
_TEMPLATE = Path(__file__).with_name("page.html")


@dataclass
class Errors:
    """The errors of a model on a split.

    Attributes:
        name: The name of the run.
        heading: A sentence on split and rows.
        facts: Sentences on baseline and calibration.
        tables: The name, a note and the rows of each table.
        measured: The measures of the split.
    """

    name: str
    heading: str
    facts: list[str]
    measured: dict[str, Any]
    tables: dict[str, tuple[str, Lines]] = field(default_factory=dict)


def make(
    name: str, splits: dict[str, Predicted], split: str, measured: dict[str, Any], top: int
) -> Errors:
    """Finds the errors of a split.

    Args:
        name: The name of the run.
        splits: The predictions of the run.
        split: The split to report on.
        measured: Its measures.
        top: The most rows of a table of texts.
    """
    found = splits[split]
    number = found.kind == "number"
    right = 0 if number else int(mistakes.is_right(found).sum())
    heading = f"{len(found):,} {split} rows"
    heading += "" if number else f", {len(found) - right:,} of them wrong"
    report = Errors(name, heading, _facts(splits, split, measured), measured)
    made = report.tables
    if classes := measured.get("classes"):
        ordered = sorted(classes, key=lambda one: (one["f1"] is None, one["f1"] or 0.0))
        made["classes"] = "the least F1 first", ordered
    if cells := measured.get("confusions"):
        made["confusions"] = "the largest first", cells
    note = "the worst first" if number else "the most confident first; the label can be the mistake"
    worst = [mistakes.row(found, at) for at in mistakes.worst(found, top)]
    made["mistakes"] = f"{note}; the first {TEXT} characters of each text", worst
    rare = mistakes.rarity(found)
    made["slices"] = (
        "quarters of the rows by length and by rare words",
        mistakes.slices(found, rare),
    )
    rarest = sorted(
        (one for one in classes or () if one["support"]), key=lambda one: one["support"]
    )
    if len(rarest) > _MANY:
        made["rarest classes"] = "the classes with the fewest rows", rarest[:top]
    longest = sorted(range(len(found)), key=lambda at: -int(found.lengths[at]))[:top]
    made["longest"] = (
        "",
        [{"characters": int(found.lengths[at]), **mistakes.row(found, at)} for at in longest],
    )
    oddest = sorted(range(len(found)), key=lambda at: -float(rare[at]))[:top]
    made["rare words"] = (
        "share of a text's words that are in no other text",
        [{"share": round(float(rare[at]), 4), **mistakes.row(found, at)} for at in oddest],
    )
    return report


def _facts(splits: dict[str, Predicted], split: str, measured: dict[str, Any]) -> list[str]:
    said = []
    for name in ("accuracy", "exact_match", "mse"):
        if name in measured:
            base = screen.baseline(measured)
            said.append(f"{name} {measured[name]:.4f}; baseline: {base}")
    if measured.get("f1_macro") is not None:
        said.append(f"F1 {measured['f1_macro']:.4f} macro, {measured['f1_micro']:.4f} micro")
    if fonts.font_for(splits[split].names) is None:
        numbered = [
            f"#{at} {name}" for at, name in enumerate(splits[split].names) if fonts.needs_font(name)
        ]
        more = ", ..." * (len(numbered) > 8)
        listed = f"{', '.join(numbered[:8])}{more}"
        said.append(f"no font here has Chinese characters, so pictures show numbers: {listed}")
    error = ece(splits[split])
    if error is None:
        return said
    line = f"expected calibration error {error:.4f}"
    fitted = splits.get("validation")
    if split != "validation" and fitted is not None:
        after = calibration.after_scaling(splits[split], fitted)
        if after is not None:
            heat, scaled = after
            line += f"; {scaled:.4f} with temperature {heat:.3g}, fitted on validation"
    return [*said, line]


def on_screen(report: Errors, most: int = 5) -> str:
    """The report in at most 80 columns: facts, classes, confusions and the worst mistakes."""
    facts = [line for fact in report.facts for line in wrapped(fact, 80, "  ", "")]
    parts = [f"{report.name}: {report.heading}", "\n".join(facts)]
    if by_class := screen.classes(report.measured):
        parts.append(by_class)
    if said := screen.confused(report.measured):
        parts.append(f"confused: {said}")
    note, worst = report.tables["mistakes"]
    if worst:
        lines = [f"mistakes, {note.partition(';')[0]}:"]
        for one in worst[:most]:
            figure = one.get("confidence", one.get("error", ""))
            lead = f"row {one['row']}: {one['label']} as {one['prediction']} {figure}"
            lines.append(f"  {screen.fitted(lead, 76)}")
            lines.append(f"    {screen.fitted(str(one['text']), 74)}")
        parts.append("\n".join(lines))
    return "\n\n".join(part for part in parts if part)


def document(report: Errors) -> str:
    """The tables of classes and confusions in Markdown."""
    parts = [report.heading]
    for name in ("classes", "confusions"):
        if lines := report.tables.get(name, ("", []))[1]:
            rows = [["–" if v is None else str(v) for v in line.values()] for line in lines]
            parts += [f"{name}:", tables.aligned([list(lines[0]), *rows])]
    return "\n\n".join(parts)


def write(
    report: Errors, found: Predicted, folder: Path, command: str, kinds: Sequence[str] = ("png",)
) -> list[str]:
    """Writes page, pictures in each of the formats, and CSV files; returns their names."""
    folder.mkdir(parents=True, exist_ok=True)
    drawn = pictures.draw(found, folder, list(dict.fromkeys(["png", *kinds]))) if len(found) else []
    texts = {f"{name.replace(' ', '_')}.csv": tables.csv_of(v) for name, (_, v) in _kept(report)}
    shown = [
        (n, base64.b64encode((folder / n).read_bytes()).decode())
        for n in drawn
        if n.endswith(".png")
    ]
    texts = {
        "errors.html": pages.render(
            _TEMPLATE,
            title=f"Errors of {report.name}",
            heading=report.heading,
            facts=report.facts,
            tables=[(name, note, lines) for name, (note, lines) in report.tables.items()],
            pictures=shown,
            command=command,
        ),
        **texts,
    }
    for name, content in texts.items():
        files.write_text(folder / name, content)
    return [*list(texts)[:1], *drawn, *list(texts)[1:]]


def _kept(report: Errors) -> list[tuple[str, tuple[str, Lines]]]:
    names = ("classes", "confusions", "mistakes", "slices")
    return [(name, report.tables[name]) for name in names if report.tables.get(name, ("", []))[1]]
