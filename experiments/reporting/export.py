"""Tables and pictures as files for a paper: LaTeX, Markdown and CSV; PNG, SVG and PDF."""

import argparse
import re
from collections.abc import Callable, Sequence
from pathlib import Path

from experiments.common import files
from experiments.reporting import screen

TABLES, PICTURES = (".tex", ".md", ".csv"), (".png", ".svg", ".pdf")
EXPORT_HELP = "File for the table: .tex (LaTeX, booktabs), .md or .csv; may be repeated"
_PLOT_HELP = "File for the picture as well: .png, .svg or .pdf; may be repeated"
_SPECIAL = {c: f"\\{c}" for c in "&%$#_{}"} | {
    "\\": r"\textbackslash{}", "~": r"\textasciitilde{}", "^": r"\textasciicircum{}",
    "<": r"\textless{}", ">": r"\textgreater{}", "|": r"\textbar{}", "±": r"$\pm$", "–": "--",
    "−": "$-$", "…": r"\ldots{}", "×": r"$\times$", "≥": r"$\geq$", "≤": r"$\leq$",
    "→": r"$\to$", "≈": r"$\approx$", "*": r"$^{*}$",
}  # fmt: skip


def add_flags(parser: argparse.ArgumentParser) -> None:
    """Adds ``--export`` and ``--plot`` to a command that makes a table and a picture."""
    add = parser.add_argument
    add("--export", action="append", default=[], metavar="FILE", help=EXPORT_HELP)
    add("--plot", action="append", default=[], metavar="FILE", help=_PLOT_HELP)


def check_flags(asked: argparse.Namespace) -> None:
    """Checks the files of both flags before anything runs.

    Raises:
        ValueError: As of :func:`check`.
    """
    check(asked.export, "--export", TABLES)
    check(asked.plot, "--plot", PICTURES)


def check(given: Sequence[str], flag: str, endings: tuple[str, ...]) -> None:
    """Checks the files of a flag before anything runs.

    Raises:
        ValueError: If a file has another ending, or is a folder.
    """
    for name in given:
        known = f"{', '.join(endings[:-1])} or {endings[-1]}"
        if Path(name).suffix.lower() not in endings:
            raise ValueError(f"{flag} {name}: give a file that ends in {known}")
        if Path(name).expanduser().is_dir():
            raise ValueError(f"{flag} {name}: is a folder; give a file that ends in {known}")


def write(given: Sequence[str], document: Callable[[], str], lines: Callable[[], str]) -> list[str]:
    """Writes tables into the files that a user asks for; returns their names.

    Args:
        given: The files; the ending of each chooses its format.
        document: Makes the report in Markdown; LaTeX has its tables.
        lines: Makes the CSV file, with the numbers in full.
    """
    for name in given:
        kind, file = Path(name).suffix.lower(), Path(name).expanduser()
        content = document() if kind == ".md" else ""
        content = lines() if kind == ".csv" else content
        content = latex(document()) if kind == ".tex" else content
        file.parent.mkdir(parents=True, exist_ok=True)
        files.write_text(file, content.rstrip("\n") + "\n")
    return list(given)


def latex(document: str) -> str:
    """The tables of a Markdown document for LaTeX with the package booktabs; text as comments."""
    found = []
    for kind, rows in screen.parsed(document):
        found.append(_tabular(rows) if kind == "table" else "\n".join(f"% {r[0]}" for r in rows))
    lead = "% \\usepackage{booktabs}"
    if any(ord(character) >= 0x2E80 for character in document):
        lead += "\n% Chinese characters: XeLaTeX or LuaLaTeX with \\usepackage{ctex}"
    return "\n\n".join([lead, *found]) + "\n"


def _tabular(cells: list[list[str]]) -> str:
    right = screen.numeric(cells, 1)
    sides = "".join("r" if at in right else "l" for at in range(len(cells[0])))
    head, *rows = [f"{' & '.join(map(escaped, row))} \\\\" for row in cells]
    return "\n".join(
        [rf"\begin{{tabular}}{{{sides}}}", r"\toprule", head, r"\midrule", *rows, r"\bottomrule",
         r"\end{tabular}"]
    )  # fmt: skip


def escaped(text: str) -> str:
    """A text for LaTeX, in which no character is a command."""
    return re.sub(".", lambda one: _SPECIAL.get(one[0], one[0]), text)
