"""Help texts in the columns of the terminal: paragraphs are wrapped, commands stay commands."""

import argparse
import os
import re
import shutil
import sys

from datamodules.text_tables import width, wrapped

_LEAST, _MOST = 40, 120  # columns of a text; a longer line is hard to read


def columns(piped: int = 80) -> int:
    """The columns of the terminal; ``piped`` where there is none, unless COLUMNS is set."""
    if not sys.stdout.isatty() and "COLUMNS" not in os.environ:
        return piped
    return max(_LEAST, shutil.get_terminal_size((80, 24)).columns)


def text_columns() -> int:
    """The columns of a paragraph."""
    return min(_MOST, columns())


def refilled(doc: str, most: int) -> list[str]:
    """A docstring in lines of at most so many columns.

    Args:
        doc: Paragraphs, and blocks of indented command lines.
        most: The columns of a line.
    """
    lines: list[str] = []
    for paragraph in re.split(r"\n\s*\n", doc.strip("\n")):
        rows = paragraph.splitlines()
        if all(row.startswith(" ") or not row for row in rows):
            lines += _commands(rows, most)
        elif all(width(row) <= most for row in rows):
            lines += rows
        else:
            lines += wrapped(paragraph, most)
        lines.append("")
    return lines[:-1]


def _commands(rows: list[str], most: int) -> list[str]:
    """Command lines as they are if they all fit, else broken before flags and words."""
    if all(width(row) <= most for row in rows):
        return rows
    found: list[str] = []
    for row in re.sub(r"\\\n\s*", "", "\n".join(rows)).splitlines():
        command, _, comment = row.partition(" # ")
        lead = re.match(r"\s*", row)[0]  # type: ignore[index]
        found += wrapped(comment, most, f"{lead}# ") if comment else []
        pieces = re.split(r" +(?=--|'|\")", command.strip())
        if width(lead + max(pieces, key=width)) > most and not re.search("['\"]", command):
            pieces = command.split()
        line = lead + pieces[0]
        for piece in pieces[1:]:
            if width(f"{line} {piece} \\") > most:
                found.append(f"{line} \\")
                line = f"{lead}    {piece}"
            else:
                line += f" {piece}"
        found.append(line)
    return found


class HelpFormatter(argparse.HelpFormatter):
    """The help of a tool: its docstring and its flags, as wide as the terminal."""

    def __init__(self, prog: str) -> None:
        super().__init__(prog, width=text_columns())

    def _fill_text(self, text: str, width: int, indent: str) -> str:
        return "\n".join(indent + line for line in refilled(text, width))

    def _format_usage(self, usage, actions, groups, prefix):  # type: ignore[no-untyped-def]
        if usage is None:
            return super()._format_usage(usage, actions, groups, prefix)
        whole = re.sub(r"\[[^\]]*\]", lambda part: part[0].replace(" ", "\0"), usage)
        lines = wrapped(whole, self._width, "    ", "usage: ")
        return "\n".join([*lines, "", ""]).replace("\0", " ")
